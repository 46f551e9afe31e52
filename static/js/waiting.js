// The waiting room: shows the place in line, and goes on when the buyer is admitted. Near the front it
// polls the place. Further back it watches the front of the line, a public file, and computes the
// place from it; it polls as a sign of life, and when the front has passed.
"use strict";

const MOVE_ON_AFTER = 2000;
const ASK_AT_MOST_EVERY = 1000;
const ANSWER_WITHIN = 15_000;
const LONGEST_PAUSE = 30;
// People ahead, from which on the front is watched.
const FAR = 100;
// Seconds between two looks at the front: a twentieth of the wait, between these bounds.
const SOONEST_LOOK = 1;
const LATEST_LOOK = 15;
// Seconds between two looks for a message of the staff, for those who do not watch the front.
const LISTEN_EVERY = 15;
// As the server spreads its polls: so many people a second, and at most this many seconds.
const POLLS_SPREAD = 300;
const LATEST_POLL = 400;

const said = document.getElementById("said");
const notice = document.getElementById("notice");
const words = notice.dataset;
const { lang } = document.documentElement;
const number = new Intl.NumberFormat(lang);

let place = document.getElementById("place");
let asked = null;
let asking = 0;
let notBefore = 0;
let failures = 0;
let watching = 0;
// What the last poll said, and where the front was then.
let known = null;
let knownFront = null;

begin();
listenLater();
// Poll immediately when the page wakes up, is shown again, or is online again.
document.addEventListener("visibilitychange", wake);
window.addEventListener("pageshow", (event) => event.persisted && wake());
window.addEventListener("online", wake);
window.addEventListener("offline", () => tell(words.offline));
// Without a network the browser would show its own error page, and the way back costs time.
document.addEventListener("submit", (event) => {
  if (!navigator.onLine) {
    event.preventDefault();
    event.target.closest("dialog")?.close();
    tell(words.offline);
  }
});

