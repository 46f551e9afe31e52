// A form that is sent with a passkey: the browser asks its user for it, and the form takes the answer.
// A browser without passkeys shows no such form.
"use strict";

const form = document.querySelector("[data-passkey]");
const isKnown = "parseCreationOptionsFromJSON" in (window.PublicKeyCredential ?? {});

if (form && isKnown) {
  form.hidden = false;
  form.addEventListener("submit", ask);
}

async function ask(event) {
  event.preventDefault();
  const failed = form.querySelector("[role=alert]");
  failed.hidden = true;
  try {
    const credential = await askBrowser(JSON.parse(form.dataset.options));
    form.elements.passkey.value = JSON.stringify(credential.toJSON());
  } catch {
    failed.hidden = false;
    return;
  }
  form.submit();
}

function askBrowser(options) {
  return form.dataset.passkey === "add"
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}
