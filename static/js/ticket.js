// Tickets: share, print, keep the screen on for the door, and keep the page for a time without a network.
"use strict";

{
  const share = document.querySelectorAll("[data-share]");
  for (const button of share) {
    button.hidden = !navigator.share;
    button.addEventListener("click", () => {
      const { share: url, title } = button.dataset;
      // Rejected when the reader changes their mind.
      navigator.share({ title, url }).catch(() => {});
    });
  }

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-dialog]")) {
      navigator.wakeLock?.request("screen").catch(() => {});
    }
  });

  // See sw.js, which says when the page comes from its memory.
  const kept = document.getElementById("kept");
  const { kept: keptAt } = document.body.dataset;
  if (kept && keptAt !== undefined) {
    const time = new Date(keptAt).toLocaleString(document.documentElement.lang, {
      timeZone: "Asia/Seoul",
      dateStyle: "short",
      timeStyle: "short",
    });
    kept.textContent = kept.textContent.replace("{time}", `${time} KST`);
    kept.hidden = false;
  } else if (kept && "serviceWorker" in navigator) {
    // Where it cannot be registered, tickets need a network.
    window.addEventListener("load", () => keep().catch(() => {}));
  }

  async function keep() {
    const isKept = Boolean(navigator.serviceWorker.controller);
    await navigator.serviceWorker.register("/sw.js");
    const { active } = await navigator.serviceWorker.ready;
    if (!isKept) {
      active.postMessage({ page: location.pathname });
    }
  }
}
