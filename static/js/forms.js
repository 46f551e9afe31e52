// A form that is on its way cannot be sent twice.
"use strict";

document.addEventListener("submit", (event) => {
  const buttons = event.target.querySelectorAll("button:not([type=button])");
  // After the browser has read the form: a disabled button's own value would be left out.
  setTimeout(() => {
    for (const button of buttons) {
      if (!button.disabled) {
        button.disabled = true;
        button.dataset.sent = "";
      }
    }
  });
});

// Coming back with the back button shows the page as it was left, buttons and all.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[data-sent]")) {
    button.disabled = false;
    delete button.dataset.sent;
  }
});
