// The waiting room's button "Tell me when it is my turn": subscribes this browser to push messages. The
// browser is asked for its permission only when the button is pressed. sw.js shows the message.
"use strict";

{
  const canPush = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  // Remembered for this place in line only, so that a reload does not offer it again.
  const remembered = (offer) => `turn-notice ${offer.dataset.address}`;

  // Called again by waiting.js, which replaces the part of the page that the button is in.
  window.offerTurnNotice = () => {
    const offer = document.getElementById("turn-notice");
    if (!offer || !canPush) {
      return;
    }
    offer.hidden = false;
    if (Notification.permission === "granted" && recall(remembered(offer))) {
      say(offer, "done");
    }
    offer.querySelector("button").addEventListener("click", () => press(offer));
  };
  window.offerTurnNotice();

  async function press(offer) {
    const button = offer.querySelector("button");
    button.disabled = true;
    try {
      const permission = await Notification.requestPermission();
      if (permission === "granted") {
        await subscribe(offer);
        remember(remembered(offer));
      }
      say(offer, permission === "granted" ? "done" : "denied");
    } catch {
      say(offer, "failed");
    }
    button.disabled = false;
  }

  async function subscribe(offer) {
    await navigator.serviceWorker.register("/sw.js");
    const { pushManager } = await navigator.serviceWorker.ready;
    const key = bytesOf(offer.dataset.key);
    let subscription = await pushManager.getSubscription();
    // One with another key, from before the site changed it, is of no use.
    if (subscription && !isSame(new Uint8Array(subscription.options.applicationServerKey), key)) {
      await subscription.unsubscribe();
      subscription = null;
    }
    subscription ??= await pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: key,
    });
    const { endpoint, keys } = subscription.toJSON();
    const answer = await fetch(offer.dataset.address, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value,
      },
      body: JSON.stringify({ endpoint, ...keys }),
      redirect: "error",
    });
    if (!answer.ok) {
      throw new Error(answer.status);
    }
  }

  function say(offer, what) {
    offer.querySelector("[role=status]").textContent = offer.dataset[what];
    offer.querySelector("button").hidden = what === "done";
  }

  function bytesOf(text) {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  }

  function isSame(one, other) {
    return one.length === other.length && one.every((byte, place) => byte === other[place]);
  }

  // Storage may be switched off.
  function remember(name) {
    try {
      sessionStorage.setItem(name, "yes");
    } catch {}
  }

  function recall(name) {
    try {
      return sessionStorage.getItem(name);
    } catch {
      return null;
    }
  }
}
