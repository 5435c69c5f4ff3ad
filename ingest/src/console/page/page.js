// The live page: holds the open alarms as the stream tells them and draws them, worst first.
// Every text goes through textContent: nothing a gateway or an officer wrote can become markup.
"use strict";

const SEVERITIES = {
  red: { rank: 3, zh: "红", en: "red", word: "红色" },
  orange: { rank: 2, zh: "橙", en: "orange", word: "橙色" },
  yellow: { rank: 1, zh: "黄", en: "yellow", word: "黄色" },
  blue: { rank: 0, zh: "蓝", en: "blue", word: "蓝色" },
};
const STATES = {
  unacknowledged: ["未签收", "unacknowledged"],
  acknowledged: ["已签收", "acknowledged"],
  returned_unacknowledged: ["已恢复，未签收", "returned, unacknowledged"],
  suppressed_by_design: ["报备作业中，已抑制", "suppressed: filed work goes on"],
};
const COMPONENTS = {
  engine: ["研判引擎", "engine"], journal: ["日志", "journal"], broker: ["消息接入", "broker"],
  database_business: ["数据库·报警", "database, alarms"], database_readings: ["数据库·读数", "database, readings"],
};
const CONDITIONS = { up: ["正常", "up"], "catching-up": ["追补中", "catching up"], down: ["中断", "down"] };
const PROBLEMS = {
  "not-latched": "该报警会自行恢复", "still-in-breach": "报警条件仍成立，不能复位",
  "no-such-alarm": "该报警已关闭", "nothing-to-acknowledge": "该报警无需签收", "key-reused": "重复的请求号",
  busy: "系统繁忙，请重试", stopping: "系统正在停止", "outcome-unknown": "结果未知，请重试", starting: "系统正在启动",
};
// More rows than anybody reads; what is left out is said below the table.
const ROWS_MAX = 500;
const LOOK_EVERY_MS = 10000;
const STATUS_EVERY_MS = 3000;
// Nothing heard for so long means that the connection is dead even if the browser does not know yet.
const SILENCE_MAX_MS = 20000;

const alarms = new Map();
const rows = new Map();
const byId = (id) => document.getElementById(id);
// The two ways in which we hear from the server; while either is cut, what is shown may be old.
const cut = { stream: false, status: false };
let heardAt = Date.now();
let clockOffsetMs = 0;
let drawing = false;
let fresh = new Set();

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function english(text, tag = "small") {
  const node = element(tag, "", text || "");
  node.lang = "en";
  return node;
}

const now = () => Date.now() + clockOffsetMs;

function clockTime(ms) {
  return new Date(ms).toLocaleTimeString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false });
}

function dayTime(stamp) {
  const options = { timeZone: "Asia/Shanghai", month: "2-digit", day: "2-digit" };
  return new Date(stamp).toLocaleDateString("zh-CN", options);
}

function age(stamp) {
  const s = Math.max(0, Math.floor((now() - Date.parse(stamp)) / 1000));
  if (s < 60) return `${s} 秒`;
  if (s < 3600) return `${Math.floor(s / 60)} 分 ${String(s % 60).padStart(2, "0")} 秒`;
  if (s < 86400) return `${Math.floor(s / 3600)} 小时 ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} 分`;
  return `${Math.floor(s / 86400)} 天 ${Math.floor((s % 86400) / 3600)} 小时`;
}

function figure(value, unit) {
  if (value === null || value === undefined) return "–";
  const text = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
  return unit && unit !== "0/1" ? `${text} ${unit}` : text;
}

const suppressed = (alarm) => alarm.state === "suppressed_by_design";
// What raised it is over; it stands until a person resets it.
const latched = (alarm) => Boolean(alarm.cleared_at) && alarm.state !== "returned_unacknowledged";
const unseen = (alarm) => alarm.state !== "acknowledged" && !suppressed(alarm);

// Worst first; within a colour what nobody has seen, then the newest. What filed work suppresses stands below all others.
function order(a, b) {
  return suppressed(a) - suppressed(b)
    || SEVERITIES[b.severity].rank - SEVERITIES[a.severity].rank
    || unseen(b) - unseen(a)
    || Date.parse(b.raised_at) - Date.parse(a.raised_at)
    || b.id - a.id;
}

