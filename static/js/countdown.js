// Counts down the seconds that the server named; its clock counts, not the browser's.
"use strict";

for (const time of document.querySelectorAll("[data-countdown]")) {
  const end = performance.now() + Number(time.dataset.countdown) * 1000;
  const show = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    time.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    time.classList.toggle("urgent", left <= 60);
    if (left === 0) {
      clearInterval(ticking);
      // A moment later: the server then says what has become of it.
      setTimeout(() => location.reload(), 1500);
    }
  };
  const ticking = setInterval(show, 500);
  show();
}
