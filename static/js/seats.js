// The seat page: follows other buyers' and operators' changes, keeps the choice, and holds it. The map
// (seat_map.js) and the list show the same seats.

import {
  CHOSEN, FREE, HELD, MINE, SOLD, arrow, gradeOf, indexOf, make, openMap, readPlan, readStates, seatAt,
  seatsOf, showPlan, showSeat, showSeats,
} from "./seat_map.js";

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

function pick(index) {
  const { number: key } = seatAt(plan, index);
  notice.textContent = "";
  if (chosen.delete(key)) {
    looks[index] = states[index];
  } else if (states[index] !== FREE) {
    notice.textContent = `${nameOf(index)}, ${stateWords(index)}`;
  } else if (chosen.size < limit) {
    chosen.add(key);
    looks[index] = CHOSEN;
  } else {
    notice.textContent = words.full;
  }
  showSeat(index);
  showBoxes(index);
  // The seat is drawn first.
  setTimeout(showChoice);
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
