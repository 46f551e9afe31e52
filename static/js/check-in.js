// The page at /door/: codes come from the camera or a hand scanner, one after another, and each gets
// a full screen in green, red or yellow with its own sound. The server decides; without a network the
// phone does, by its list (check-in-store.js), and sends what it did as soon as it can.
"use strict";

import { Camera } from "./check-in-camera.js";
import { Store } from "./check-in-store.js";

const settings = JSON.parse(document.getElementById("settings").textContent);
const { words } = settings;
const by = (id) => document.getElementById(id);

// A holder waits for a scan; the scans that are sent later have time.
const PATIENCE_MS = 4000;
const SENDING_MS = 30_000;
const STATE_MS = 3000;
const LIST_MS = 60_000;
const SHOWN_MS = { good: 1500, ask: 4000, bad: 4000 };
const LOGGED = 5;
const HANGUL = /[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]/;
// Notes in Hz with their seconds, and the vibration in ms: known apart without a look at the screen.
const SIGNALS = {
  good: { notes: [[880, 0.09], [1320, 0.16]], shape: "sine", vibration: [80] },
  ask: { notes: [[660, 0.14], [0, 0.06], [660, 0.14]], shape: "triangle", vibration: [80, 60, 80] },
  bad: { notes: [[196, 0.5]], shape: "square", vibration: [300, 80, 300] },
};

// --- Words ----------------------------------------------------------------------------------------

const lang = document.documentElement.lang;
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name] ?? "");
const timeOf = (iso, style) =>
  new Intl.DateTimeFormat(lang, { timeZone: "Asia/Seoul", hourCycle: "h23", ...style }).format(
    new Date(iso),
  );
const dayOf = (iso) => timeOf(iso, { dateStyle: "short" });
const clockOf = (iso) => timeOf(iso, { hour: "2-digit", minute: "2-digit" });
// The hour, for today; else the date too.
function momentOf(iso) {
  if (!iso) {
    return "";
  }
  const isToday = dayOf(iso) === dayOf(store.now().toISOString());
  return isToday ? clockOf(iso) : timeOf(iso, { dateStyle: "medium", timeStyle: "short" });
}

function verdictOf({ code, time, gate, show, seat, name, message, undo }) {
  const key = code === "ticket_used" && !gate ? "used_without_gate" : code;
  const found = words.verdicts[key] ?? words.verdicts.refused;
  const detail = found.detail || (key in words.verdicts ? "" : message);
  const values = { time: momentOf(time), gate, show };
  return { kind: found.kind, headline: found.headline, detail: filled(detail ?? "", values), seat, name, undo };
}

// --- The full screen ------------------------------------------------------------------------------

const screen = by("verdict");
const said = by("said");
let hiding;

function element(tag, className, text, attributes = {}) {
  const made = Object.assign(document.createElement(tag), { className, textContent: text });
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  return made;
}

// Korean names and seats on an English page are read by the right voice.
const told = (tag, className, text) =>
  element(tag, className, text, lang !== "ko" && HANGUL.test(text) ? { lang: "ko" } : {});

function show(verdict) {
  clearTimeout(hiding);
  screen.dataset.kind = verdict.kind;
  screen.querySelector("a")?.remove();
  said.replaceChildren(
    element("p", "sign", "", { "aria-hidden": "true" }),
    element("h2", "", verdict.headline),
    ...(verdict.seat ? [told("p", "where-to", verdict.seat)] : []),
    ...(verdict.name ? [told("p", "who", verdict.name)] : []),
    ...(verdict.detail ? [element("p", "why", verdict.detail)] : []),
  );
  const { headline, seat, name, detail } = verdict;
  by("spoken").textContent = [headline, seat, name, detail].filter(Boolean).join(", ");
  screen.classList.add("shown");
  hiding = setTimeout(hide, SHOWN_MS[verdict.kind]);
  signal(verdict.kind);
  log(verdict);
}

function hide() {
  clearTimeout(hiding);
  screen.classList.remove("shown");
}

function log(verdict) {
  const line = element("li", "", "");
  line.dataset.kind = verdict.kind;
  const what = element("span", "", "");
  what.append(element("b", "", clockOf(store.now().toISOString())), " ", verdict.headline, " ");
  if (verdict.seat) {
    what.append(told("span", "", verdict.seat));
  }
  line.append(what);
  if (verdict.undo) {
    line.append(element("a", "", words.undo, { href: verdict.undo }));
  }
  by("log").prepend(line);
  by("log").children[LOGGED]?.remove();
}

let sound;

// Browsers allow sound after a first touch of the page.
for (const event of ["pointerdown", "keydown"]) {
  document.addEventListener(event, () => {
    sound ??= globalThis.AudioContext && new AudioContext();
    sound?.resume();
  });
}

