// The service worker of /door/. It keeps one page, the scanner, with its style and scripts, and shows
// it while there is no network. What is scanned then is kept by check-in-store.js.
"use strict";

const KEPT = "check-in-";
const PAGE = "/door/";
const FILE = /(?:href|src)="(\/static\/[^"]+\.(?:css|js|svg))"/g;
// The decoder for browsers without one is imported by a script, so that no page names it.
const IMPORTED = /["'](\.\.?\/[^"']+\.js)["']/g;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// A page that was loaded before this worker was there asks to be kept.
self.addEventListener("message", (event) => {
  const { page } = event.data;
  if (page === PAGE) {
    event.waitUntil(
      fetch(page, { redirect: "error" })
        .then((answer) => keep(answer))
        .catch(() => {}),
    );
  }
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin || request.method !== "GET") {
    return;
  }
  if (request.mode === "navigate") {
    event.respondWith(showPage(event, pathname));
  } else if (pathname.startsWith("/static/")) {
    event.respondWith(fetch(request).catch(() => keptFile(request)));
  }
});

async function showPage(event, pathname) {
  const answer = await fetch(event.request).catch(() => null);
  if (!answer || answer.status >= 500) {
    return (await caches.match(PAGE)) ?? answer ?? Response.error();
  }
  if (pathname === PAGE) {
    // A redirect to the log-in, or a user who may not check in.
    const isRefused = answer.type === "opaqueredirect" || answer.status === 403;
    event.waitUntil(isRefused ? deleteAllBut("") : keep(answer.clone()));
  }
  return answer;
}

async function keptFile(request) {
  return (await caches.match(request)) ?? Response.error();
}

async function keep(answer) {
  const owner = answer.headers.get("Check-In-Page");
  if (!answer.ok || !owner) {
    return;
  }
  await deleteAllBut(KEPT + owner);
  const html = await answer.clone().text();
  const cache = await caches.open(KEPT + owner);
  await cache.put(PAGE, answer);
  for (const [, file] of html.matchAll(FILE)) {
    await keepFile(cache, file);
  }
}

async function keepFile(cache, file) {
  if (await cache.match(file)) {
    return;
  }
  await cache.add(file);
  if (file.endsWith(".js")) {
    const script = await (await cache.match(file)).text();
    for (const [, other] of script.matchAll(IMPORTED)) {
      await keepFile(cache, new URL(other, new URL(file, self.location.origin)).pathname);
    }
  }
}

async function deleteAllBut(own) {
  for (const name of await caches.keys()) {
    if (name.startsWith(KEPT) && name !== own) {
      await caches.delete(name);
    }
  }
}
