// The chart of a report: the columns named by the figure, over the times of the first column.
"use strict";

const figure = document.querySelector("[data-chart]");
const canvas = figure.querySelector(".report-canvas");
const headings = [...document.querySelectorAll("#rows thead th")];
const bodyRows = [...document.querySelectorAll("#rows tbody tr")];
const isByDay = bodyRows[0].querySelector("time").dateTime.length === "2026-01-01".length;
const stepSeconds = isByDay ? 86400 : 3600;
const written = new Intl.DateTimeFormat(document.documentElement.lang, {
  timeZone: "Asia/Seoul", month: "numeric", day: "numeric", ...(isByDay ? {} : { hour: "2-digit", hourCycle: "h23" }),
});
let plot = null;

figure.hidden = false;
drawTable();
new MutationObserver(drawTable).observe(document.documentElement, { attributeFilter: ["class"] });
new ResizeObserver(() => resizeLines(plot, canvas)).observe(figure);

function drawTable() {
  const { times, sums } = sumsOfTimes();
  plot?.destroy();
  plot = drawLines(canvas, {
    times,
    series: columns().map(({ label }, i) => ({ label, values: times.map((time) => sums.get(time)[i]) })),
    timeLabel: headings[0].textContent,
    atAxis: (time) => written.format(time * 1000),
    inLegend: (time) => written.format(time * 1000),
    // Whole days or hours, so that no label comes twice.
    steps: [1, 2, 3, 6, 12, 24, 48, 168].map((count) => count * stepSeconds),
  });
  const totals = columns().map(({ label, at }) => `${label} ${compactNumber.format(bodyRows.reduce((sum, row) => sum + numberAt(row, at), 0))}`);
  canvas.setAttribute("aria-label", totals.join(", "));
}

function columns() {
  return figure.dataset.chart.split(" ").map((name) => {
    const at = headings.findIndex((heading) => heading.dataset.name === name);
    return { label: headings[at].textContent, at };
  });
}

// An hour has a row for each waiting room; one without a row had nothing.
function sumsOfTimes() {
  const chosen = columns();
  const sums = new Map();
  for (const row of bodyRows) {
    const text = row.querySelector("time").dateTime;
    const time = Date.parse(isByDay ? `${text}T00:00:00+09:00` : text) / 1000;
    const before = sums.get(time) ?? chosen.map(() => 0);
    sums.set(time, chosen.map(({ at }, i) => before[i] + numberAt(row, at)));
  }
  const known = [...sums.keys()].sort((a, b) => a - b);
  const times = [];
  for (let time = known[0]; time <= known.at(-1); time += stepSeconds) {
    times.push(time);
    if (!sums.has(time)) {
      sums.set(time, chosen.map(() => 0));
    }
  }
  return { times, sums };
}

function numberAt(row, at) {
  return Number(row.children[at].dataset.value);
}
