// The seat map: drawn from the plan and the states of its seats. A large hall is drawn section by
// section. Keeps the chosen seats and their price, and follows other buyers' and operators' changes.

import { FREE, HELD, blocksOf, offersOf, readPlan, readStates } from "./seat_plan.js";

const ASK_EVERY = 1000;
const LONGEST_PAUSE = 30_000;
const ANSWER_WITHIN = 15_000;

const form = document.getElementById("seats");
const hall = document.getElementById("hall");
const overview = document.getElementById("sections");
const notice = document.getElementById("notice");
const hold = document.getElementById("hold");
const words = form.dataset;
const limit = Number(words.limit);
const query = new URLSearchParams(location.search);
const number = new Intl.NumberFormat(document.documentElement.lang);

let plan = null;
let states = new Uint8Array();
let mine = new Set();
let cursor = "";
// The name of the section that is open; null for none.
let open = history.state?.section ?? query.get("section");
// By number. Reload and Back keep the entry's state.
const chosen = new Set(history.state?.chosen);
// The check boxes that are drawn, by number.
const boxes = new Map();
// The numbers of the seats that are offered instead of a lost one.
let offered = new Set();
let asking = false;
let sending = false;
let failures = 0;
let next = 0;

form.addEventListener("change", ({ target }) => {
  choose(target);
  showChoice();
});
// Seats in our own request must not be reported as lost.
form.addEventListener("submit", () => {
  sending = true;
});
window.addEventListener("pageshow", () => {
  sending = false;
  ask();
});
overview.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-section]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    openSection(link.dataset.section);
  }
});
document.addEventListener("visibilitychange", ask);
window.addEventListener("online", ask);
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
    if (notice.textContent === words.trouble) {
      notice.textContent = words.full;
    }
    failures = 0;
  } catch (trouble) {
    failures += 1;
    pause = Math.min(LONGEST_PAUSE, ASK_EVERY * 2 ** failures) * (0.5 + Math.random() / 2);
    pause = Math.max(pause, trouble.retryAfter ?? 0);
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
    states = readStates(news.states, drawn.seats.length);
  }
  for (const [index, state] of news.changes ?? []) {
    states[index] = state;
  }
  mine = new Set(news.mine);
  cursor = news.cursor;
  if (isNew) {
    const isFirst = !plan;
    plan = drawn;
    draw(isFirst);
    if (!isFirst) {
      await renewOffer();
    }
  } else {
    show();
  }
}

async function planOf(version) {
  return readPlan(await get(`${words.plans}${version}/`));
}

