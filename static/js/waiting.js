// Tells the tab's title and screen readers what changed in line, and moves on when it is time.
"use strict";

const MOVE_ON_AFTER = 2000;
let state = document.getElementById("place").dataset.state;
moveOn();

document.addEventListener("htmx:afterSwap", () => {
  const place = document.getElementById("place");
  if (!place || place.dataset.state === state) {
    return;
  }
  state = place.dataset.state;
  const headline = document.getElementById("headline").textContent;
  document.title = `● ${headline} · concertbook`;
  document.getElementById("said").textContent = headline;
  moveOn();
});

function moveOn() {
  const { next } = document.getElementById("place").dataset;
  if (next) {
    setTimeout(() => location.assign(next), MOVE_ON_AFTER);
  }
}
