// The seat map: the chosen seats and their price, seats taken by other buyers, and an operator's
// changes.
"use strict";

const ASK_EVERY = 3000;
const form = document.getElementById("seats");
const words = form.dataset;
const limit = Number(words.limit);
const notice = document.getElementById("notice");
const hold = document.getElementById("hold");
const seats = new Map();
findSeats();
const number = new Intl.NumberFormat(document.documentElement.lang);
let cursor = words.cursor;
let asking = false;

// A hall wider than the screen opens at its middle, below the stage.
const hall = form.querySelector(".hall");
hall.scrollLeft = (hall.scrollWidth - hall.clientWidth) / 2;

form.addEventListener("change", (event) => {
  if (chosen().length > limit) {
    event.target.checked = false;
    notice.textContent = words.full;
  }
  showTotal();
});
// Seats in our own request must not be reported as lost.
form.addEventListener("submit", () => {
  asking = true;
});
// The browser may restore the choice when the page is shown again.
window.addEventListener("pageshow", () => {
  asking = false;
  showTotal();
});
document.addEventListener("visibilitychange", ask);
window.addEventListener("online", ask);
setInterval(ask, ASK_EVERY);

function findSeats() {
  seats.clear();
  for (const seat of form.querySelectorAll("input[name=seats]")) {
    seats.set(Number(seat.value), seat);
  }
}

function chosen() {
  return [...seats.values()].filter((seat) => seat.checked && !seat.disabled);
}

// Grade and price are the block's, unless the seat has its own.
function offerOf(seat) {
  return "price" in seat.dataset ? seat.dataset : seat.closest(".block").dataset;
}

function showTotal() {
  const mine = chosen();
  const total = mine.reduce((sum, seat) => sum + Number(offerOf(seat).price), 0);
  document.getElementById("count").textContent = mine.map((seat) => seat.dataset.label).join(", ");
  document.getElementById("total").textContent = words.zero.replace("0", number.format(total));
  hold.disabled = mine.length === 0;
}

async function ask() {
  if (asking || document.hidden) {
    return;
  }
  asking = true;
  try {
    const answer = await fetch(`${words.changes}?since=${cursor}`, { cache: "no-store" });
    if (answer.ok) {
      const changes = await answer.json();
      changes.seats.forEach(update);
      if (!changes.seats.every(isDrawn)) {
        await redraw();
      }
      cursor = changes.cursor;
    } else if (answer.status === 401 || answer.status === 403) {
      // The admission or the log-in has ended: the server redirects.
      location.reload();
    }
  } catch {
    // The server cannot be reached: ask again from the same cursor at the next interval.
  } finally {
    asking = false;
  }
}

function update({ number: key, status }) {
  const seat = seats.get(key);
  if (!seat || seat.dataset.status === status) {
    return;
  }
  const { label, name = label } = seat.dataset;
  const state = { HELD: words.held, RESERVED: words.reserved }[status];
  seat.dataset.status = status;
  delete seat.dataset.mine;
  seat.disabled = status !== "AVAILABLE";
  seat.setAttribute("aria-label", state ? `${name}, ${state}` : name);
  if (seat.checked && seat.disabled) {
    seat.checked = false;
    tellLost(seat);
    showTotal();
  }
}

function tellLost(seat) {
  notice.textContent = `${words.lost} ${seat.dataset.label}`;
}

function isDrawn({ number: key, label, section, grade, price, seat_in_row: place }) {
  const seat = seats.get(key);
  return (
    seat?.dataset.label === label &&
    seat.closest(".block").dataset.section === section &&
    offerOf(seat).grade === grade &&
    Number(offerOf(seat).price) === price &&
    Number(seat.nextElementSibling.textContent) === place
  );
}

// New or edited seats: load the map again, and keep the choice.
async function redraw() {
  const answer = await fetch(location.href, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const drawn = page.querySelector("#seats .hall");
  if (!answer.ok || !drawn) {
    throw new Error("no seats to draw");
  }
  const mine = chosen();
  const focused = document.activeElement?.closest("#seats .hall input")?.value;
  hall.replaceChildren(...drawn.childNodes);
  findSeats();
  for (const { value } of mine) {
    const seat = seats.get(Number(value));
    seat.checked = !seat.disabled;
    if (seat.disabled) {
      tellLost(seat);
    }
  }
  seats.get(Number(focused))?.focus({ preventScroll: true });
  // The seats that are offered instead of a lost one have a price, too.
  const offer = "[aria-labelledby=instead]";
  document.querySelector(offer)?.replaceWith(page.querySelector(offer) ?? "");
  showTotal();
}
