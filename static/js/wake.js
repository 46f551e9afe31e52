// A page that was put away or asleep asks the server again before it is believed. The waiting room
// and the seat map keep themselves up to date and come back from the browser's memory only here.
"use strict";

// A block: scripts of a page share their outermost names.
{
  const STALE_AFTER = 30_000;
  // Seconds.
  const SPREAD = 4;
  const { dataset: page } = document.body;
  let since = Date.now();
  let edited = false;

  // Kept by the browser for Back: blank until the server has said what may be shown, and to whom.
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
  // A machine that slept with the page in view: its clock jumped, and no event tells.
  let ticked = Date.now();
  setInterval(() => {
    if (Date.now() - ticked > STALE_AFTER && !document.hidden) {
      since = ticked;
      wake();
    }
    ticked = Date.now();
  }, 5000);

  // A sale opens while the page is in view: by the server's clock, and not all visitors at once.
  const changesIn = Number(page.changesIn);
  if (changesIn > 0 && changesIn < 86_400) {
    setTimeout(() => {
      since = 0;
      if (!document.hidden) {
        wake();
      }
    }, (changesIn + 1 + SPREAD * Math.random()) * 1000);
  }

  // What was typed is not thrown away.
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
      // Asking for the answer to a form again would ask whether to send it again.
      location.replace(location.pathname + location.search);
    }
  }
}