// The seats that are offered instead of a lost one have new prices, too.
async function renewOffer() {
  const offer = document.querySelector("[aria-labelledby=instead]");
  if (offer) {
    const answer = await fetch(location.href, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    offer.replaceWith(page.querySelector("[aria-labelledby=instead]") ?? "");
  }
}

// --- The choice -------------------------------------------------------------------------------

function choose(box) {
  const key = keyOf(box);
  if (!box.checked) {
    chosen.delete(key);
  } else if (chosen.size < limit) {
    chosen.add(key);
  } else {
    box.checked = false;
    notice.textContent = words.full;
  }
}

function showChoice() {
  const seats = [...chosen].map((key) => plan?.byNumber.get(key)).filter(Boolean);
  seats.sort((one, other) => one.index - other.index);
  const total = seats.reduce((sum, { offer }) => sum + offer.price, 0);
  document.getElementById("count").textContent = seats.map(({ label }) => label).join(", ");
  document.getElementById("total").textContent = won(total);
  hold.disabled = chosen.size === 0;
  // The form sends chosen seats that are not drawn, too.
  const ticked = new Set([...hall.querySelectorAll("input:checked")].map(keyOf));
  const elsewhere = [...chosen].filter((key) => !ticked.has(key)).map(hiddenField);
  document.getElementById("elsewhere").replaceChildren(...elsewhere);
  remember();
}

function keyOf(box) {
  return Number(box.value);
}

function hiddenField(key) {
  return make("input", { type: "hidden", name: "seats", value: key });
}

function remember() {
  history.replaceState({ section: open, chosen: [...chosen] }, "");
}

function won(amount) {
  return words.zero.replace("0", number.format(amount));
}

// Unselect what can no longer be chosen, and tell what other buyers took.
function dropLost() {
  const lost = [];
  for (const key of chosen) {
    const seat = plan.byNumber.get(key);
    if (!seat || states[seat.index] !== FREE) {
      chosen.delete(key);
      if (seat && !mine.has(seat.index)) {
        lost.push(seat.label);
      }
    }
  }
  if (lost.length) {
    notice.textContent = `${words.lost} ${lost.join(", ")}`;
  }
}

// --- Drawing ----------------------------------------------------------------------------------

function draw(isFirst) {
  if (isFirst) {
    takeOver();
  }
  drawOverview();
  if (!isFirst || !adopt()) {
    drawHall();
  }
  show();
  if (isFirst) {
    showMiddle();
  }
}

// What was ticked before the script was ready; and the section of a seat that was taken.
function takeOver() {
  for (const box of hall.querySelectorAll("input:checked:enabled")) {
    chosen.add(keyOf(box));
  }
  const taken = plan.byNumber.get(Number(query.get("taken")));
  open ??= taken?.section.name ?? null;
}

function isDrawnWhole() {
  return plan.seats.length <= Number(words.most) || plan.sections.length === 1;
}

function openSections() {
  return isDrawnWhole() ? plan.sections : plan.sections.filter(({ name }) => name === open);
}

function openSection(name) {
  open = name;
  drawHall();
  show();
  showMiddle();
  markOpen();
  hall.querySelector(".block-name")?.focus();
}

function drawOverview() {
  overview.hidden = isDrawnWhole();
  overview.classList.remove("until-drawn");
  const links = overview.hidden ? [] : plan.sections.map(drawLink);
  overview.replaceChildren(make("ul", {}, links));
  markOpen();
}

function drawLink({ name, seats }) {
  const offers = offersOf(seats).map(({ grade, price }) => offerWords(grade, price, name).join(""));
  const href = `?${new URLSearchParams({ section: name })}`;
  const link = make("a", { href, "data-section": name }, [
    make("b", {}, [name || words.unnamed]),
    ` ${offers.slice(0, 3).join("· ")}`,
    make("span", {}),
  ]);
  return make("li", {}, [link]);
}

function offerWords(grade, price, section) {
  return [grade && !section.includes(grade) ? `${grade} ` : "", `${won(price)} `];
}

function markOpen() {
  for (const link of overview.querySelectorAll("a")) {
    if (link.dataset.section === open) {
      link.setAttribute("aria-current", "true");
    } else {
      link.removeAttribute("aria-current");
    }
  }
}

// Keep the seats that the server has drawn, if they are the ones to draw.
function adopt() {
  const found = [...hall.querySelectorAll("input")];
  const wanted = openSections().reduce((count, { seats }) => count + seats.length, 0);
  if (plan.version !== words.plan || found.length !== wanted) {
    return false;
  }
  for (const box of found) {
    const seat = plan.byNumber.get(keyOf(box));
    box.dataset.name = box.parentElement.title || seat.label;
    boxes.set(seat.number, box);
  }
  return true;
}

function drawHall() {
  const focused = document.activeElement?.closest("#hall input")?.value;
  offered = offeredNumbers();
  boxes.clear();
  const blocks = openSections().flatMap((section) => blocksOf(section.seats).map(
    (block) => ({ section: section.name, ...block }),
  ));
  const drawn = blocks.map(drawBlock);
  hall.replaceChildren(hall.querySelector(".stage"), ...(drawn.length ? drawn : [nothing()]));
  boxes.get(Number(focused))?.focus({ preventScroll: true });
}

// A hall wider than the screen opens at its middle, below the stage.
function showMiddle() {
  hall.scrollLeft = (hall.scrollWidth - hall.clientWidth) / 2;
}

function nothing() {
  return plan.seats.length
    ? make("p", { class: "choose" }, [words.choose])
    : make("p", { class: "nothing" }, [words.none]);
}

function drawBlock({ section, offers, rows }, position) {
  const id = `block-${position + 1}`;
  const title = make("p", { class: "block-name", id, tabindex: -1 });
  if (section) {
    title.append(make("b", {}, [section]), " ");
  }
  offers.forEach(({ grade, price }, place) => {
    const [before, amount] = offerWords(grade, price, section);
    title.append(place ? "· " : "", before, make("span", {}, [amount]));
  });
  const lines = rows.map((row) => drawRow(row, offers[0], rows.length === 1));
  const attributes = { class: "block", role: "group", "aria-labelledby": id };
  return make("div", attributes, [title, ...lines]);
}

function drawRow({ name, seats }, usual, isOnly) {
  const places = make("div", { class: "places" }, seats.map((seat) => drawSeat(seat, usual)));
  const row = make("div", { class: isOnly ? "row only" : "row" }, [places]);
  if (name) {
    row.prepend(make("span", { class: "row-name", "aria-hidden": "true" }, [name]));
  }
  return row;
}

function drawSeat(seat, usual) {
  const box = make("input", { type: "checkbox", name: "seats", value: seat.number });
  const label = make("label", { class: "seat" }, [
    box,
    make("span", { class: "seat-box" }, [seat.place]),
  ]);
  box.dataset.name = seat.label;
  if (seat.offer !== usual) {
    box.dataset.name += `, ${seat.offer.grade} ${won(seat.offer.price)}`;
    label.classList.add("differs");
    label.title = box.dataset.name;
  }
  label.classList.toggle("offered", offered.has(seat.number));
  boxes.set(seat.number, box);
  return label;
}

function offeredNumbers() {
  const fields = document.querySelectorAll("[aria-labelledby=instead] [name=seats]");
  return new Set([...fields].map(keyOf));
}

function make(tag, attributes, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// --- The present states -----------------------------------------------------------------------

function show() {
  dropLost();
  for (const [key, box] of boxes) {
    showSeat(plan.byNumber.get(key), box);
  }
  showLeft();
  document.getElementById("legend-mine").hidden = mine.size === 0;
  showChoice();
}

function showSeat(seat, box) {
  const state = states[seat.index];
  const isMine = mine.has(seat.index) && state === HELD;
  const name = isMine ? words.mine : { [FREE]: "", [HELD]: words.held }[state] ?? words.reserved;
  box.dataset.status = { [FREE]: "AVAILABLE", [HELD]: "HELD" }[state] ?? "RESERVED";
  box.toggleAttribute("data-mine", isMine);
  box.disabled = state !== FREE;
  box.checked = chosen.has(seat.number);
  const said = name ? `${box.dataset.name}, ${name}` : box.dataset.name;
  if (box.getAttribute("aria-label") !== said) {
    box.setAttribute("aria-label", said);
  }
}

function showLeft() {
  for (const link of overview.querySelectorAll("a")) {
    const { seats } = plan.sections.find(({ name }) => name === link.dataset.section);
    const left = seats.filter(({ index }) => states[index] === FREE).length;
    const said = words.left.replace("{n}", left);
    const field = link.querySelector("span");
    if (field.textContent !== said) {
      field.textContent = said;
    }
  }
}
