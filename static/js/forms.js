// A form that is being sent cannot be sent again.
"use strict";

document.addEventListener("submit", (event) => {
  const buttons = event.target.querySelectorAll("button:not([type=button])");
  // After the browser has read the form: the value of a disabled button would be left out.
  setTimeout(() => {
    for (const button of buttons) {
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
