// What every page does: forms are sent once, dialogs open, deadlines count down, and a page that
// slept is loaded again.
"use strict";

// --- Forms ------------------------------------------------------------------------------------

// A form that is being sent cannot be sent again.
document.addEventListener("submit", (event) => {
  const buttons = event.target.querySelectorAll("button:not([type=button])");
  // After the browser has read the form: the value of a disabled button would be left out.
  setTimeout(() => {
    for (const button of event.defaultPrevented ? [] : buttons) {
      if (!button.disabled) {
        button.disabled = true;
        button.dataset.sent = "";
      }
    }
  });
});

// Back restores the page as it was left, with disabled buttons.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[data-sent]")) {
    button.disabled = false;
    delete button.dataset.sent;
  }
});

// --- Transitions between pages --------------------------------------------------------------------

// One that the browser leaves out is no error.
for (const event of ["pageswap", "pagereveal"]) {
  window.addEventListener(event, ({ viewTransition }) => {
    viewTransition?.ready.catch(() => {});
    viewTransition?.finished.catch(() => {});
  });
}

// --- Fields -----------------------------------------------------------------------------------

// Show a password while typing it.
for (const button of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  const reveal = (isShown) => {
    field.type = isShown ? "text" : "password";
    button.setAttribute("aria-pressed", isShown);
  };
  button.hidden = false;
  button.addEventListener("click", () => reveal(field.type === "password"));
  // So that the browser knows that it is one, and offers to keep it.
  field.form.addEventListener("submit", () => reveal(false));
}

// --- Dialogs ----------------------------------------------------------------------------------

// A link or button with data-dialog opens the dialog with that id, and a button with data-close closes
// its dialog. Without JavaScript a link leads to a page that asks the same.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog) {
    event.preventDefault();
    dialog.showModal();
  }
  event.target.closest("[data-close]")?.closest("dialog")?.close();
});

// --- Deadlines --------------------------------------------------------------------------------

// <time data-countdown="seconds">: a deadline. When it is over, the page is loaded again.
// <time data-opening="seconds">: what opens then; the page learns of it in its own way.
// Both: data-over is what to say at zero.

const inDays = new Intl.NumberFormat(document.documentElement.lang, {
  style: "unit",
  unit: "day",
  unitDisplay: "long",
});
countDownIn(document);
// For visitor.js and waiting.js, for parts that come later: modules do not share their names.
window.countDownIn = countDownIn;

function countDownIn(part) {
  part.querySelectorAll("[data-countdown], [data-opening]").forEach(countDown);
}

// The server sent the seconds, as the browser's clock may be wrong. While a machine sleeps,
// performance.now() may stop, so the clock that advanced further is used.
function countDown(time) {
  const { countdown, opening, over } = time.dataset;
  const seconds = Number(countdown ?? opening);
  const began = [performance.now(), Date.now()];
  const show = () => {
    const past = Math.max(performance.now() - began[0], Date.now() - began[1]) / 1000;
    const left = Math.max(0, Math.ceil(seconds - past));
    time.textContent = left || !over ? inClock(left) : over;
    time.classList.toggle("urgent", countdown !== undefined && left <= 60);
    if (!left || !time.isConnected) {
      clearInterval(ticking);
    }
    if (!left && time.isConnected && countdown !== undefined) {
      // A moment later, so that the server's answer has the new state.
      setTimeout(() => location.reload(), 1500);
    }
  };
  const ticking = setInterval(show, 500);
  time.hidden = false;
  show();
}

// 4:32, 1:04:32, or 2 days 01:04:32.
function inClock(seconds) {
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  const parts = hours ? [hours % 24, minutes % 60, seconds % 60] : [minutes, seconds % 60];
  const padded = parts.map((part, at) => String(part).padStart(at || days ? 2 : 1, "0")).join(":");
  return days ? `${inDays.format(days)} ${padded}` : padded;
}

// --- Times ------------------------------------------------------------------------------------

