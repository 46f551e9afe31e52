// The waiting room: polls the place in line, shows it, and goes on when the buyer is admitted.
"use strict";

const MOVE_ON_AFTER = 2000;
const ASK_AT_MOST_EVERY = 1000;
const ANSWER_WITHIN = 15_000;
const LONGEST_PAUSE = 30;

const said = document.getElementById("said");
const notice = document.getElementById("notice");
const words = notice.dataset;
const { lang } = document.documentElement;
const number = new Intl.NumberFormat(lang);
const days = new Intl.NumberFormat(lang, { style: "unit", unit: "day", unitDisplay: "long" });

let place = document.getElementById("place");
let asked = null;
let asking = 0;
let notBefore = 0;
let failures = 0;
let counting = 0;

begin();
// Poll immediately when the page wakes up, is shown again, or is online again.
document.addEventListener("visibilitychange", wake);
window.addEventListener("pageshow", (event) => event.persisted && wake());
window.addEventListener("online", wake);
window.addEventListener("offline", () => tell(words.offline));

function begin() {
  if (place.dataset.status === "WAITING") {
    askIn(Number(place.dataset.pollAfter));
  }
  countDown();
  moveOn();
}

function wake() {
  if (!document.hidden && place.dataset.status !== "EXPIRED" && Date.now() >= notBefore) {
    ask();
  }
}

function askIn(seconds) {
  clearTimeout(asking);
  asking = setTimeout(ask, seconds * 1000);
}

async function ask() {
  clearTimeout(asking);
  // The answer to a request from before a sleep may never arrive.
  asked?.abort();
  const mine = new AbortController();
  asked = mine;
  const patience = setTimeout(() => mine.abort(), ANSWER_WITHIN);
  try {
    const answer = await get(place.dataset.api, mine.signal);
    await hear(await answer.json(), mine.signal);
    failures = 0;
    tell("");
    notBefore = Date.now() + ASK_AT_MOST_EVERY;
  } catch (trouble) {
    if (mine === asked) {
      bear(trouble);
    }
  } finally {
    clearTimeout(patience);
  }
}

async function get(address, signal) {
  const answer = await fetch(address, { cache: "no-store", signal });
  if (answer.ok && !answer.redirected) {
    return answer;
  }
  if (answer.redirected || [401, 403, 404].includes(answer.status)) {
    // Logged out, or another user's session: the server redirects.
    location.reload();
  }
  throw new Refusal(answer);
}

class Refusal extends Error {
  constructor(answer) {
    super(answer.status);
    this.words = answer.status >= 500 ? words.busy : "";
    this.retryAfter = Number(answer.headers.get("Retry-After")) || 0;
  }
}

// Poll again when the server says; without an answer at growing, random intervals.
function bear(trouble) {
  const refused = trouble instanceof Refusal;
  const pause = Math.min(LONGEST_PAUSE, 2 ** ++failures) * (0.5 + Math.random() / 2);
  tell(refused ? trouble.words : words.offline);
  notBefore = refused ? Date.now() + trouble.retryAfter * 1000 : 0;
  askIn((refused && trouble.retryAfter) || pause);
}

function tell(trouble) {
  if (notice.textContent && !trouble) {
    said.textContent = words.back;
  }
  if (notice.textContent !== trouble) {
    notice.textContent = trouble;
  }
}

async function hear(news, signal) {
  const { status, roomState } = place.dataset;
  if (news.status !== status || news.room_state !== roomState) {
    await turn(signal);
  } else if (status === "WAITING") {
    show(news);
    askIn(news.poll_after_seconds);
  }
}

// A new state has other texts: load the page part from the server.
async function turn(signal) {
  const answer = await get(place.dataset.fragment, signal);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const wasInside = place.contains(document.activeElement);
  const before = place;
  place = page.getElementById("place");
  before.replaceWith(place);
  const headline = document.getElementById("headline");
  if (wasInside) {
    headline.focus();
  }
  said.textContent = headline.textContent.trim();
  document.title = `● ${said.textContent} · concertbook`;
  begin();
}

function show({ ahead, seats_left: left, ...news }) {
  write("ahead", number.format(ahead));
  write("wait", inWords(news.estimated_wait_from_seconds, news.estimated_wait_until_seconds));
  write("left", left === null ? "" : number.format(left));
  reveal("seats-left", left !== null);
  reveal("odds-few", left > 0 && ahead > left);
  reveal("odds-none", left === 0);
  const inTitle = words.ahead.replace("{ahead}", number.format(ahead));
  document.title = `${inTitle} · concertbook`;
  advance(ahead, inTitle);
}

// The progress never goes backwards; a screen reader reads it at every tenth.
function advance(ahead, inTitle) {
  const bar = document.getElementById("progress");
  if (!bar) {
    return;
  }
  const tenth = Math.floor(10 * bar.position);
  bar.value = Math.max(bar.value, bar.max - 1 - ahead);
  write("gone", number.format(bar.value));
  if (Math.floor(10 * bar.position) > tenth) {
    said.textContent = inTitle;
  }
}

// The same as the template filter in concertbook/templatetags/times.py.
function inWords(fewest, most) {
  const { less, minutes, hours } = document.getElementById("wait")?.dataset ?? {};
  if (!minutes || most < 60) {
    return less;
  }
  const unit = most < 90 * 60 ? 60 : 3600;
  const low = Math.max(1, Math.floor(fewest / unit));
  const high = Math.max(low + 1, Math.ceil(most / unit));
  return (unit === 60 ? minutes : hours).replace("{low}", low).replace("{high}", high);
}

function write(id, text) {
  const field = document.getElementById(id);
  if (field && field.textContent !== text) {
    field.textContent = text;
  }
}

function reveal(id, shown) {
  document.getElementById(id).hidden = !shown;
}

function countDown() {
  clearInterval(counting);
  const opening = document.getElementById("opening");
  if (!opening) {
    return;
  }
  const seconds = Number(opening.dataset.seconds);
  // While a machine sleeps, performance.now() may stop.
  const began = [performance.now(), Date.now()];
  const show = () => {
    const past = Math.max(performance.now() - began[0], Date.now() - began[1]) / 1000;
    const left = Math.max(0, Math.ceil(seconds - past));
    // All browsers reach zero at the same moment: poll when told to, not now.
    write("opening", left ? inDays(left) : opening.dataset.soon);
  };
  opening.hidden = false;
  counting = setInterval(show, 500);
  show();
}

function inDays(seconds) {
  const parts = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60];
  const time = parts.map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
  const whole = Math.floor(seconds / 86_400);
  return whole ? `${days.format(whole)} ${time}` : time;
}

function moveOn() {
  const { next } = place.dataset;
  if (!next) {
    return;
  }
  // Replaces this page, so that Back does not return here and go on again.
  const go = () => location.replace(next);
  setTimeout(() => {
    if (navigator.onLine) {
      go();
    } else {
      window.addEventListener("online", go, { once: true });
    }
  }, MOVE_ON_AFTER);
}