function take(alarm) {
  if (alarm.state === "normal") {
    alarms.delete(alarm.id);
  } else {
    if (!alarms.has(alarm.id)) fresh.add(alarm.id);
    alarms.set(alarm.id, alarm);
  }
  rows.delete(alarm.id);
}

// ---- drawing -------------------------------------------------------------------------------------------------

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawCounts();
    drawTable();
  });
}

function drawCounts() {
  const items = Object.entries(SEVERITIES).map(([name, severity]) => {
    const all = [...alarms.values()].filter((alarm) => alarm.severity === name);
    const of = all.filter((alarm) => !suppressed(alarm));
    const waiting = of.filter(unseen).length;
    const silent = all.length - of.length;
    const item = element("li", `${name}${of.length ? "" : " none"}`,
      element("span", `chip ${name}`, severity.zh), element("strong", "", String(of.length)),
      element("span", "", `未签收 ${waiting} `, english(`${severity.en}, ${waiting} to acknowledge`)),
      silent ? element("span", "", `抑制 ${silent} `, english("suppressed")) : null);
    return item;
  });
  byId("counts").replaceChildren(...items);
  const called = [...alarms.values()].filter((alarm) => !suppressed(alarm)).sort(order);
  const worst = called[0];
  document.title = worst ? `【${SEVERITIES[worst.severity].zh}】${called.length} 条报警 · Davy` : "Davy 风险监测预警";
}

function drawTable() {
  const least = Number(byId("least").value);
  const all = [...alarms.values()].filter((alarm) => SEVERITIES[alarm.severity].rank >= least).sort(order);
  const shown = all.slice(0, ROWS_MAX);
  const body = byId("alarms");
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.sign : undefined;
  for (const alarm of shown) if (!rows.has(alarm.id)) rows.set(alarm.id, row(alarm));
  body.replaceChildren(...shown.map((alarm) => rows.get(alarm.id)));
  fresh = new Set();
  if (focused) body.querySelector(`[data-sign="${focused}"]`)?.focus();
  byId("empty").hidden = all.length > 0;
  byId("more").hidden = all.length <= ROWS_MAX;
  byId("more").textContent = `另有 ${all.length - shown.length} 条未显示 · ${all.length - shown.length} more not shown`;
}

function row(alarm) {
  const severity = SEVERITIES[alarm.severity];
  const state = STATES[alarm.state] || [alarm.state, alarm.state];
  const className = `${alarm.severity} ${alarm.state}${fresh.has(alarm.id) ? " new" : ""}`;
  const level = element("span", `chip ${alarm.severity}`, severity.zh);
  level.title = `${severity.word} ${severity.en}`;
  const name = element("span", "name", alarm.name.zh || alarm.rule);
  const advice = alarm.text && alarm.text.zh ? element("small", "", alarm.text.zh) : null;
  if (advice) advice.title = alarm.text.en;
  const shownAge = element("span", "age", age(alarm.raised_at));
  shownAge.dataset.since = alarm.raised_at;
  const raised = clockTime(Date.parse(alarm.raised_at));
  const line = element("tr", className,
    element("td", "", level),
    element("td", "", name, ` `, english(`${alarm.rule} ${alarm.name.en}`), advice),
    element("td", "place", named(alarm.enterprise_name, alarm.enterprise, "Davy 系统"),
      element("small", "", [alarm.enterprise, alarm.town && alarm.town.zh].filter(Boolean).join(" · "))),
    element("td", "place", named(alarm.equipment_name, alarm.equipment, "–"), element("small", "", alarm.point || "")),
    element("td", "number", figure(alarm.value, alarm.unit), worst(alarm)),
    element("td", "number", figure(alarm.limit, alarm.unit)),
    element("td", "number", raised, element("small", "", dayTime(alarm.raised_at))),
    element("td", "number", shownAge, alarm.count > 1 ? element("small", "", `第 ${alarm.count} 次 (×${alarm.count})`) : null),
    element("td", "state", state[0], english(state[1]),
      latched(alarm) ? element("small", "", "条件已消除，待复位 ", english("over, to be reset", "span")) : null,
      alarm.acked_by ? element("small", "", `${alarm.acked_by} ${clockTime(Date.parse(alarm.acked_at))}`) : null),
    element("td", "", unseen(alarm) ? signButton(alarm, "ack") : null, latched(alarm) ? signButton(alarm, "reset") : null));
  line.addEventListener("animationend", () => line.classList.remove("new"));
  return line;
}

