// The camera of /door/: reads QR codes by the browser's BarcodeDetector, else by vendor/qr, which is
// loaded only then.
"use strict";

const EVERY_MS = 120;
// A code in front of the camera is one scan until it was away for so long.
const SAME_MS = 2500;

async function detector() {
  const own = globalThis.BarcodeDetector;
  if (own && (await own.getSupportedFormats()).includes("qr_code")) {
    return new own({ formats: ["qr_code"] });
  }
  const { BarcodeDetector } = await import("../vendor/qr/decode.js");
  return new BarcodeDetector({ formats: ["qr_code"] });
}

export class Camera {
  constructor(video, onCode) {
    Object.assign(this, { video, onCode, stream: null, seen: "", seenAt: 0 });
  }

  static get isThere() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  // Whether it may start by itself: it was allowed before.
  static async isAllowed() {
    const asked = await navigator.permissions?.query({ name: "camera" }).catch(() => null);
    return asked?.state === "granted";
  }

  get isOn() {
    return Boolean(this.stream);
  }

  // Rejected when the reader refuses, or there is no camera.
  async start() {
    const wanted = { facingMode: { ideal: "environment" }, width: { ideal: 1280 } };
    this.stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
    this.video.srcObject = this.stream;
    await this.video.play();
    this.read(await detector());
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) {
      track.stop();
    }
    this.stream = null;
    this.video.srcObject = null;
  }

  get track() {
    return this.stream?.getVideoTracks()[0];
  }

  get hasTorch() {
    return Boolean(this.track?.getCapabilities?.().torch);
  }

  light(isOn) {
    return this.track.applyConstraints({ advanced: [{ torch: isOn }] });
  }

  async read(reader) {
    const { stream } = this;
    while (this.stream === stream) {
      if (!document.hidden && this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        const found = await reader.detect(this.video).catch(() => []);
        this.take(found[0]?.rawValue);
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  take(code) {
    if (!code) {
      return;
    }
    const now = Date.now();
    const isSame = code === this.seen && now - this.seenAt < SAME_MS;
    this.seen = code;
    this.seenAt = now;
    if (!isSame) {
      this.onCode(code);
    }
  }
}