function begin() {
  if (place.dataset.status === "WAITING") {
    askIn(Number(place.dataset.pollAfter));
  }
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
  clearTimeout(watching);
  // The answer to a request from before a sleep may never arrive.
  asked?.abort();
  const mine = new AbortController();
  asked = mine;
  const patience = setTimeout(() => mine.abort(), ANSWER_WITHIN);
  try {
    const query = isFar() ? "?watches_front=true" : "";
    const answer = await get(place.dataset.api + query, mine.signal);
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
  const changed = news.status !== status || news.room_state !== roomState;
  // A poll does not tell when lots were drawn; the page does.
  const maybeDrawn = place.dataset.undrawn !== undefined && roomState !== "SCHEDULED";
  if (changed || maybeDrawn) {
    await turn(signal);
  } else if (status === "WAITING") {
    known = news;
    knownFront = null;
    show(news);
    askIn(news.poll_after_seconds);
    if (isFar()) {
      lookIn(SOONEST_LOOK);
    }
  }
}

// Before lots are drawn, and while a room is closed to all, there is no front to watch.
function isFar() {
  return known !== null && known.ahead >= FAR && known.room_state !== "SCHEDULED";
}

function lookIn(seconds) {
  clearTimeout(watching);
  watching = setTimeout(look, seconds * 1000 * (0.75 + Math.random() / 4));
}

async function look() {
  const poll = known;
  let front;
  try {
    const answer = await fetch(place.dataset.front, { signal: AbortSignal.timeout(ANSWER_WITHIN) });
    front = answer.ok ? await answer.json() : null;
  } catch {
    // The polls go on; they tell of the trouble.
    front = null;
  }
  if (poll !== known) {
    return;
  }
  if (!front) {
    lookIn(LATEST_LOOK);
  } else {
    hearStaff(front);
    compare(front);
  }
}

function listenLater() {
  setTimeout(listen, LISTEN_EVERY * 1000 * (0.75 + Math.random() / 4));
}

// A person who watches the front hears the staff anyway.
async function listen() {
  if (!document.hidden && !isFar() && place.dataset.status !== "EXPIRED") {
    try {
      const answer = await fetch(place.dataset.front, { signal: AbortSignal.timeout(ANSWER_WITHIN) });
      if (answer.ok) {
        hearStaff(await answer.json());
      }
    } catch {
      // The polls tell of the trouble.
    }
  }
  listenLater();
}

function hearStaff({ message }) {
  write("line-message", message);
  reveal("line-message", message !== "");
}

function compare({ front, state, pace_per_minute: pace, seats_left: left }) {
  const position = Number(place.dataset.position);
  if (front === null || front > position) {
    ask();
    return;
  }
  knownFront ??= front;
  // Of those between the front and us some have left: as large a share as when we last polled.
  const share = (position - front) / Math.max(1, position - knownFront);
  const ahead = Math.ceil(known.ahead * Math.min(1, share));
  if (ahead < FAR) {
    ask();
    return;
  }
  show({
    ...known,
    ahead,
    seats_left: left ?? known.seats_left,
    estimated_wait_from_seconds: known.estimated_wait_from_seconds * share,
    estimated_wait_until_seconds: known.estimated_wait_until_seconds * share,
  });
  if (state !== place.dataset.roomState) {
    // All who wait see it at the same moment: they must not all poll at once.
    askIn(Math.random() * Math.min(LATEST_POLL, ahead / POLLS_SPREAD));
  }
  const wait = pace ? (60 * ahead) / pace : Infinity;
  lookIn(Math.max(SOONEST_LOOK, Math.min(wait / 20, LATEST_LOOK)));
}

// A new state has other texts: load the page part from the server.
async function turn(signal) {
  const answer = await get(place.dataset.fragment, signal);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const wasInside = place.contains(document.activeElement);
  const before = place;
  const beforeSaid = document.getElementById("headline").textContent.trim();
  known = null;
  place = page.getElementById("place");
  before.replaceWith(place);
  const headline = document.getElementById("headline");
  if (wasInside) {
    headline.focus();
  }
  const now = headline.textContent.trim();
  if (now !== beforeSaid) {
    said.textContent = now;
    document.title = `● ${now} · concertbook`;
  }
  window.countDownIn(place);
  window.offerTurnNotice?.();
  begin();
}

function show({ ahead, seats_left: left, ...news }) {
  const undrawn = place.dataset.undrawn !== undefined;
  const isNext = !undrawn && ahead === 0 && news.room_state !== "SCHEDULED";
  write("ahead", number.format(ahead));
  reveal("some-ahead", !isNext);
  reveal("you-are-next", isNext);
  write("wait", inWords(news.estimated_wait_from_seconds, news.estimated_wait_until_seconds));
  write("left", left === null ? "" : number.format(left));
  reveal("seats-left", left !== null);
  reveal("odds-few", left > 0 && ahead > left);
  reveal("odds-none", left === 0);
  const inAll = words.ahead.replace("{ahead}", number.format(ahead));
  const inTitle = undrawn ? words.undrawn : isNext ? words.next : inAll;
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
  const wait = document.getElementById("wait")?.dataset ?? {};
  if (!wait.minutes || most < 60) {
    return wait.less;
  }
  const [unit, name] = most < 90 * 60 ? [60, "minutes"] : [3600, "hours"];
  const low = Math.max(1, Math.floor(fewest / unit));
  const high = Math.max(low + 1, Math.ceil(most / unit));
  const isWide = most > 300 && most > 4 * fewest;
  const text = wait[isWide ? `${name}AtMost` : name];
  return text.replace("{low}", low).replace("{high}", high);
}

function write(id, text) {
  const field = document.getElementById(id);
  if (field && field.textContent !== text) {
    field.textContent = text;
  }
}

function reveal(id, shown) {
  const part = document.getElementById(id);
  if (part) {
    part.hidden = !shown;
  }
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