function signal(kind) {
  const { notes, shape, vibration } = SIGNALS[kind];
  if (navigator.userActivation?.hasBeenActive) {
    navigator.vibrate?.(vibration);
  }
  if (sound?.state !== "running") {
    return;
  }
  let at = sound.currentTime;
  for (const [pitch, seconds] of notes) {
    if (pitch) {
      const note = new OscillatorNode(sound, { type: shape, frequency: pitch });
      note.connect(new GainNode(sound, { gain: 0.25 })).connect(sound.destination);
      note.start(at);
      note.stop(at + seconds);
    }
    at += seconds;
  }
}

// --- Requests -------------------------------------------------------------------------------------

const NO_NETWORK = Symbol("no network");
let isDown = false;

function csrf() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}

// The answer's JSON with its status; NO_NETWORK when nothing came back, or the server is out of reach.
async function ask(address, body, patience = PATIENCE_MS) {
  const options = { signal: AbortSignal.timeout(patience), cache: "no-store" };
  if (body) {
    Object.assign(options, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
    });
  }
  try {
    const answer = await fetch(address, options);
    isDown = answer.status >= 500 || answer.status === 429;
    return isDown ? NO_NETWORK : { ...(await answer.json()), status: answer.status };
  } catch {
    isDown = true;
    return NO_NETWORK;
  } finally {
    showNetwork();
  }
}

// --- A scan ---------------------------------------------------------------------------------------

async function scan(code) {
  if (HANGUL.test(code)) {
    return show(verdictOf({ code: "hangul" }));
  }
  const id = newKey();
  const { schedule, gate } = settings;
  // While the network is away, the next holder does not wait for it.
  const answer =
    isDown || navigator.onLine === false
      ? NO_NETWORK
      : await ask(settings.checkIn, { code, schedule, gate, scan: id });
  show(verdictOf(answer === NO_NETWORK ? await store.decide(id, code) : readAnswer(answer)));
  return refresh();
}

function readAnswer(answer) {
  if (answer.status === 200) {
    inside(by("inside").textContent * 1 + 1);
    const undo = settings.undo.replace(/0{8}-0{4}-0{4}-0{4}-0{12}/, answer.id);
    return { code: "admitted", seat: answer.label, name: answer.holder_name, undo };
  }
  if (answer.status === 401 || answer.status === 403) {
    return { code: "logged_out" };
  }
  return {
    code: answer.code,
    time: answer.used_at ?? answer.opens_at ?? answer.start_at ?? answer.ended_at,
    gate: answer.gate,
    show: answer.concert_title,
    message: answer.detail,
  };
}

