// The seat page, in one file: each request counts on a phone. First the map: `seatMap`; then the page,
// which follows other buyers' and operators' changes, keeps the choice, and holds it.

const seatMap = (() => {
// The hall as a picture: reads the seat plan (concerts/services/seat_plan_document.py has its format),
// draws it on a canvas, and turns gestures into seats. Far out a section is an outline, shaded by its
// free seats; near, its seats are drawn. A gesture moves the last picture; at its end all is drawn anew.

// The states of a plan's seats, and how else they look on the map.
const FREE = 0;
const HELD = 1;
const SOLD = 2;
const MINE = 3;
const CHOSEN = 4;

// Distances on the plan: of neighbours and of rows.
const SEAT = 10;
const ROW = 12;
// Distances of neighbours, in CSS pixels, from which seats are drawn, are round, can be touched, and
// have numbers; and the greatest.
const DRAWN = 5;
const ROUND = 9;
const TOUCHED = 14;
const NUMBERED = 16;
const WIDEST = 44;
// CSS pixels per unit at which a tap enters a section.
const NEAR = 2.4;
// Of the kinds of seats that are not as all others.
const MARKS = { wheelchair: "♿", companion: "+", restricted: "◐" };
const EDGE = 18;
// For the stage and the names of the first sections.
const FRONT = 62;
const REACH = 22;
const MINIMAP = 96;
// A hall of so few seats has a check box above each.
const MOST_BOXES = 150;
// Milliseconds. Gestures redraw in each frame what takes less than FAST.
const FAST = 9;
const SETTLES_AFTER = 120;
const GLIDE = 240;

// --- The plan ---------------------------------------------------------------------------------

function readPlan(plan) {
  const { sections, rows, runs } = plan;
  const first = [];
  let count = 0;
  for (const section of sections) {
    Object.assign(section, { runs: [], lines: new Map(), seats: 0, shares: new Map() });
  }
  runs.row.forEach((row, run) => {
    const section = sections[rows.section[row]];
    const [seats, offer, y] = [runs.seats[run], runs.offer[run], runs.y[run]];
    first.push(count);
    count += seats;
    section.runs.push(run);
    section.seats += seats;
    section.shares.set(offer, (section.shares.get(offer) ?? 0) + seats);
    const x = Math.min(runs.x[run], section.lines.get(y)?.x ?? Infinity);
    section.lines.set(y, { name: rows.name[row], x });
  });
  for (const section of sections) {
    // The most frequent one first.
    section.offers = [...section.shares].sort((a, b) => b[1] - a[1]).map(([offer]) => offer);
  }
  return { ...plan, first, count };
}

function seatAt({ first, kinds, labels, offers, rows, runs, sections }, index) {
  const run = lastAtMost(first, index);
  const k = index - first[run];
  const row = runs.row[run];
  return {
    index,
    run,
    number: runs.number[run] + k,
    section: sections[rows.section[row]],
    row,
    rowName: rows.name[row],
    place: runs.seat_in_row[run] + k * runs.step[run],
    // Only where it does not follow from section, row and number.
    label: labels[index],
    offer: offers[runs.offer[run]],
    kind: kinds[runs.kind[run]],
    x: runs.x[run] + k * runs.dx[run],
    y: runs.y[run] + k * runs.dy[run],
  };
}

// Of the seat with this number; undefined if there is none.
function indexOf({ first, runs }, number) {
  const run = lastAtMost(runs.number, number);
  const k = number - runs.number[run];
  return k < runs.seats[run] ? first[run] + k : undefined;
}

function* seatsOf({ first, runs }, section) {
  for (const run of section.runs) {
    for (let k = 0; k < runs.seats[run]; k += 1) {
      yield [first[run] + k, runs.offer[run]];
    }
  }
}

function lastAtMost(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    [low, high] = sorted[middle] <= value ? [middle + 1, high] : [low, middle];
  }
  return low - 1;
}

// The state of each seat, from two bits each.
function readStates(text, count) {
  const packed = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const stateAt = (_, index) => (packed.charCodeAt(index >> 2) >> (2 * (index & 3))) & 3;
  return Uint8Array.from({ length: count }, stateAt);
}

// --- The map ----------------------------------------------------------------------------------

const root = document.getElementById("map");
const canvas = document.getElementById("hall");
const pen = canvas.getContext("2d", { alpha: false });
const minimap = document.getElementById("minimap");
const { dataset: words } = root;
const darkness = matchMedia("(prefers-color-scheme: dark)");
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
// What the page answers: `pick(index)`, `nameOf(index)`, `price(offer)`, `left(count)`, `boxes()`.
let page = {};
let plan = null;
// How each seat looks, how many of each section are free, and whether an offer is dimmed.
let looks = [];
let left = [];
let isDim = null;
let colours = {};
let [width, height, density] = [0, 0, 1];
// The point of the plan at the centre, and CSS pixels per unit; the scale at which the hall fits.
let view = { x: 0, y: 0, scale: 1 };
let fitting = 1;
let bounds = {};

function openMap(answers) {
  page = answers;
  new ResizeObserver(resize).observe(root);
  darkness.addEventListener("change", () => {
    readColours();
    redraw();
  });
  canvas.addEventListener("pointerdown", press);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("wheel", wheel, { passive: false });
  minimap.addEventListener("pointerdown", jump);
  minimap.addEventListener("pointermove", jump);
  root.addEventListener("keydown", key);
  root.addEventListener("click", ({ target }) => zoom(target.dataset.zoom));
}

// Draw this plan: the whole hall at first, later what was in view.
function showPlan(next, ...seats) {
  plan = next;
  [looks, left, isDim] = seats;
  width = 0;
  resize();
}

function showSeats(...seats) {
  [looks, left, isDim] = seats;
  redraw();
}

// One seat looks different now.
function showSeat(index) {
  if (isFar() || bitmap) {
    settle(0);
    return;
  }
  const seat = seatAt(plan, index);
  const [x, y] = screen(seat);
  fillBox(pen, x, y, SEAT * view.scale, colours.card, 0);
  drawSeat(pen, index, seat.run, x, y);
  pen.globalAlpha = 1;
}

function resize() {
  if (!plan || !root.clientWidth || (root.clientWidth === width && root.clientHeight === height)) {
    return;
  }
  root.classList.remove("skeleton");
  const wasWhole = !width || view.scale === fitting;
  const { box } = plan;
  // The names of the rows are beside them.
  const half = Math.max(-box.x, box.x + box.width) + SEAT * 0.8;
  const across = Math.min((root.clientWidth - 2 * EDGE) / 2 / half, WIDEST / SEAT);
  const isSmall = plan.count <= MOST_BOXES && across * SEAT >= TOUCHED;
  root.classList.toggle("boxed", isSmall);
  root.style.height = isSmall ? `${FRONT + EDGE + box.height * across}px` : "";
  ({ clientWidth: width, clientHeight: height } = root);
  density = Math.min(devicePixelRatio, 3);
  fitting = isSmall ? across : Math.min(across, (height - FRONT - EDGE) / Math.max(box.height, ROW));
  const [edge, front] = [EDGE / fitting, FRONT / fitting];
  // The stage is at the top, however high the map is.
  const bottom = Math.max(box.height + edge, height / fitting - front);
  bounds = { left: -half - edge, right: half + edge, top: -front, bottom };
  canvas.width = width * density;
  canvas.height = height * density;
  view = bound(wasWhole ? whole() : view);
  readColours();
  redraw();
  root.querySelector(".boxes")?.remove();
  if (isSmall) {
    drawBoxes();
  }
}

function whole() {
  return { x: 0, y: (bounds.top + bounds.bottom) / 2, scale: fitting };
}

// Keep the hall in view.
function bound(wanted) {
  const scale = Math.max(fitting, Math.min(WIDEST / SEAT, wanted.scale));
  const [wide, high] = [width / 2 / scale, height / 2 / scale];
  return {
    x: within(wanted.x, bounds.left + wide, bounds.right - wide),
    y: within(wanted.y, bounds.top + high, bounds.bottom - high),
    scale,
  };
}

function within(value, low, high) {
  return low > high ? (low + high) / 2 : Math.max(low, Math.min(high, value));
}

function screen({ x, y }) {
  return [width / 2 + (x - view.x) * view.scale, height / 2 + (y - view.y) * view.scale];
}

function onPlan([x, y]) {
  return { x: view.x + (x - width / 2) / view.scale, y: view.y + (y - height / 2) / view.scale };
}

function isFar() {
  return SEAT * view.scale < DRAWN;
}

function readColours() {
  const style = getComputedStyle(root);
  const token = (name) => style.getPropertyValue(`--${name}`);
  const names = ["card", "ink", "soft", "edge", "sold", "accent", "on-grade"];
  colours = Object.fromEntries(names.map((name) => [name, token(name)]));
  colours.offers = plan?.offers.map(({ grade }) => token(`grade-${gradeOf(grade)}`));
  colours.font = style.fontFamily;
}

function gradeOf(grade) {
  const name = grade.toLowerCase();
  return ["vip", "r", "s", "a"].includes(name) ? name : "other";
}

// --- Drawing ----------------------------------------------------------------------------------

let cost = 0;

function redraw() {
  clearTimeout(settling);
  if (!width) {
    return;
  }
  bitmap = null;
  const began = performance.now();
  pen.setTransform(density, 0, 0, density, 0, 0);
  render(pen);
  cost = performance.now() - began;
  const isZoomed = view.scale > fitting * 1.1;
  root.classList.toggle("zoomed", isZoomed);
  if (isZoomed) {
    drawMinimap();
  }
}

// Draw what is in view, in CSS pixels. Tests give a pen that records.
function render(pen, draw = isFar() ? drawOutline : drawSeats) {
  drawStage(pen);
  plan.sections.forEach((section, index) => {
    const [x, y] = screen(section);
    const [wide, high] = [section.width * view.scale, section.height * view.scale];
    if (x < width && x + wide > 0 && y < height + EDGE && y + high > 0) {
      draw(pen, section, left[index], x, y, wide, high);
    }
  });
}

function drawStage(pen) {
  pen.fillStyle = colours.card;
  pen.fillRect(0, 0, width, height);
  const half = Math.max(2 * SEAT, Math.min(plan.box.width / 3, 200 / fitting));
  const zoom = view.scale / fitting;
  const [x, y] = screen({ x: -half, y: bounds.top });
  const [wide, high] = [2 * half * view.scale, 24 * zoom];
  const top = y + 10 * zoom;
  pen.fillStyle = colours.ink;
  pen.beginPath();
  pen.roundRect(x, top, wide, high, [4 * zoom, 4 * zoom, high * 0.7, high * 0.7]);
  pen.fill();
  write(pen, words.stage, x + wide / 2, top + high / 2, 12 * zoom, 800, colours.card);
}

function write(pen, text, x, y, px, weight, colour) {
  setFont(pen, px, weight);
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

function setFont(pen, px, weight) {
  pen.font = `${weight} ${px}px ${colours.font}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
}

function drawOutline(pen, section, free, x, y, wide, high) {
  const share = free / section.seats;
  const offer = section.offers.find((each) => !isDim(each));
  const isShown = offer !== undefined;
  pen.fillStyle = share && isShown ? colours.offers[offer] : colours.edge;
  pen.strokeStyle = pen.fillStyle;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.roundRect(x, y, wide, high, Math.min(6, wide / 6));
  pen.globalAlpha = isShown ? 0.1 + 0.35 * share : 0.1;
  pen.fill();
  pen.globalAlpha = isShown ? 1 : 0.35;
  pen.stroke();
  writeLines(pen, section, free, x + wide / 2, y + high / 2, wide, high);
  pen.globalAlpha = 1;
}

// As many lines as fit: the name, which may be broken at its spaces, the price, and what is left.
function writeLines(pen, section, free, x, y, wide, high) {
  const px = Math.max(9, Math.min(13, wide / 7));
  const fits = ([text, weight]) => {
    setFont(pen, px, weight);
    return pen.measureText(text).width <= wide - 4;
  };
  const name = section.name || words.unnamed;
  const lines = [
    ...(fits([name, 800]) ? [name] : name.split(" ")).map((text) => [text, 800]),
    [free ? page.price(plan.offers[section.offers[0]]) : words.soldOut, 400],
    [free ? page.left(free) : "", 400],
  ].filter(fits).slice(0, Math.floor(high / px / 1.25));
  lines.forEach(([text, weight], line) => {
    const down = (line - (lines.length - 1) / 2) * px * 1.25;
    write(pen, text, x, y + down, px, weight, free ? colours.ink : colours.soft);
  });
}

function drawSeats(pen, section, _free, left, top, wide) {
  const { first, runs } = plan;
  const pitch = SEAT * view.scale;
  for (const run of section.runs) {
    const [x, y] = screen({ x: runs.x[run], y: runs.y[run] });
    const [dx, dy] = [runs.dx[run] * view.scale, runs.dy[run] * view.scale];
    if (dy || (y > -pitch && y < height + pitch)) {
      for (let k = 0; k < runs.seats[run]; k += 1) {
        const along = x + k * dx;
        if (along > -pitch && along < width + pitch) {
          drawSeat(pen, first[run] + k, run, along, y + k * dy);
        }
      }
    }
  }
  pen.globalAlpha = 1;
  drawNames(pen, section, left, top, wide);
}

// Not told apart by colour alone: a free seat is a full box, a held one hollow, a sold one a dot, mine
// hollow with a dot, and a chosen one a larger box with a tick.
function drawSeat(pen, index, run, x, y) {
  const pitch = SEAT * view.scale;
  const { kind, offer, seat_in_row: numbers, step } = plan.runs;
  const look = looks[index];
  pen.globalAlpha = look < MINE && isDim(offer[run]) ? 0.2 : 1;
  if (look === SOLD) {
    fillBox(pen, x, y, pitch * 0.3, colours.edge);
  } else if (look === CHOSEN) {
    fillBox(pen, x, y, pitch, colours.ink);
    write(pen, "✓", x, y, pitch * 0.7, 800, colours.card);
  } else if (look !== FREE) {
    const colour = look === MINE ? colours.accent : colours.edge;
    fillBox(pen, x, y, pitch * 0.84, colour);
    fillBox(pen, x, y, pitch * 0.64, colours.card);
    fillBox(pen, x, y, look === MINE ? pitch * 0.34 : 0, colour);
  } else {
    fillBox(pen, x, y, pitch * 0.84, colours.offers[offer[run]]);
    if (pitch >= NUMBERED) {
      const number = numbers[run] + (index - plan.first[run]) * step[run];
      const px = Math.min(15, pitch * (number > 99 ? 0.36 : 0.46));
      write(pen, number, x, y + 0.5, px, 600, colours["on-grade"]);
    }
  }
  const mark = MARKS[plan.kinds[kind[run]]];
  if (mark && pitch >= ROUND) {
    fillBox(pen, x + pitch * 0.3, y - pitch * 0.3, pitch * 0.46, colours.card);
    write(pen, mark, x + pitch * 0.3, y - pitch * 0.3, pitch * 0.4, 800, colours.ink);
  }
}

function fillBox(pen, x, y, side, colour, round = 0.24) {
  pen.fillStyle = colour;
  if (!round || side < ROUND - 2) {
    pen.fillRect(x - side / 2, y - side / 2, side, side);
  } else {
    pen.beginPath();
    pen.roundRect(x - side / 2, y - side / 2, side, side, side * round);
    pen.fill();
  }
}

function drawNames(pen, section, x, y, wide) {
  const pitch = SEAT * view.scale;
  const px = Math.max(10, Math.min(15, pitch * 0.9));
  const price = page.price(plan.offers[section.offers[0]]);
  const whole = section.name ? `${section.name} · ${price}` : price;
  setFont(pen, px, 800);
  const fits = pen.measureText(whole).width < wide + 2 * pitch;
  write(pen, fits ? whole : section.name, x + wide / 2, y - px * 0.75, px, 800, colours.ink);
  if (pitch < TOUCHED - 3) {
    return;
  }
  // Beside each row, or at the edge of the screen.
  const small = Math.min(13, pitch * 0.6);
  for (const [along, { name, x: start }] of section.lines) {
    const [beside, y] = screen({ x: start - SEAT, y: along });
    if (y > 0 && y < height && name.length < 4) {
      const x = Math.max(beside, small);
      if (x > beside) {
        fillBox(pen, x, y, 2 * small, colours.card, 0);
      }
      write(pen, name, x, y, small, 600, colours.soft);
    }
  }
}

function drawMinimap() {
  const { box } = plan;
  const scale = MINIMAP / Math.max(box.width, box.height);
  const [wide, high] = [box.width * scale, box.height * scale];
  const pen = minimap.getContext("2d");
  minimap.width = wide * density;
  minimap.height = high * density;
  minimap.style.width = `${wide}px`;
  pen.scale(density, density);
  const rectangle = ({ x, y }, w, h) => [(x - box.x) * scale, y * scale, w * scale, h * scale];
  plan.sections.forEach((section, index) => {
    pen.fillStyle = colours.offers[section.offers[0]];
    pen.globalAlpha = 0.2 + 0.6 * (left[index] / section.seats);
    pen.fillRect(...rectangle(section, section.width, section.height));
  });
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 2;
  pen.strokeRect(...rectangle(onPlan([0, 0]), width / view.scale, height / view.scale));
}

// --- Moving -----------------------------------------------------------------------------------

// The last picture, and the view that it shows, during a gesture.
let bitmap = null;
let settling = 0;
let frame = 0;
let gliding = 0;

function moveTo(wanted) {
  if (!bitmap && cost > FAST) {
    bitmap = { from: view, picture: make("canvas", { width: canvas.width, height: canvas.height }) };
    bitmap.picture.getContext("2d").drawImage(canvas, 0, 0);
  }
  view = bound(wanted);
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(bitmap ? sketch : redraw);
  settle(SETTLES_AFTER);
}

function settle(after) {
  clearTimeout(settling);
  settling = setTimeout(redraw, after);
}

// Beyond the edges of the last picture are outlines.
function sketch() {
  if (bitmap) {
    const { from, picture } = bitmap;
    render(pen, drawOutline);
    const corner = { x: from.x - width / 2 / from.scale, y: from.y - height / 2 / from.scale };
    const zoom = view.scale / from.scale;
    pen.drawImage(picture, ...screen(corner), width * zoom, height * zoom);
  }
}

// By a factor, around a point of the screen.
function zoomed(factor, [x, y] = [width / 2, height / 2]) {
  const { scale } = bound({ ...view, scale: view.scale * factor });
  const point = onPlan([x, y]);
  return { scale, x: point.x - (x - width / 2) / scale, y: point.y - (y - height / 2) / scale };
}

function glideTo(wanted) {
  cancelAnimationFrame(gliding);
  const [from, to] = [view, bound(wanted)];
  const began = performance.now();
  const step = () => {
    const past = stillness.matches ? 1 : Math.min(1, (performance.now() - began) / GLIDE);
    const between = (one, other) => one + (other - one) * (1 - (1 - past) ** 3);
    // With the inverse of the scale, so that one point of the hall keeps its place.
    moveTo({
      x: between(from.x, to.x),
      y: between(from.y, to.y),
      scale: 1 / between(1 / from.scale, 1 / to.scale),
    });
    if (past < 1) {
      gliding = requestAnimationFrame(step);
    } else {
      view = to;
      settle(0);
    }
  };
  step();
}

// So near that seats can be touched: the section, where it fits, or around the point.
function enter(point) {
  const found = plan.sections.find((section) => isWithin(section, point.x, point.y, 0));
  const scale = found && Math.min(
    (width - 2 * EDGE) / (found.width + 2 * SEAT), (height - 2 * EDGE) / (found.height + 2 * ROW),
  );
  if (scale * SEAT >= NUMBERED) {
    glideTo({ x: found.x + found.width / 2, y: found.y + (found.height - ROW) / 2, scale });
    return;
  }
  const [wide, high] = [width / 2 / NEAR, height / 2 / NEAR];
  glideTo({
    x: found ? within(point.x, found.x - SEAT * 1.5 + wide, found.x + found.width - wide) : point.x,
    y: found ? within(point.y, found.y - ROW * 2 + high, found.y + found.height - high) : point.y,
    scale: NEAR,
  });
}

// The seat that is nearest to a point of the screen, by arithmetic in each run that is near; or undefined.
function nearest(point) {
  const { x, y } = onPlan(point);
  const { first, runs } = plan;
  const reach = REACH / view.scale;
  let closest = reach ** 2;
  let found;
  for (const section of plan.sections) {
    if (!isWithin(section, x, y, reach + SEAT)) {
      continue;
    }
    for (const run of section.runs) {
      const [dx, dy] = [runs.dx[run], runs.dy[run]];
      const [right, down] = [x - runs.x[run], y - runs.y[run]];
      const steps = Math.round((right * dx + down * dy) / (dx * dx + dy * dy || 1));
      const k = Math.max(0, Math.min(runs.seats[run] - 1, steps));
      const away = (right - k * dx) ** 2 + (down - k * dy) ** 2;
      if (away < closest) {
        [closest, found] = [away, first[run] + k];
      }
    }
  }
  return found;
}

function isWithin(section, x, y, margin) {
  return x >= section.x - margin && x <= section.x + section.width + margin
    && y >= section.y - margin && y <= section.y + section.height + margin;
}

// --- Gestures ---------------------------------------------------------------------------------

// Pointers that are down, by their id, as points of the canvas.
const pointers = new Map();
// Where the only finger was put down, unless it moved.
let still = null;

function pointOf({ clientX, clientY }) {
  const { x, y } = canvas.getBoundingClientRect();
  return [clientX - x, clientY - y];
}

function press(event) {
  cancelAnimationFrame(gliding);
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, pointOf(event));
  still = pointers.size === 1 ? pointOf(event) : null;
}

function move(event) {
  const before = pointers.get(event.pointerId);
  const point = pointOf(event);
  if (!before) {
    hover(point);
  }
  if (!before || (still && Math.hypot(point[0] - still[0], point[1] - still[1]) < 8)) {
    return;
  }
  still = null;
  pointers.set(event.pointerId, point);
  // Without another finger the point moves around itself.
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  const distance = ([x, y]) => (other ? Math.hypot(x - other[0], y - other[1]) : 1);
  const middle = ([x, y]) => (other ? [(x + other[0]) / 2, (y + other[1]) / 2] : [x, y]);
  const [was, now] = [middle(before), middle(point)];
  const wanted = zoomed(distance(point) / distance(before), was);
  wanted.x -= (now[0] - was[0]) / wanted.scale;
  wanted.y -= (now[1] - was[1]) / wanted.scale;
  moveTo(wanted);
}

function release(event) {
  pointers.delete(event.pointerId);
  if (still && event.type === "pointerup") {
    tap(still, event.pointerType === "mouse" ? ROUND - 2 : TOUCHED);
  }
  still = null;
}

function tap(point, choosable) {
  const seat = nearest(point);
  if (SEAT * view.scale < choosable) {
    enter(onPlan(point));
  } else if (seat !== undefined) {
    page.pick(seat);
  }
}

function hover(point) {
  const seat = isFar() ? undefined : nearest(point);
  canvas.classList.toggle("seat-here", seat !== undefined);
  canvas.title = seat === undefined ? "" : page.nameOf(seat);
}

function wheel(event) {
  const wanted = zoomed(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), pointOf(event));
  // The whole hall cannot get smaller: the page scrolls.
  if (wanted.scale !== view.scale) {
    event.preventDefault();
    moveTo(wanted);
  }
}

function jump({ buttons, clientX, clientY }) {
  const { x, y } = minimap.getBoundingClientRect();
  if (buttons) {
    const scale = Math.max(plan.box.width, plan.box.height) / MINIMAP;
    moveTo({ ...view, x: plan.box.x + (clientX - x) * scale, y: (clientY - y) * scale });
  }
}

function key(event) {
  const action = { "+": "in", "=": "in", "-": "out", 0: "all" }[event.key];
  const [x, y] = arrow(event.key) ?? [0, 0];
  if (event.target !== root || !(action || x || y)) {
    return;
  }
  event.preventDefault();
  const by = 80 / view.scale;
  zoom(action) ?? glideTo({ ...view, x: view.x + x * by, y: view.y + y * by });
}

function zoom(action) {
  const views = { in: () => zoomed(1.8), out: () => zoomed(1 / 1.8), all: whole };
  if (action) {
    glideTo(views[action]());
  }
  return action;
}

// The direction of an arrow key.
function arrow(name) {
  return { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[name];
}

// --- A small hall -----------------------------------------------------------------------------

// A check box above each seat that is drawn: it has the clicks, the focus and a name.
function drawBoxes() {
  const frame = make("div", { class: "boxes" }, page.boxes());
  const [wide, high] = [SEAT * view.scale, ROW * view.scale];
  [...frame.children].forEach(({ style }, index) => {
    const [x, y] = screen(seatAt(plan, index));
    Object.assign(style, {
      left: `${x - wide / 2}px`, top: `${y - high / 2}px`, width: `${wide}px`, height: `${high}px`,
    });
  });
  root.append(frame);
  showBoxes();
}

function make(name, attributes = {}, children = []) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

return { FREE, HELD, SOLD, MINE, CHOSEN, readPlan, seatAt, indexOf, seatsOf, readStates, openMap, showPlan, showSeats, showSeat, gradeOf, render, arrow, make };
})();

// --- The page ---------------------------------------------------------------------------------

// For tests, which give it a pen that records.
export const { render } = seatMap;
const {
  CHOSEN, FREE, HELD, MINE, SOLD, arrow, gradeOf, indexOf, make, openMap, readPlan, readStates, seatAt,
  seatsOf, showPlan, showSeat, showSeats,
} = seatMap;

const ASK_EVERY = 1000;
const LONGEST_PAUSE = 30_000;
const ANSWER_WITHIN = 15_000;

const at = (id) => document.getElementById(id);
const [form, map, list, notice, hold, filter, lost] = [
  "seats", "map", "list", "notice", "hold", "filter", "lost",
].map(at);
const words = form.dataset;
const limit = Number(words.limit);
const query = new URLSearchParams(location.search);
const number = new Intl.NumberFormat(document.documentElement.lang);
// Reload, another language and a new log-in keep the tab's storage.
const STORED = `seats ${words.state}`;
const stored = JSON.parse(sessionStorage.getItem(STORED) ?? "{}");

let plan = null;
let states = new Uint8Array();
// By index, as `states`.
let mine = new Set();
let looks = new Uint8Array();
let cursor = "";
// Numbers of seats, in the order in which they were chosen.
const chosen = new Set(stored.chosen);
// Indices of offers; none for all.
const wanted = new Set();
let isList = query.has("view") ? query.get("view") === "list" : stored.isList;
// The check box of each row that Tab reaches.
const stops = new Map();
let asking = false;
let sending = false;
let isCutOff = !navigator.onLine;
let failures = 0;
let next = 0;

// What was ticked before the script was ready.
list.querySelectorAll("input:checked:enabled").forEach((box) => chosen.add(Number(box.value)));
list.replaceChildren();
list.removeAttribute("data-without-scripts");
openMap({ pick, nameOf, price, left: leftWords, boxes: () => [...states.keys()].map(drawBox) });
form.addEventListener("change", ({ target }) => {
  if (target.dataset.seat) {
    pick(Number(target.dataset.seat));
  } else if (target.dataset.offer) {
    wanted[target.checked ? "add" : "delete"](Number(target.dataset.offer));
    list.querySelectorAll("[open]").forEach(fillSection);
    show();
  }
});
form.addEventListener("focusin", ({ target }) => {
  if (target.dataset.seat) {
    stops.set(target.dataset.row, target);
    setStops();
  }
});
form.addEventListener("keydown", moveByArrow);
form.addEventListener("submit", (event) => send(event, [...chosen]));
lost.addEventListener("submit", (event) => {
  lost.close();
  send(event, words.offered.split(",").map(Number));
});
at("chosen").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) {
    pick(Number(button.value));
    hold.focus({ preventScroll: true });
  }
});
list.addEventListener("toggle", ({ target }) => fillSection(target), true);
at("view").addEventListener("click", (event) => {
  event.preventDefault();
  isList = !isList;
  showView();
});
window.addEventListener("pageshow", () => {
  sending = false;
  ask();
});
window.addEventListener("offline", () => cutOff(true));
window.addEventListener("online", ask);
document.addEventListener("visibilitychange", ask);
showView();
showChoice();
ask();

// --- Asking -----------------------------------------------------------------------------------

async function ask() {
  clearTimeout(next);
  if (asking || sending || document.hidden) {
    return;
  }
  asking = true;
  let pause = ASK_EVERY;
  try {
    const asked = get(`${words.state}${cursor && `?since=${cursor}`}`);
    // The first plan is fetched at the same time, and is then in the browser's cache.
    const [news] = await Promise.all([asked, plan ?? planOf(words.plan)]);
    await hear(news);
    cutOff(false);
    failures = 0;
  } catch (trouble) {
    failures += 1;
    pause = Math.min(LONGEST_PAUSE, ASK_EVERY * 2 ** failures) * (0.5 + Math.random() / 2);
    pause = Math.max(pause, trouble.retryAfter ?? 0);
    cutOff(trouble.retryAfter === undefined);
    if (!plan) {
      notice.textContent = words.trouble;
    }
  } finally {
    asking = false;
    next = setTimeout(ask, pause);
  }
}

// States may be stored by the browser, which then asks whether they have changed; a plan for ever.
async function get(address) {
  const headers = address.startsWith(words.state) ? { "Queue-Token": words.token } : {};
  const answer = await fetch(address, { headers, signal: AbortSignal.timeout(ANSWER_WITHIN) });
  if (answer.status === 401 || answer.status === 403) {
    // The admission or the log-in has ended: the server redirects.
    location.reload();
  }
  if (!answer.ok) {
    const retryAfter = 1000 * Number(answer.headers.get("Retry-After"));
    throw Object.assign(new Error(answer.status), { retryAfter });
  }
  return answer.json();
}

async function hear(news) {
  const isNew = news.plan !== plan?.version;
  const drawn = isNew ? await planOf(news.plan) : plan;
  if (sending) {
    return;
  }
  if (isNew && !news.states) {
    // Changes of a plan that is not drawn: ask for everything.
    cursor = "";
    return;
  }
  if (news.states) {
    states = readStates(news.states, drawn.count);
  }
  for (const [index, state] of news.changes ?? []) {
    states[index] = state;
  }
  const isSame = news.changes?.length === 0 && `${news.mine}` === `${[...mine]}`;
  mine = new Set(news.mine);
  cursor = news.cursor;
  if (isNew) {
    takePlan(drawn);
  } else if (!isSame) {
    show();
  }
}

async function planOf(version) {
  return readPlan(await get(`${words.plans}${version}/`));
}

function takePlan(drawn) {
  const isFirst = !plan;
  const focused = document.activeElement;
  plan = drawn;
  wanted.clear();
  drawFilter();
  drawList();
  show(showPlan);
  if (!isFirst) {
    const { value, dataset } = focused;
    const same = dataset.seat && (isList ? list : map).querySelector(`[value="${value}"]`);
    same?.focus({ preventScroll: true });
    if (at("instead")) {
      // The seats that are offered instead of a lost one have new prices, too.
      location.reload();
    }
  }
}

// Without the network nothing can be held; the choice is kept.
function cutOff(isNow) {
  if (isCutOff !== isNow) {
    isCutOff = isNow;
    showChoice();
  }
}

// --- The choice -------------------------------------------------------------------------------

// The seat is drawn at once; all that needs a layout follows when the seat is on the screen.
function pick(index) {
  const { number: key } = seatAt(plan, index);
  let told = "";
  if (chosen.delete(key)) {
    looks[index] = states[index];
  } else if (states[index] !== FREE) {
    told = `${nameOf(index)}, ${stateWords(index)}`;
  } else if (chosen.size < limit) {
    chosen.add(key);
    looks[index] = CHOSEN;
  } else {
    told = words.full;
  }
  showSeat(index);
  requestAnimationFrame(() => setTimeout(() => {
    notice.textContent = told;
    showBoxes(index);
    showChoice();
  }));
}

function showChoice() {
  const seats = plan ? [...chosen].map((key) => seatAt(plan, indexOf(plan, key))) : [];
  at("chosen").replaceChildren(...seats.map((seat) => make("li", {}, [
    make("button", {
      type: "button", value: seat.index, "aria-label": `${words.remove}: ${nameOf(seat.index)}`,
    }, [gradeMark(seat.offer.grade), shortName(seat)]),
  ])));
  say(at("total"), chosen.size ? won(sum(seats)) : "");
  hold.disabled = !chosen.size || isCutOff || sending;
  at("offline").hidden = !isCutOff;
  if (!notice.textContent && !chosen.size) {
    notice.textContent = words.full;
  }
  remember();
}

function remember() {
  sessionStorage.setItem(STORED, JSON.stringify({ chosen: [...chosen], isList }));
}

// Unselect what can no longer be chosen, and tell what other buyers took.
function dropLost() {
  const taken = [];
  for (const key of chosen) {
    const index = indexOf(plan, key);
    if (states[index] !== FREE) {
      chosen.delete(key);
      if (index !== undefined && !mine.has(index)) {
        taken.push(shortName(seatAt(plan, index)));
      }
    }
  }
  if (taken.length) {
    notice.textContent = `${words.lost} ${taken.join(", ")}`;
  }
}

// --- Words ------------------------------------------------------------------------------------

function won(amount) {
  return words.zero.replace("0", number.format(amount));
}

function sum(seats) {
  return seats.reduce((total, { offer }) => total + offer.price, 0);
}

function price({ grade, price: amount }) {
  return `${grade} ${won(amount)}`.trim();
}

function leftWords(count) {
  return words.left.replace("{n}", number.format(count));
}

// A seat with a label of its own has that on its ticket.
function shortName({ label, section, rowName, place }) {
  const row = rowName && words.row.replace("{row}", rowName);
  return label ?? `${section.name} ${row} ${words.place.replace("{seat}", place)}`.trim();
}

function nameOf(index) {
  const seat = seatAt(plan, index);
  const { grade } = seat.offer;
  const kind = words[seat.kind] ? `, ${words[seat.kind]}` : "";
  const before = grade && `${words.grade.replace("{grade}", grade)} `;
  return `${shortName(seat)}, ${before}${won(seat.offer.price)}${kind}`;
}

function stateWords(index) {
  const isHeld = states[index] === HELD;
  return mine.has(index) ? words.mine : isHeld ? words.held : words.reserved;
}

function gradeMark(grade) {
  return grade ? make("b", { class: "grade", "data-grade": gradeOf(grade) }, [grade]) : "";
}

function say(field, text) {
  if (field.textContent !== text) {
    field.textContent = text;
  }
}

// --- Holding ----------------------------------------------------------------------------------

async function send(event, numbers) {
  event.preventDefault();
  // site.js would disable the buttons of a form that leaves the page.
  event.stopPropagation();
  const data = new FormData(form);
  numbers.forEach((key) => data.append("seats", key));
  sending = true;
  showChoice();
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: data,
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    const isRead = answer.headers.get("Content-Type").includes("json");
    const { next: page, refusal } = isRead ? await answer.json() : {};
    if (page) {
      sessionStorage.removeItem(STORED);
      location.assign(page);
      return;
    }
    if (!refusal || refusal.code === "queue_not_admitted") {
      // The log-in or the admission has ended: the server redirects.
      location.reload();
      return;
    }
    tellRefusal(numbers, refusal);
  } catch {
    isCutOff = true;
  }
  sending = false;
  showChoice();
  ask();
}

function tellRefusal(numbers, { code, detail, nearest = [] }) {
  const isTaken = code === "seat_taken";
  const seats = (keys) => keys.map((key) => seatAt(plan, indexOf(plan, key)));
  const gone = isTaken ? seats(numbers.filter((key) => !nearest.includes(key))) : [];
  gone.forEach((seat) => chosen.delete(seat.number));
  words.offered = nearest;
  at("lost-title").textContent = isTaken ? words.first : detail;
  at("lost-seats").textContent = gone.map(shortName).join(", ");
  at("lost-none").hidden = !isTaken || nearest.length > 0;
  at("lost-offer").hidden = !nearest.length;
  at("offered").textContent = seats(nearest).map(shortName).join(", ");
  at("offered-total").textContent = won(sum(seats(nearest)));
  lost.showModal();
}

// --- What is seen -----------------------------------------------------------------------------

function show(draw = showSeats) {
  dropLost();
  looks = states.map((state) => Math.min(state, SOLD));
  mine.forEach((index) => { looks[index] = MINE; });
  chosen.forEach((key) => { looks[indexOf(plan, key)] = CHOSEN; });
  const [bySection, byOffer] = countFree();
  draw(...(draw === showPlan ? [plan] : []), looks, bySection, isDim);
  bySection.forEach((free, index) => say(list.children[index].querySelector("small"), leftWords(free)));
  filter.querySelectorAll("input").forEach((box) => {
    say(box.parentElement.lastChild, leftWords(byOffer[box.dataset.offer]));
  });
  showBoxes();
  showChoice();
}

function isDim(offer) {
  return wanted.size > 0 && !wanted.has(offer);
}

function countFree() {
  const { first, offers, rows, runs, sections } = plan;
  const [bySection, byOffer] = [sections, offers].map((all) => all.map(() => 0));
  first.forEach((start, run) => {
    const free = states.subarray(start, start + runs.seats[run]).filter((state) => state === FREE);
    bySection[rows.section[runs.row[run]]] += free.length;
    byOffer[runs.offer[run]] += free.length;
  });
  return [bySection, byOffer];
}

function drawFilter() {
  const offers = [...plan.offers.entries()].sort(([, one], [, other]) => other.price - one.price);
  filter.replaceChildren(...offers.map(([offer, { grade, price: amount }]) => make("label", {}, [
    make("input", { type: "checkbox", "data-offer": offer }),
    gradeMark(grade), won(amount), make("small"),
  ])));
}

function showView() {
  map.hidden = isList;
  list.hidden = !isList;
  at("view").textContent = isList ? words.map : words.list;
  list.querySelectorAll("[open]").forEach(fillSection);
  setStops();
  remember();
}

// --- Check boxes: in the list, and above a small hall ------------------------------------------------

function drawList() {
  const open = list.querySelector("[open]")?.dataset.name ?? query.get("section");
  list.replaceChildren(...plan.sections.map(({ name, offers }) => {
    const said = offers.map((offer) => price(plan.offers[offer])).join(" · ");
    const title = make("summary", {}, [make("b", {}, [name || words.unnamed]), ` ${said} `, make("small")]);
    const section = make("details", { name: "section", "data-name": name }, [title, make("div")]);
    section.open = name === open || plan.sections.length === 1;
    return section;
  }));
  list.querySelectorAll("[open]").forEach(fillSection);
}

// Only the open section of the list that is shown has check boxes: of the seats that can be chosen.
function fillSection(details) {
  const section = plan.sections[[...list.children].indexOf(details)];
  const rows = new Map();
  for (const [index, offer] of isList && details.open ? seatsOf(plan, section) : []) {
    const seat = seatAt(plan, index);
    if (!isDim(offer) && (states[index] === FREE || mine.has(index))) {
      rows.set(seat.rowName, [...(rows.get(seat.rowName) ?? []), seat]);
    }
  }
  const lines = [...rows].map(([name, seats]) => {
    const row = make("div", { role: "group", "aria-label": words.row.replace("{row}", name) });
    seats.sort((one, other) => one.place - other.place);
    row.append(make("b", { "aria-hidden": true }, [name]), ...seats.map(({ index }) => drawBox(index)));
    return row;
  });
  details.lastChild.replaceChildren(...(lines.length ? lines : [make("p", {}, [words.nothing])]));
  showBoxes();
}

function drawBox(index) {
  const { number: value, row, place, offer } = seatAt(plan, index);
  return make("label", { class: "seat", "data-grade": gradeOf(offer.grade) }, [
    make("input", { type: "checkbox", value, "data-seat": index, "data-row": row }),
    make("span", { "aria-hidden": true }, [place]),
  ]);
}

// As the seats are now: all, or one.
function showBoxes(only) {
  for (const box of form.querySelectorAll(only === undefined ? "[data-seat]" : `[data-seat="${only}"]`)) {
    const index = Number(box.dataset.seat);
    box.checked = looks[index] === CHOSEN;
    box.disabled = states[index] !== FREE;
    const name = nameOf(index);
    const said = box.disabled ? `${name}, ${stateWords(index)}` : name;
    if (box.ariaLabel !== said) {
      box.ariaLabel = said;
    }
  }
  setStops();
}

function setStops() {
  const shown = isList ? list : map;
  const boxes = shown.querySelectorAll("[data-seat]");
  for (const box of boxes) {
    const stop = stops.get(box.dataset.row);
    if (!box.disabled && (!shown.contains(stop) || stop.disabled)) {
      stops.set(box.dataset.row, box);
    }
  }
  boxes.forEach((box) => { box.tabIndex = stops.get(box.dataset.row) === box ? 0 : -1; });
}

// To the nearest seat in this direction: along the row, or in the next one that has any.
function moveByArrow(event) {
  const { target } = event;
  const direction = target.dataset.seat && arrow(event.key);
  if (!direction) {
    return;
  }
  event.preventDefault();
  const from = seatAt(plan, target.dataset.seat);
  let [best, closest] = [null, Infinity];
  for (const box of target.closest(".boxes, #list").querySelectorAll("[data-seat]:enabled")) {
    const { x, y, rowName } = seatAt(plan, box.dataset.seat);
    const [right, down] = [(x - from.x), (y - from.y)];
    const ahead = right * direction[0] + down * direction[1];
    const away = direction[0] ? ahead : 1000 * ahead + Math.abs(right);
    if (ahead > 0 && away < closest && (direction[1] || (down === 0 && rowName === from.rowName))) {
      [best, closest] = [box, away];
    }
  }
  best?.focus();
}
