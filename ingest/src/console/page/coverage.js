// Coverage: the district by sector and town, down to a unit's day and its missing point.
// Every text goes through textContent: nothing that somebody wrote can become markup.
"use strict";

const REASONS = {
  not_connected: ["未验收接入", "connection not accepted"],
  online_too_low: ["在线率不足", "online rate too low"],
  no_data: ["近日无有效分钟", "no minute of the last days counts"],
  nothing_required: ["无必测点", "the registry requires no point"],
};
const KINDS = {
  reported: "有数据 reported", lost: "缺失 lost", excused: "已报备 excused", system: "系统自身中断 Davy away",
  outside: "不在范围 out of scope", lost_or_outside: "缺失或不在范围 lost or out of scope", ahead: "未到 not judged yet",
};
const CAUSES = {
  closed: "日结 closed", late_readings: "迟到数据 late readings", filing: "报备变更 filing", adopted: "恢复 adopted",
};
const FILINGS = { maintenance: "检修 maintenance", calibration: "校准 calibration", stop: "停产 stop" };
const SVG = "http://www.w3.org/2000/svg";
const CHART_DAYS = 35;
const byId = (id) => document.getElementById(id);
let turn = 0;

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function english(text) {
  const node = element("small", "", text || "");
  node.lang = "en";
  return node;
}

function drawing(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const percent = (share) => (share === null || share === undefined ? "–" : `${(share * 100).toFixed(1)} %`);
const ratio = ({ num, den }) => (den > 0 ? num / den : null);
const bothNames = (name, id) => (name ? [name.zh, " ", english(name.en)] : [id]);
const local = (stamp) => (stamp ? new Date(stamp).toLocaleString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false }) : "–");
const today = () => new Date(Date.now() + 8 * 3600000).toISOString().slice(0, 10);
const daysBefore = (day, n) => new Date(Date.parse(`${day}T00:00:00Z`) - n * 86400000).toISOString().slice(0, 10);

// The address holds what is shown, so that it can be sent to somebody.
function state() {
  const params = new URLSearchParams(location.search);
  const get = (key) => params.get(key) || "";
  return { as_of: get("as_of") || today(), known_at: get("known_at"), sector: get("sector"), town: get("town"), unit: get("unit") };
}

function address(change) {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...state(), ...change })) if (value) params.set(key, value);
  return `/coverage?${params}`;
}

function link(change, ...children) {
  const node = element("a", "", ...children);
  node.href = address(change);
  node.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(change);
  });
  return node;
}

function go(change) {
  history.pushState(null, "", address(change));
  show();
}

async function ask(path, params) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value));
  const response = await fetch(`/api/v1/coverage${path}?${query}`, { cache: "no-store" });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail || body.title || String(response.status));
  return body;
}

function table(heads, rows) {
  const head = element("tr", "", ...heads.map(([zh, en, className]) => element("th", className || "", zh, english(en))));
  const node = element("table", "", element("thead", "", head), element("tbody", "", ...rows));
  return element("div", "scroll", node);
}

const cell = (className, ...children) => element("td", className, ...children);
const number = (text) => cell("number", text);

function measures(figure) {
  return [number(percent(ratio(figure.C03))), number(`${figure.C03.num} / ${figure.C03.den}`), number(percent(ratio(figure.C01))),
    number(percent(figure.C02.mean)), number(percent(ratio(figure.C04)))];
}

const MEASURES = [["有效覆盖 C-03", "effective", "number"], ["家数", "enterprises", "number"], ["接入 C-01", "connected", "number"],
  ["在线 C-02", "online", "number"], ["完整 C-04", "complete", "number"]];

