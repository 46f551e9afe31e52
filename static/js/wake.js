// A page that was hidden or asleep is loaded again. The waiting room and the seat map keep themselves
// up to date, and are handled here only when they come back from the browser's memory.
"use strict";

// A block, as all scripts of a page share their global names.
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