function named(name, id, otherwise) {
  const node = element("span", "", (name && name.zh) || id || otherwise);
  if (name && name.en) node.title = name.en;
  return node;
}

function worst(alarm) {
  if (alarm.worst === null || alarm.worst === alarm.value) return null;
  return element("small", "", `最严重 ${figure(alarm.worst, alarm.unit)}`);
}

// ---- acknowledging and resetting -----------------------------------------------------------------------------

const VERBS = { ack: ["签收", "Ack"], reset: ["复位", "Reset"] };

function signButton(alarm, verb) {
  const [zh, en] = VERBS[verb];
  const button = element("button", "", `${zh} ${en}`);
  button.type = "button";
  button.dataset.sign = `${verb} ${alarm.id}`;
  button.setAttribute("aria-label", `${zh} ${alarm.name.zh} ${alarm.enterprise || ""}`);
  button.addEventListener("click", () => sign(alarm, verb, button));
  return button;
}

async function sign(alarm, verb, button) {
  const [zh] = VERBS[verb];
  const by = byId("by").value.trim();
  byId("by").classList.toggle("wanted", !by);
  if (!by) {
    say("请先填写签收人姓名。Please fill in your name first.");
    byId("by").focus();
    return;
  }
  localStorage.setItem("davy.by", by);
  button.disabled = true;
  // The same key if the answer was lost: the order is carried out once.
  button.dataset.key ||= `page-${Date.now()}-${crypto.getRandomValues(new Uint32Array(2)).join("")}`;
  try {
    const response = await fetch(`/api/v1/alarms/${alarm.id}/${verb}`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": button.dataset.key },
      body: JSON.stringify({ by, comment: "" }),
    });
    const answer = await response.json();
    if (response.ok) {
      say("");
    } else {
      const kind = String(answer.type || "").split(":").pop();
      say(`${zh}未成功：${PROBLEMS[kind] || ""} ${answer.detail || response.status}`);
      button.disabled = false;
    }
  } catch {
    say(`${zh}未送达，请重试。Not delivered, please try again.`);
    button.disabled = false;
  }
}