function card(sector, names, className) {
  const line = (zh, en, value) => [element("dt", "", zh, " ", english(en)), element("dd", "", value)];
  return element("section", `card ${className}`,
    element("h3", "", link({ sector: sector.sector, town: "" }, ...bothNames(names.sectors[sector.sector], sector.sector))),
    element("div", "head", percent(ratio(sector.C03))),
    element("div", "", `${sector.C03.num} / ${sector.C03.den} `, english("effectively covered 有效覆盖 C-03")),
    element("dl", "", ...line("接入 C-01", "connected", percent(ratio(sector.C01))), ...line("在线 C-02", "online", percent(sector.C02.mean)),
      ...line("完整 C-04", "complete", percent(ratio(sector.C04))), ...line("及时", "timely", percent(ratio(sector.timely))),
      ...line("有效", "valid", percent(ratio(sector.valid)))));
}

function chart(series, from, to, names) {
  const [width, height, left, bottom] = [900, 190, 42, 20];
  const days = Math.round((Date.parse(to) - Date.parse(from)) / 86400000);
  const x = (day) => left + ((width - left - 10) * Math.round((Date.parse(day) - Date.parse(from)) / 86400000)) / Math.max(days, 1);
  const y = (share) => 10 + (height - bottom - 10) * (1 - share);
  const svg = drawing("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": "近35日有效覆盖率 effective coverage of the last 35 days" });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(drawing("line", { class: "grid", x1: left, x2: width - 10, y1: y(share), y2: y(share) }));
    svg.append(drawing("text", { x: 4, y: y(share) + 4 }, `${share * 100} %`));
  }
  for (const day of [from, daysBefore(to, Math.floor(days / 2)), to]) {
    svg.append(drawing("text", { x: Math.min(x(day), width - 70), y: height - 5 }, day));
  }
  const sectors = [...new Set(series.map((point) => point.sector))].sort();
  sectors.forEach((sector, n) => {
    const points = series.filter((point) => point.sector === sector && point.C03.den > 0);
    const line = points.map((point, m) => `${m ? "L" : "M"}${x(point.day).toFixed(1)} ${y(ratio(point.C03)).toFixed(1)}`).join("");
    const path = drawing("path", { class: `s${n % 3}`, d: line });
    path.append(drawing("title", {}, names.sectors[sector] ? names.sectors[sector].zh : sector));
    svg.append(path);
  });
  return svg;
}

function known(body) {
  const at = body.known.at ? `${local(body.known.at)}，` : "";
  const source = body.source === "memory" ? "内存 memory" : body.source === "database" ? "数据库 database" : "";
  byId("known").textContent = `所知截至 known up to: ${at}记录 record ${body.known.seq} ${source}`;
}

function sealedBox(sealed, names) {
  const shares = (sealed.figures.sectors || []).map((sector) => {
    const name = names.sectors[sector.sector];
    return ` ${name ? name.zh : sector.sector} ${percent(ratio(sector.C03))} (${sector.C03.num}/${sector.C03.den})`;
  });
  return element("p", "sealed", element("b", "", "封存数字 "), english("sealed figure, never changed"), ` ${local(sealed.at)}：`, ...shares,
    sealed.differs ? element("b", "no", " 与当前所知不同 differs from what is known now") : " 与当前所知一致 the same as now");
}

function changeRows(changes) {
  return changes.map((change) => element("tr", "", cell("", change.day),
    cell("", link({ as_of: change.day, unit: `${change.enterprise}/${change.sector}` }, `${change.enterprise} ${change.sector}`)),
    number(`${percent(change.before.online)} → ${percent(change.after.online)}`),
    number(`${change.before.lost} → ${change.after.lost}`), cell("", CAUSES[change.cause] || change.cause),
    cell("", local(change.at)), number(String(change.seq))));
}