// Times are the venue's. A reader whose clock shows another time gets it beside them.
{
  const HERE = 9 * 60;
  const { ownTime } = document.querySelector("[data-own-time]")?.dataset ?? {};
  const format = new Intl.DateTimeFormat(document.documentElement.lang, {
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const addOwnTimes = () => {
    for (const zone of document.querySelectorAll("time[datetime] > .zone:last-child")) {
      const moment = new Date(zone.parentElement.dateTime);
      if (-moment.getTimezoneOffset() !== HERE) {
        const own = document.createElement("span");
        own.className = "own-time";
        own.textContent = ` (${ownTime.replace("{time}", format.format(moment))})`;
        zone.after(own);
      }
    }
  };
  if (ownTime && Intl.DateTimeFormat().resolvedOptions().timeZone !== "Asia/Seoul") {
    addOwnTimes();
    // For parts of a page that come later.
    new MutationObserver(addOwnTimes).observe(document.body, { childList: true, subtree: true });
  }
}

// --- Waking -----------------------------------------------------------------------------------

// A page that was hidden or asleep is loaded again. The waiting room and the seat map keep themselves
// up to date, and are handled here only when they come back from the browser's memory.
{
  const STALE_AFTER = 30_000;
  // Seconds.
  const SPREAD = 4;
  const { dataset: page } = document.body;
  let since = Date.now();
  let edited = false;

  // Restored by Back: blank until the server has confirmed the content and the user.
  window.addEventListener("pagehide", () => document.documentElement.classList.add("put-away"));
  window.addEventListener("pageshow", (event) => event.persisted && askAgain());
  document.addEventListener("input", () => {
    edited = true;
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      since = Date.now();
    } else {
      wake();
    }
  });
  window.addEventListener("offline", () => {
    since = Math.min(since, Date.now());
  });
  window.addEventListener("online", wake);
  // A machine that slept with the page in view: its clock jumps, without an event.
  let ticked = Date.now();
  setInterval(() => {
    if (Date.now() - ticked > STALE_AFTER && !document.hidden) {
      since = ticked;
      wake();
    }
    ticked = Date.now();
  }, 5000);

  // A sale opens while the page is in view: by the server's clock, after a random delay.
  const changesIn = Number(page.changesIn);
  if (changesIn > 0 && changesIn < 86_400) {
    setTimeout(() => {
      since = 0;
      if (!document.hidden) {
        wake();
      }
    }, (changesIn + 1 + SPREAD * Math.random()) * 1000);
  }

  // Keep typed text.
  function wake() {
    const stale = Date.now() - since >= STALE_AFTER;
    since = Date.now();
    if (stale && !edited && page.wakes !== "itself") {
      askAgain();
    }
  }

  function askAgain() {
    if (page.posted === undefined) {
      location.reload();
    } else {
      // Reloading the answer to a form would ask to send the form again.
      location.replace(location.pathname + location.search);
    }
  }
}

// --- Another language -------------------------------------------------------------------------

// Another language is another page: what was typed and ticked is kept for it, passwords are not.
{
  const KEPT = "typed";
  const fields = () => [...document.querySelectorAll("main :is(input, textarea, select)[name]")].filter(
    ({ type }) => !["hidden", "password", "file"].includes(type));
  const isBox = ({ type }) => type === "checkbox" || type === "radio";
  document.addEventListener("submit", ({ target }) => {
    if (target.querySelector("[name=language]")) {
      const typed = fields().map((field) =>
        [field.name, isBox(field) ? field.value : "", isBox(field) ? field.checked : field.value]);
      sessionStorage.setItem(KEPT, JSON.stringify({ page: location.pathname, typed }));
    }
  });
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  sessionStorage.removeItem(KEPT);
  for (const field of kept.page === location.pathname ? fields() : []) {
    const same = ([name, value]) => name === field.name && value === (isBox(field) ? field.value : "");
    const [, , typed] = kept.typed.find(same) ?? [];
    if (typed !== undefined) {
      field[isBox(field) ? "checked" : "value"] = typed;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
}