// crypto.randomUUID is there in secure contexts only.
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((each) => each.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// One after another, in the order in which they came.
let last = Promise.resolve();

function next(code) {
  last = last.then(() => scan(code)).catch((error) => console.error(error));
  return last;
}

// --- What is told now and then --------------------------------------------------------------------

let isRefreshing = false;
let listAt = 0;

// Sends what waits, then asks for the counts, the uses and the conflicts.
async function refresh() {
  if (isRefreshing || navigator.onLine === false) {
    return showNetwork();
  }
  isRefreshing = true;
  try {
    await send();
    const since = store.cursor ? `?since=${encodeURIComponent(store.cursor)}` : "";
    const state = await ask(settings.state + since);
    if (state.status === 200) {
      await store.takeState(state);
      showState(state);
      if (Date.now() - listAt > LIST_MS) {
        await store.fetchList();
        listAt = Date.now();
      }
    }
  } catch (error) {
    // The list did not come through: it is asked for again.
    console.warn(error);
  } finally {
    isRefreshing = false;
    await showNetwork();
  }
}

async function send() {
  while (await store.waiting()) {
    const scans = await store.nextScans();
    const address = settings.scans.replace(settings.schedule, scans[0].schedule);
    const sent = scans.map(({ id, code, gate, scanned_at }) => ({ id, code, gate, scanned_at }));
    const answer = await ask(address, { scans: sent }, SENDING_MS);
    if (answer.status !== 200) {
      return;
    }
    await store.forgetScans(answer.scans.map((each) => each.id));
  }
}

function inside(n) {
  by("inside").textContent = n;
}

function showState({ inside: n, gates, conflicts }) {
  inside(n);
  by("gates").hidden = gates.length === 0;
  by("gates").replaceChildren(
    ...gates.map((each) => {
      const line = element("div", "", "");
      const name = each.gate ? filled(words.gate, each) : "–";
      line.append(element("dt", "", name), element("dd", "", each.inside));
      return line;
    }),
  );
  showConflicts(conflicts);
}

let known;

// Newest first. Each is said once on every phone of the show, with sound, and stays in sight.
async function showConflicts(conflicts) {
  known ??= new Set((await store.value(`conflicts:${settings.schedule}`)) ?? []);
  const fresh = conflicts.filter((each) => !known.has(each.id));
  by("alarm").hidden = conflicts.length === 0;
  by("alarm-count").textContent = filled(words.conflicts, { n: conflicts.length });
  if (conflicts.length) {
    by("alarm-last").textContent = conflictText(conflicts[0]);
  }
  if (fresh.length) {
    fresh.forEach((each) => known.add(each.id));
    signal("bad");
    await store.keep(`conflicts:${settings.schedule}`, [...known]);
  }
}

function conflictText({ label, code, gate, scanned_at, other_use: other }) {
  const uses = [{ time: scanned_at, gate }];
  if (other) {
    uses.push({ time: other.checked_in_at, gate: other.gate });
  }
  uses.sort((one, two) => new Date(one.time) - new Date(two.time));
  const told = uses.map((each) => filled(words.other_use, { ...each, time: clockOf(each.time) }));
  return `${label ?? ""} ${words.reasons[code] ?? code}: ${told.join(", ")}`.trim();
}

async function showNetwork() {
  const isAway = isDown || navigator.onLine === false;
  by("line").hidden = false;
  by("network").textContent = isAway ? words.offline : words.online;
  by("network").className = isAway ? "state away" : "state open";
  const waiting = await store.waiting();
  by("queue").hidden = waiting === 0;
  by("queue").textContent = filled(words.waiting, { n: waiting });
  document.body.dataset.waiting = waiting;
  const { list } = store;
  if (list) {
    by("sold").textContent = list.tickets.size;
  }
  by("list").textContent = list
    ? filled(words.list, { n: list.tickets.size, time: momentOf(list.asOf) })
    : words.no_list;
}

// --- The field, the camera, the screen ------------------------------------------------------------

const field = by("code");

by("scan").addEventListener("submit", (event) => {
  event.preventDefault();
  const code = field.value.trim();
  field.value = "";
  if (code) {
    next(code);
  }
});

// A hand scanner types wherever the focus is. On a phone the keyboard stays away until it is wanted.
if (matchMedia("(pointer: coarse)").matches) {
  field.inputMode = "none";
  field.addEventListener("click", () => {
    field.inputMode = "text";
  });
}
document.addEventListener("keydown", (event) => {
  const isTyped = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (isTyped && !event.target.closest?.("input, a, button")) {
    field.focus();
  }
});

screen.addEventListener("click", (event) => {
  if (!event.target.closest("a")) {
    hide();
    field.focus({ preventScroll: true });
  }
});

const camera = new Camera(by("video"), next);

async function turnCamera(isOn) {
  // Pressed while it starts by itself, it would be turned off.
  by("camera").disabled = true;
  if (isOn) {
    try {
      await camera.start();
    } catch {
      camera.stop();
      by("list").textContent = words.no_camera;
    }
  } else {
    camera.stop();
  }
  by("camera").disabled = false;
  by("window").hidden = !camera.isOn;
  by("camera").textContent = camera.isOn ? words.camera_on : words.camera_off;
  by("camera").classList.toggle("quiet", camera.isOn);
  by("torch").hidden = !camera.hasTorch;
  stayAwake();
}

by("camera").addEventListener("click", () => turnCamera(!camera.isOn));
by("torch").addEventListener("click", async () => {
  const isOn = by("torch").getAttribute("aria-pressed") !== "true";
  await camera.light(isOn);
  by("torch").setAttribute("aria-pressed", isOn);
});

function stayAwake() {
  if (!document.hidden) {
    navigator.wakeLock?.request("screen").catch(() => {});
  }
}

// --- From the beginning -----------------------------------------------------------------------------

const store = await Store.open(settings);
if (Camera.isThere) {
  by("camera").hidden = false;
  if (await Camera.isAllowed()) {
    turnCamera(true);
  }
}
if ("serviceWorker" in navigator) {
  navigator.serviceWorker
    .register(settings.worker, { scope: "/door/" })
    .then(() => navigator.serviceWorker.ready)
    .then(({ active }) => active.postMessage({ page: location.pathname }))
    // Without it the page needs a network to be opened, and none to go on.
    .catch(() => {});
}
window.addEventListener("online", () => {
  isDown = false;
  refresh();
});
window.addEventListener("offline", showNetwork);
document.addEventListener("visibilitychange", stayAwake);
document.addEventListener("visibilitychange", () => !document.hidden && refresh());
setInterval(() => !document.hidden && refresh(), STATE_MS);
document.body.dataset.ready = "";
await refresh();