async function showDistrict(at) {
  const time = { as_of: at.as_of, known_at: at.known_at };
  const days = ask("/days", { from: daysBefore(at.as_of, CHART_DAYS - 1), to: at.as_of }).catch(() => null);
  const body = await ask("", time);
  const nodes = [];
  const classes = ["", "second", "third"];
  nodes.push(element("div", "cards", ...body.figures.sectors.map((sector, n) => card(sector, body.names, classes[n % 3]))));
  if (body.sealed) nodes.push(sealedBox(body.sealed, body.names));
  const series = await days;
  if (series) nodes.push(chart(series.days, series.from, series.to, body.names));
  if (series && series.older_missing) nodes.push(element("p", "known", `更早的日子缺失 older days are missing: ${series.older_missing}`));
  const rows = body.figures.sectors.flatMap((sector) => sector.towns.map((town) => element("tr", "",
    cell("", link({ sector: sector.sector, town: town.town }, ...bothNames(body.names.towns[town.town], town.town))),
    cell("", ...bothNames(body.names.sectors[sector.sector], sector.sector)), ...measures(town))));
  nodes.push(element("h3", "part", "按镇街 ", english("By town")), table([["镇街", "town"], ["领域", "sector"], ...MEASURES], rows));
  if (body.changes) {
    nodes.push(element("h3", "part", "首次日结之后的变化 ", english(`What changed after days had been stated first${body.changes_cut ? " (cut)" : ""}`)));
    nodes.push(body.changes.length ? table([["日期", "day"], ["企业", "enterprise"], ["在线率", "online", "number"],
      ["缺失分钟", "lost minutes", "number"], ["原因", "cause"], ["得知", "known since"], ["记录", "record", "number"]],
    changeRows(body.changes)) : element("p", "empty", "无 none"));
  }
  return { body, nodes };
}

function reason(unit) {
  if (!unit.in_scope) return cell("", "不在范围 ", english("out of scope"));
  if (unit.effective) return cell("yes", "有效覆盖 ", english("effective"));
  const [zh, en] = REASONS[unit.reason] || [unit.reason, ""];
  return cell("no", `${zh} `, english(en));
}

async function showUnits(at) {
  const body = await ask("/units", { as_of: at.as_of, known_at: at.known_at, sector: at.sector, town: at.town });
  const rows = body.units.map((unit) => element("tr", "",
    cell("", link({ unit: `${unit.enterprise}/${unit.sector}` }, ...bothNames(unit.name, unit.enterprise)), english(unit.enterprise)),
    cell("", ...bothNames(body.names.sectors[unit.sector], unit.sector)), cell("", ...bothNames(body.names.towns[unit.town], unit.town)),
    number(percent(unit.online)), number(percent(unit.mean_online)), cell("", unit.connected ? "是 yes" : "否 no"), reason(unit)));
  const heads = [["企业", "enterprise"], ["领域", "sector"], ["镇街", "town"], ["当日在线", "online that day", "number"],
    ["30日平均", "mean of 30 days", "number"], ["已验收", "accepted"], ["结论", "verdict"]];
  const place = [at.sector && body.names.sectors[at.sector], at.town && body.names.towns[at.town]].filter(Boolean);
  const title = element("h3", "part", place.map((name) => name.zh).join(" · ") || "全部企业", " ", english(place.map((name) => name.en).join(", ") || "all enterprises"));
  return { body, nodes: [back({ sector: "", town: "" }, "全区", "district"), title, rows.length ? table(heads, rows) : element("p", "empty", "无 none")] };
}

const back = (change, zh, en) => element("p", "back", link(change, `← ${zh} `, english(en)));

function dayBar(spans) {
  const svg = drawing("svg", { class: "bar", viewBox: "0 0 1440 10", preserveAspectRatio: "none", role: "img", "aria-label": "当日分钟 minutes of the day" });
  const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
  for (const [from, to, kind] of spans) {
    const piece = drawing("rect", { class: kind, x: from, y: 0, width: to - from, height: 10 });
    piece.append(drawing("title", {}, `${clock(from)}–${clock(to)} ${KINDS[kind] || kind}`));
    svg.append(piece);
  }
  const hours = ["00:00", "06:00", "12:00", "18:00", "24:00"].map((hour) => element("span", "", hour));
  return [svg, element("div", "hours", ...hours)];
}

