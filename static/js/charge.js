// Buttons that add to the amount.
"use strict";

const amount = document.querySelector("#charge [name=amount]");
const chips = document.querySelector("#charge .chips");

chips.hidden = false;
chips.addEventListener("click", (event) => {
  const { add } = event.target.dataset;
  if (add) {
    amount.value = Math.min(Number(amount.value) + Number(add), Number(amount.max));
  }
});
