// The live board: takes the newest figures every two seconds, and draws the course of the last hour.
// A page that is not seen asks for nothing.
"use strict";

const EVERY = 2000;
const ANSWER_WITHIN = 8000;
// Milliseconds after which the figures are called old.
const STALE_AFTER = 8000;
const HOUR_OF_STEPS = 360;
const MOST_REFUSALS = 6;

const board = document.getElementById("board");
const course = document.getElementById("course");
const stale = document.getElementById("stale");
const asOf = document.getElementById("as-of");
const { lang } = document.documentElement;
const clock = new Intl.DateTimeFormat(lang, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: "Asia/Seoul",
});
const charts = [...document.querySelectorAll("[data-chart]")].map((figure) => ({ figure, plot: null }));

// The steps of the last hour: of each the number of its ten seconds and its measures.
let steps = [];
let step = 10;
let minutes = 15;
let heardAt = Date.now();
let waiting = 0;

ask();
setInterval(tellAge, 1000);
document.addEventListener("visibilitychange", () => document.hidden || ask());
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["class"] });
new ResizeObserver(resize).observe(course);
for (const button of document.querySelectorAll("[data-minutes]")) {
  button.addEventListener("click", () => choose(button));
}

async function ask() {
  clearTimeout(waiting);
  if (document.hidden) {
    return;
  }
  try {
    const answer = await fetch(address(), {
      cache: "no-store", redirect: "error", signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    if (answer.ok) {
      show(await answer.json());
    } else if (answer.status < 500) {
      stop();
      return;
    }
  } catch {
    // The age of the figures is told by the second.
  }
  waiting = setTimeout(ask, EVERY);
}

function address() {
  const since = steps.length ? steps.at(-1).number : 0;
  return `${board.dataset.address}?since=${since}&wall=${board.dataset.wall}`;
}

function show(news) {
  heardAt = Date.now();
  asOf.dateTime = news.as_of;
  asOf.textContent = clock.format(new Date(news.as_of));
  for (const [id, html] of Object.entries(news.parts)) {
    replace(id, html);
  }
  tellAge();
  if (keep(news.course)) {
    redraw();
  }
}

// Unchanged parts stay, so that the focus and a selection do.
function replace(id, html) {
  const part = document.getElementById(id);
  if (part.dataset.html !== html) {
    part.dataset.html = html;
    part.innerHTML = html;
  }
}

function tellAge() {
  const isStale = Date.now() - heardAt > STALE_AFTER;
  board.classList.toggle("is-stale", isStale);
  const text = isStale ? board.dataset.stale.replace("{time}", asOf.textContent) : "";
  if (stale.textContent !== text) {
    stale.textContent = text;
  }
  stale.hidden = !isStale;
}

function stop() {
  clearTimeout(waiting);
  heardAt = -Infinity;
  board.dataset.stale = board.dataset.gone;
  tellAge();
}

// Whether there is a new step.
function keep({ first, step: seconds, columns, refusals }) {
  step = seconds;
  const count = columns.joined.length;
  for (let i = 0; i < count; i += 1) {
    const measures = { number: first + i, refusals: {} };
    for (const [name, values] of Object.entries(columns)) {
      measures[name] = values[i];
    }
    for (const [code, values] of Object.entries(refusals)) {
      measures.refusals[code] = values[i];
    }
    steps.push(measures);
  }
  steps = steps.slice(-HOUR_OF_STEPS);
  return count > 0;
}

function choose(button) {
  minutes = Number(button.dataset.minutes);
  for (const each of document.querySelectorAll("[data-minutes]")) {
    each.setAttribute("aria-pressed", String(each === button));
  }
  redraw();
}

function redraw() {
  if (!steps.length) {
    return;
  }
  course.hidden = false;
  const shown = steps.slice((-minutes * 60) / step);
  charts.forEach((chart) => draw(chart, shown));
}

function draw(chart, shown) {
  const { figure } = chart;
  const series = linesOf(figure, shown);
  const scale = "perMinute" in figure.dataset ? 60 / step : 1;
  const times = shown.map(({ number }) => number * step);
  const values = series.map(({ of }) => shown.map((each) => of(each) === null ? null : of(each) * scale));
  const place = figure.querySelector(".board-chart");
  chart.plot?.destroy();
  chart.plot = drawLines(place, {
    times,
    series: series.map(({ label }, i) => ({ label, values: values[i] })),
    timeLabel: board.dataset.time,
    atAxis: (time) => clock.format(time * 1000).slice(0, 5),
    inLegend: (time) => clock.format(time * 1000),
  });
  const last = series.map(({ label }, i) => `${label} ${compactNumber.format(values[i].at(-1) ?? 0)}`);
  place.setAttribute("aria-label", `${figure.querySelector("figcaption").textContent}: ${last.join(", ")}`);
}

function linesOf(figure, shown) {
  if (figure.dataset.chart === "refusals") {
    return refusalsOf(shown);
  }
  const labels = figure.dataset.names.split("|");
  return figure.dataset.chart.split(" ").map((name, i) => ({ label: labels[i], of: (each) => each[name] ?? null }));
}

// The most frequent codes of the span.
function refusalsOf(shown) {
  const sums = {};
  for (const { refusals } of shown) {
    for (const [code, count] of Object.entries(refusals)) {
      sums[code] = (sums[code] ?? 0) + count;
    }
  }
  const codes = Object.keys(sums).sort((a, b) => sums[b] - sums[a]).slice(0, MOST_REFUSALS);
  return codes.map((code) => ({ label: code, of: ({ refusals }) => refusals[code] ?? 0 }));
}

function resize() {
  for (const { figure, plot } of charts) {
    resizeLines(plot, figure.querySelector(".board-chart"));
  }
}
