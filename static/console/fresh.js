// A page that stays up to date: its parts with data-fresh are taken again every ten seconds. Those
// that have not changed stay, so that the focus and a selection do. A page that is not seen asks for
// nothing.
"use strict";

const EVERY = 10000;
const ANSWER_WITHIN = 8000;

let waiting = setTimeout(ask, EVERY);
document.addEventListener("visibilitychange", () => document.hidden || ask());

async function ask() {
  clearTimeout(waiting);
  if (document.hidden) {
    return;
  }
  try {
    const answer = await fetch(location.href, {
      cache: "no-store", redirect: "error", signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    if (answer.ok) {
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
  } catch {
    // The page says as of when its figures are.
  }
  waiting = setTimeout(ask, EVERY);
}

function take(news) {
  for (const part of document.querySelectorAll("[data-fresh]")) {
    const html = news.getElementById(part.id)?.innerHTML ?? "";
    if (part.innerHTML !== html) {
      part.innerHTML = html;
    }
  }
}
