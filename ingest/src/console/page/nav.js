// The way between the pages, the same on all of them.
"use strict";

const PAGES = [
  ["/", "报警", "Alarms"],
  ["/coverage", "覆盖率", "Coverage"],
  ["/hazards", "隐患", "Hazards"],
  ["/tasks", "任务", "Tasks"],
];

function drawNav(place) {
  for (const [path, zh, en] of PAGES) {
    const link = document.createElement("a");
    link.href = path;
    if (location.pathname === path) link.setAttribute("aria-current", "page");
    const small = document.createElement("small");
    small.lang = "en";
    small.textContent = en;
    link.append(zh, " ", small);
    place.append(link);
  }
}

const navPlace = document.getElementById("nav");
if (navPlace) drawNav(navPlace);
