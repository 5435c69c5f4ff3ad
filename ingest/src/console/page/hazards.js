// The hazard ledger: leads with their evidence, and a person's judgement.
// Every text goes through textContent: nothing that somebody wrote can become markup.
"use strict";

const STATES = { lead: "线索 lead", major: "重大 major", general: "一般 general", not_founded: "不成立 not founded" };
const VERDICTS = [["major", "重大 Major"], ["general", "一般 General"], ["not_founded", "不成立 Not founded"]];
const REFRESH_MS = 15000;
const byId = (id) => document.getElementById(id);
const local = (stamp) => (stamp ? new Date(stamp).toLocaleString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false }) : "–");

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function small(text) {
  return element("small", "", text || "");
}

// What a failed look said goes with the next one that succeeds; what an order was told stays until the next order.
let missed = false;

function notice(text, isMissed = false) {
  missed = isMissed;
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

async function order(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    notice(answer.ok ? "" : said.detail || said.title || `${answer.status}`);
  } catch {
    notice("未送达，请重试 Not delivered, please try again");
  }
}

function evidence(items) {
  const cell = element("td", "wide");
  for (const item of items) {
    const number = (value) => (value === null ? "–" : String(value));
    cell.append(element("div", "", `${item.rule} ${item.point || item.points.join(", ")}: ${number(item.value)}`,
      small(`最高 worst ${number(item.worst)}，限值 limit ${number(item.limit)}；${local(item.since)} 起 since，报警 alarm ${item.alarm}`),
      small(`读数窗口 readings ${local(item.from)} – ${local(item.to)}；规则版本 rule set ${item.rule_set.slice(0, 12)}`)));
  }
  return cell;
}

function judgement(hazard) {
  const cell = element("td", "wide");
  if (hazard.state !== "lead") {
    cell.append(`${hazard.judged_by || ""} ${local(hazard.judged_at)}`, small(hazard.comment));
    return cell;
  }
  const form = element("form", "row");
  const verdict = element("select");
  verdict.setAttribute("aria-label", "判定 Verdict");
  for (const [value, text] of VERDICTS) {
    const option = element("option", "", text);
    option.value = value;
    verdict.append(option);
  }
  const comment = element("input", "long");
  comment.placeholder = "理由 Reason";
  comment.maxLength = 500;
  comment.required = true;
  form.append(verdict, comment, element("button", "", "判定 Judge"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    judge(hazard, verdict.value, comment.value.trim());
  });
  cell.append(form);
  return cell;
}

async function judge(hazard, verdict, comment) {
  const by = byId("by").value.trim();
  if (!by) {
    byId("by").classList.add("wanted");
    byId("by").focus();
    return notice("请先填写姓名 Your name is needed first");
  }
  if (!confirm(`${hazard.no}: ${STATES[verdict]}?`)) return;
  await order(`/api/v1/hazards/${hazard.id}/judge`, { by, verdict, comment });
  await load();
}

function row(hazard) {
  const name = hazard.enterprise_name;
  return element("tr", "",
    element("td", "", hazard.no, small(local(hazard.opened_at))),
    element("td", "", name ? name.zh : hazard.enterprise, small(name ? name.en : ""), small(hazard.equipment)),
    element("td", "", hazard.title.zh, small(hazard.title.en), small(hazard.ground)),
    evidence(hazard.evidence),
    element("td", "number", String(hazard.repeats), small(local(hazard.last_at))),
    element("td", `state-${hazard.state}`, STATES[hazard.state]),
    judgement(hazard));
}

async function load() {
  let answer;
  try {
    answer = await fetch(`/api/v1/hazards?state=${byId("state").value}`);
  } catch {
    return notice("连接中断 Davy does not answer", true);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) return notice(body.detail || body.title || `${answer.status}`, true);
  if (missed) notice("");
  byId("rows").replaceChildren(...body.hazards.map(row));
  byId("empty").hidden = body.hazards.length > 0;
}

// Not while somebody writes: what is in a form would be gone.
function isBusy() {
  const active = document.activeElement;
  return active && active.closest("tbody") !== null;
}

byId("state").addEventListener("change", load);
byId("ask").addEventListener("submit", (event) => event.preventDefault());
byId("by").addEventListener("input", () => byId("by").classList.remove("wanted"));
setInterval(() => { if (!isBusy()) load(); }, REFRESH_MS);
load();
