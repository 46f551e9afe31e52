// Chooses seats on the map of a date: a seat, a row or a section by a tap on it or its name, what is
// drawn around, or by a list. The choice is written as ranges of numbers into the form's hidden field.

const at = (id) => document.getElementById(id);
const plan = JSON.parse(at("plan").textContent);
const svg = document.querySelector(".seats-map");
const [hall, chosenPath, line, numbers, count, lasso] = [
  "hall", "chosen", "line", "numbers", "count", "lasso",
].map(at);
const SIDE = 8;
// On the plan: how far from a seat's centre a tap may be, and CSS pixels before a press is a drag.
const REACH = 7;
const STILL = 6;
const ZOOM = 1.5;
const indices = [...plan.number.keys()];
// Indices of seats.
const chosen = new Set();
// While the pointer is down: the points of the plan that it passed.
let drawn = null;
let pressed = null;
let zoom = 1;

at("tools").hidden = false;
count.hidden = false;
svg.classList.add("is-ready");
for (const kind of ["section", "row", "grade"]) {
  const select = at(kind);
  select.append(...plan[`${kind}s`].map((name, key) => new Option(name || "—", key)));
  select.addEventListener("change", () => {
    if (select.value) {
      toggle(those(kind, Number(select.value)));
      select.value = "";
    }
  });
}
lasso.addEventListener("click", () => {
  const isOn = svg.classList.toggle("is-drawing");
  lasso.setAttribute("aria-pressed", isOn);
});
at("in").addEventListener("click", () => scale(ZOOM));
at("out").addEventListener("click", () => scale(1 / ZOOM));
svg.addEventListener("pointerdown", press);
svg.addEventListener("pointermove", draw);
svg.addEventListener("pointerup", release);
svg.addEventListener("pointercancel", () => end());
count.addEventListener("click", ({ target }) => {
  if (target.closest("button")) {
    chosen.clear();
    show();
  }
});
// What was chosen before the browser went back to this page.
window.addEventListener("pageshow", () => {
  for (const range of numbers.value.split(",").filter(Boolean)) {
    const [first, last = first] = range.split("-").map(Number);
    those("number", first, last).forEach((index) => chosen.add(index));
  }
  show();
});

function those(kind, first, last = first) {
  return indices.filter((index) => plan[kind][index] >= first && plan[kind][index] <= last);
}

// Add these seats; when all of them are chosen, take them away.
function toggle(seats) {
  const isAll = seats.every((index) => chosen.has(index));
  seats.forEach((index) => (isAll ? chosen.delete(index) : chosen.add(index)));
  show();
}

function show() {
  const sorted = [...chosen].sort((a, b) => a - b);
  const half = SIDE / 2;
  chosenPath.setAttribute("d", sorted.map((index) => (
    `M${plan.x[index] - half} ${plan.y[index] - half}h${SIDE}v${SIDE}h-${SIDE}z`
  )).join(""));
  numbers.value = asRanges(sorted.map((index) => plan.number[index]));
  const { none, some, open, clear, seat } = count.dataset;
  if (!sorted.length) {
    count.replaceChildren(none);
    return;
  }
  const shown = sorted.length === 1 ? plan.label[sorted[0]] : sorted.length.toLocaleString();
  const button = Object.assign(document.createElement("button"), {
    type: "button", className: "console-button is-plain", textContent: clear,
  });
  const link = Object.assign(document.createElement("a"), {
    href: seat.replace(/0\/$/, `${plan.number[sorted[0]]}/`), textContent: open,
  });
  count.replaceChildren(`${some} ${shown}`, ...(sorted.length === 1 ? [link] : []), button);
}

function asRanges(sorted) {
  const ranges = [];
  for (const number of sorted) {
    const last = ranges.at(-1);
    if (last && last[1] === number - 1) {
      last[1] = number;
    } else {
      ranges.push([number, number]);
    }
  }
  return ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(",");
}

function scale(by) {
  zoom = Math.max(1, Math.min(20, zoom * by));
  svg.style.width = `${100 * zoom}%`;
  // The middle stays in the middle.
  const [x, y] = [hall.scrollLeft + hall.clientWidth / 2, hall.scrollTop + hall.clientHeight / 2];
  hall.scrollTo(x * by - hall.clientWidth / 2, y * by - hall.clientHeight / 2);
}

// --- Pointers: a finger draws when it was told to and scrolls otherwise; a mouse always draws ---------

function press(event) {
  if (!event.isPrimary || event.button) {
    return;
  }
  pressed = event;
  if (event.pointerType === "mouse" || svg.classList.contains("is-drawing")) {
    svg.setPointerCapture(event.pointerId);
    drawn = [onPlan(event)];
  }
}

function draw(event) {
  if (drawn && event.isPrimary) {
    drawn.push(onPlan(event));
    line.setAttribute("d", `M${drawn.map(({ x, y }) => `${x} ${y}`).join("L")}z`);
  }
}

function release(event) {
  if (!pressed || !event.isPrimary) {
    return;
  }
  const { clientX, clientY, target } = pressed;
  const isTap = Math.hypot(event.clientX - clientX, event.clientY - clientY) < STILL;
  const around = drawn ?? [];
  end();
  const { row, section } = target.dataset;
  if (!isTap) {
    toggle(indices.filter((index) => isInside(plan.x[index], plan.y[index], around)));
  } else if (row) {
    toggle(those("row", Number(row)));
  } else if (section) {
    toggle(those("section", Number(section)));
  } else {
    toggle(nearest(onPlan(event)));
  }
}

function end() {
  [pressed, drawn] = [null, null];
  line.setAttribute("d", "");
}

function onPlan({ clientX, clientY }) {
  return new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
}

function nearest({ x, y }) {
  let [closest, found] = [REACH, []];
  for (const index of indices) {
    const away = Math.hypot(plan.x[index] - x, plan.y[index] - y);
    if (away < closest) {
      [closest, found] = [away, [index]];
    }
  }
  return found;
}

// Whether a line from the point to the right crosses the polygon an odd number of times.
function isInside(x, y, polygon) {
  let inside = false;
  polygon.forEach((one, index) => {
    const other = polygon.at(index - 1);
    if (one.y > y !== other.y > y
      && x < ((other.x - one.x) * (y - one.y)) / (other.y - one.y) + one.x) {
      inside = !inside;
    }
  });
  return inside;
}
