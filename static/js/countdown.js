// Counts down the seconds that the server sent, as the browser's clock may be wrong. While a machine
// sleeps, performance.now() may stop, so the clock that advanced further is used.
"use strict";

for (const time of document.querySelectorAll("[data-countdown]")) {
  const seconds = Number(time.dataset.countdown);
  const began = [performance.now(), Date.now()];
  const show = () => {
    const past = Math.max(performance.now() - began[0], Date.now() - began[1]) / 1000;
    const left = Math.max(0, Math.ceil(seconds - past));
    time.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    time.classList.toggle("urgent", left <= 60);
    if (left === 0) {
      clearInterval(ticking);
      // A moment later, so that the server's answer has the new state.
      setTimeout(() => location.reload(), 1500);
    }
  };
  const ticking = setInterval(show, 500);
  show();
}