async function showUnit(at) {
  const [enterprise, sector] = at.unit.split("/");
  const body = await ask(`/units/${encodeURIComponent(enterprise)}/${encodeURIComponent(sector || "")}`, { as_of: at.as_of, known_at: at.known_at });
  const nodes = [back({ unit: "" }, "返回", "back"),
    element("h3", "part", ...bothNames(body.name, body.enterprise), ` · ${body.sector} · ${body.as_of}`)];
  if (body.figure) nodes.push(element("p", "", reasonText(body.figure), ` 30日平均 mean ${percent(body.figure.mean_online)}`));
  nodes.push(...dayBar(body.spans));
  const m = body.minutes;
  nodes.push(element("p", "", `当日在线 online ${percent(m.online)}：有数据 reported ${m.reported}，缺失 lost ${m.lost}，已报备 excused ${m.excused}，系统 system ${m.system}，不在范围 outside ${m.outside}`));
  const points = [...body.points].sort((a, b) => b.lost - a.lost || (a.point < b.point ? -1 : 1)).map((point) => element("tr", "",
    cell(point.lost ? "no" : "", point.point), cell("", ...bothNames(point.equipment_name, point.equipment || "–")), number(String(point.required)),
    number(String(point.reported)), number(String(point.lost)), number(`${point.good} / ${point.expected}`), number(`${point.timely} / ${point.received}`)));
  nodes.push(element("h3", "part", "必测点 ", english("Required points, the most missing first")), table([["测点", "point"], ["设备", "equipment"],
    ["应报分钟", "required minutes", "number"], ["已报", "reported", "number"], ["缺失", "missing", "number"],
    ["有效/应有读数", "good of expected readings", "number"], ["及时/收到", "timely of received", "number"]], points));
  const days = [...body.days].reverse().map((day) => element("tr", "", cell("", link({ as_of: day.day }, day.day)), number(percent(day.online)),
    number(String(day.lost)), number(String(day.excused)), number(String(day.system)), cell("", day.in_scope ? "" : "不在范围 out of scope")));
  nodes.push(element("h3", "part", "近日 ", english("Last days")), table([["日期", "day"], ["在线率", "online", "number"], ["缺失", "lost", "number"],
    ["已报备", "excused", "number"], ["系统", "system", "number"], ["", ""]], days));
  const filings = body.filings.map((filing) => element("li", "", `${filing.id} ${FILINGS[filing.kind] || filing.kind} ${local(filing.from)} – ${local(filing.to)} ${filing.reason}（${filing.filed_by}）${filing.withdrawn_at ? " 已撤回 withdrawn" : ""}`));
  nodes.push(element("h3", "part", "报备 ", english("Filings")), filings.length ? element("ul", "", ...filings) : element("p", "empty", "无 none"));
  const signed = body.acceptance;
  nodes.push(element("p", "", signed ? `${signed.accepted ? "已验收 accepted" : "验收已撤销 revoked"}：${signed.by || "–"}，${local(signed.at)} ${signed.comment || ""}` : "未验收 not accepted"));
  return { body, nodes };
}

function reasonText(figure) {
  const made = reason(figure);
  return element("b", made.className, ...made.childNodes);
}

async function show() {
  const own = ++turn;
  const at = state();
  byId("as_of").value = at.as_of;
  byId("as_of").max = today();
  byId("known_at").value = at.known_at;
  const view = byId("view");
  try {
    const made = at.unit ? showUnit(at) : at.sector || at.town ? showUnits(at) : showDistrict(at);
    const { body, nodes } = await made;
    if (own !== turn) return;
    byId("notice").hidden = true;
    known(body);
    view.classList.toggle("simulated", Boolean(body.simulated));
    view.replaceChildren(...nodes);
  } catch (error) {
    if (own !== turn) return;
    byId("notice").textContent = `无法显示 Cannot be shown: ${error.message}`;
    byId("notice").hidden = false;
    byId("known").textContent = "";
    view.classList.remove("simulated");
    view.replaceChildren();
  }
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  go({ as_of: byId("as_of").value, known_at: byId("known_at").value.trim() });
});
window.addEventListener("popstate", show);
show();
