// The demo's inbox: a mail's frame is as high as the mail, so that the page scrolls and not the frame.
"use strict";

for (const frame of document.querySelectorAll(".mail-frame")) {
  let width = 0;
  const fit = () => {
    const mail = frame.contentDocument?.documentElement;
    if (mail) {
      frame.style.height = `${mail.offsetHeight + 2}px`;
    }
  };
  frame.addEventListener("load", fit);
  // Also at first, if the mail was there before this script.
  new ResizeObserver(() => {
    if (frame.clientWidth !== width) {
      width = frame.clientWidth;
      fit();
    }
  }).observe(frame);
}