function say(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

// ---- stream and status ---------------------------------------------------------------------------------------

function hear(way, well) {
  cut[way] = !well;
  if (well) heardAt = Date.now();
  const lost = cut.stream || cut.status;
  byId("lost").hidden = !lost;
  document.body.classList.toggle("lost", lost);
}

function listen() {
  const stream = new EventSource("/api/v1/stream");
  stream.addEventListener("snapshot", (event) => {
    hear("stream", true);
    byId("waiting").hidden = true;
    alarms.clear();
    rows.clear();
    for (const alarm of JSON.parse(event.data).alarms) alarms.set(alarm.id, alarm);
    draw();
  });
  stream.addEventListener("alarm", (event) => {
    hear("stream", true);
    take(JSON.parse(event.data).alarm);
    draw();
  });
  stream.addEventListener("open", () => hear("stream", true));
  stream.addEventListener("error", () => {
    hear("stream", false);
    // A refusal (503 while starting) ends an EventSource for good; a lost connection it mends by itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  });
}

async function askStatus() {
  try {
    const response = await fetch("/api/v1/status", { cache: "no-store" });
    const status = await response.json();
    clockOffsetMs = Date.parse(status.now) - Date.now();
    hear("status", true);
    drawStatus(status);
  } catch {
    hear("status", false);
  }
  setTimeout(askStatus, STATUS_EVERY_MS);
}

function drawStatus(status) {
  const items = Object.entries(COMPONENTS).filter(([key]) => status.components[key]).map(([key, [zh, en]]) => {
    const component = status.components[key];
    const condition = component.refused ? ["拒绝写入", "refused"] : CONDITIONS[component.state] || [component.state, ""];
    const className = component.state === "up" ? "up" : component.state === "down" ? "down" : "behind";
    const lag = component.lag_records > 0 ? ` 落后 ${component.lag_records} 条 / ${component.lag_s.toFixed(1)} 秒` : "";
    const detail = component.text ? element("span", "detail", ` ${component.text}`) : null;
    if (detail) detail.title = component.text;
    return element("li", className, element("span", "dot"), element("b", "", `${zh} `), condition[0], lag, " ",
      english(`${en} ${condition[1]}`, "span"), detail);
  });
  byId("components").replaceChildren(...items);
  byId("version").textContent = `Davy ${status.version} · 企业 ${status.enterprises} · 测点 ${status.points}`
    + (status.journal ? ` · 记录 ${status.journal.head_seq}` : "");
}

// ---- what is looked at now and then: asked only while it is open ------------------------------------------------

function share(completeness, missing) {
  if (completeness === null) return "–";
  return `${(completeness * 100).toFixed(completeness < 1 ? 2 : 0)} %${missing > 0 ? ` (−${missing})` : ""}`;
}

function gatewayRow(gateway) {
  const seq = gateway.seq;
  const status = { online: "在线 online", offline: "离线 offline" }[gateway.status] || "–";
  const offset = gateway.clock_offset_s === null ? "–" : `${gateway.clock_offset_s.toFixed(1)} s`;
  return element("tr", "",
    element("td", "place", named(gateway.enterprise_name, gateway.enterprise, "–")),
    element("td", "", gateway.gateway),
    element("td", "number", gateway.last_received ? clockTime(Date.parse(gateway.last_received)) : "–"),
    element("td", "number", seq ? share(seq.completeness, seq.missing) : "–"),
    element("td", "number", seq ? share(seq.completeness_today, seq.missing_today) : "–"),
    element("td", "number", offset),
    element("td", "", status, gateway.status_since ? element("small", "", clockTime(Date.parse(gateway.status_since))) : null));
}

function drawGateways(body, answer) {
  // The least complete first: that is what one looks for.
  const worst = (gateway) => (gateway.seq && gateway.seq.completeness !== null ? gateway.seq.completeness : 2);
  const sorted = [...answer.gateways].sort((a, b) => worst(a) - worst(b));
  body.querySelector("tbody").replaceChildren(...sorted.map(gatewayRow));
}

function drawQuarantine(body, answer) {
  const counts = new Map();
  for (const entry of answer.quarantine) {
    const known = counts.get(entry.reason) || { count: 0, newest: entry };
    counts.set(entry.reason, { ...known, count: known.count + 1 });
  }
  const items = [...counts].map(([reason, { count, newest }]) =>
    element("li", "", element("b", "", `${reason} ×${count} `), newest.detail, element("small", "", ` ${newest.topic}`)));
  body.querySelector("ul").replaceChildren(...items);
}

function whileOpen(id, path, draw) {
  const body = byId(id);
  let timer = 0;
  const ask = async () => {
    if (!body.open) return;
    try {
      const response = await fetch(path, { cache: "no-store" });
      if (response.ok) draw(body, await response.json());
    } catch {
      // The banner says that Davy is not heard; what is shown stays until it is.
    }
    clearTimeout(timer);
    timer = setTimeout(ask, LOOK_EVERY_MS);
  };
  body.addEventListener("toggle", ask);
}

async function askDistrict() {
  try {
    const response = await fetch("/api/v1/enterprises");
    if (!response.ok) throw new Error(String(response.status));
    byId("district").textContent = (await response.json()).district.zh;
  } catch {
    setTimeout(askDistrict, 5000);
  }
}

setInterval(() => {
  byId("clock").textContent = clockTime(now());
  for (const node of document.querySelectorAll(".age")) node.textContent = age(node.dataset.since);
  const silent = Date.now() - heardAt;
  if (silent > SILENCE_MAX_MS) hear("status", false);
  byId("lost-age").textContent = `${Math.round(silent / 1000)} 秒`;
}, 1000);
byId("least").addEventListener("change", draw);
byId("by").value = localStorage.getItem("davy.by") || "";
byId("by").addEventListener("input", () => byId("by").classList.remove("wanted"));
whileOpen("gateways", "/api/v1/gateways", drawGateways);
whileOpen("quarantine", "/api/v1/quarantine?limit=200", drawQuarantine);
listen();
askStatus();
askDistrict();
