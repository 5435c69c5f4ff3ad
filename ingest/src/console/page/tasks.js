// The plan's task list: figures that Davy computes, and a place to file the others.
// Every text goes through textContent: nothing that somebody wrote can become markup.
"use strict";

const SECTORS = { hazchem: "危化", dust: "粉尘", electricity: "电力" };
const METRICS = { "C-01": "接入", "C-02": "在线", "C-03": "有效覆盖", "C-04": "完整", "C-05": "启用" };
const MARKS = { automatic: "自动 automatic", entries: "需录入 with entries", external: "外部填报 external" };
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

function computed(figures) {
  const box = element("div", "figures");
  for (const figure of figures) {
    const bar = element("span", "bar", element("b"));
    bar.firstChild.style.width = `${(figure.share || 0) * 100}%`;
    const share = figure.share === null ? "–" : `${(figure.share * 100).toFixed(1)} %`;
    const counts = figure.den === null ? "" : ` (${figure.num}/${figure.den})`;
    box.append(element("span", "", `${SECTORS[figure.sector] || figure.sector}`),
      element("span", "", `${figure.metric} ${METRICS[figure.metric] || ""}`), element("span", "", bar, `${share}${counts}`));
  }
  return box;
}

function form(task) {
  const node = element("form", "row");
  const figure = element("input", "long");
  figure.placeholder = "填报数据 Figure";
  figure.maxLength = 200;
  figure.required = true;
  const asOf = element("input");
  asOf.type = "date";
  asOf.required = true;
  asOf.value = new Date(Date.now() + 8 * 3600000).toISOString().slice(0, 10);
  asOf.setAttribute("aria-label", "数据日期 As of");
  node.append(figure, asOf, element("button", "", "填报 File"));
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    file(task, figure.value.trim(), asOf.value);
  });
  return node;
}

async function file(task, figure, day) {
  const by = byId("by").value.trim();
  if (!by) {
    byId("by").classList.add("wanted");
    byId("by").focus();
    return notice("请先填写姓名 Your name is needed first");
  }
  await order(`/api/v1/tasks/${task.row}/figure`, { by, figure, as_of: `${day}T00:00:00+08:00` });
  await load();
}

function figureCell(task) {
  const cell = element("td", "wide");
  if (task.computed) {
    cell.append(task.figures.length > 0 ? computed(task.figures) : "尚无数据 nothing known yet");
    return cell;
  }
  if (task.filed) {
    cell.append(task.filed.figure, small(`${task.filed.by}，${local(task.filed.as_of)}`), small(task.filed.comment));
  }
  cell.append(form(task));
  return cell;
}

function row(task) {
  return element("tr", "",
    element("td", "number", String(task.row), small(`任务 ${task.task}`)),
    element("td", "", task.title.zh, small(task.title.en)),
    element("td", "", task.completion),
    element("td", "", task.units.join("、")),
    element("td", "", task.measure.zh, small(task.measure.en), small([MARKS[task.mark], ...task.metric].join(" · "))),
    figureCell(task));
}

async function load() {
  let answer;
  try {
    answer = await fetch("/api/v1/tasks");
  } catch {
    return notice("连接中断 Davy does not answer", true);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) return notice(body.detail || body.title || `${answer.status}`, true);
  if (missed) notice("");
  const which = byId("which").value;
  const isShown = (task) => which === "all" || (which === "external") === (task.mark === "external");
  byId("rows").replaceChildren(...body.tasks.filter(isShown).map(row));
  byId("as_of").textContent = body.as_of ? `数据日期 as of ${body.as_of}` : "";
  byId("watermark").hidden = !body.simulated;
}

byId("which").addEventListener("change", load);
byId("ask").addEventListener("submit", (event) => event.preventDefault());
byId("by").addEventListener("input", () => byId("by").classList.remove("wanted"));
load();
