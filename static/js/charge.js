// Buttons that add to the amount of a top-up.
"use strict";

const amount = document.querySelector(".amount input");
const steps = document.querySelector(".steps");

steps.hidden = amount.readOnly;
steps.addEventListener("click", (event) => {
  const { add } = event.target.dataset;
  if (add) {
    amount.value = Math.min(Number(amount.value) + Number(add), Number(amount.max));
  }
});
