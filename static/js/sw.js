// The service worker. It shows push messages ("it is your turn"); and it keeps the ticket pages that
// this user has opened, with their QR codes, style and scripts, and shows them while there is no
// network. It keeps nothing else.
//
// What is kept belongs to one user: it is deleted when a form of the account pages is sent (log-out,
// log-in as another user), when a ticket page answers that the visitor may not see it, and when a
// ticket of another user is kept.
"use strict";

const KEPT = "tickets-";
const TICKET = /^\/tickets\/[0-9a-f-]{36}\/$/i;
const ACCOUNT = /^\/(accounts|admin\/log(in|out))\//;
const LOG_OUT = /^\/accounts\/logout\//;
const FILE = /(?:href|src)="(\/static\/[^"]+\.(?:css|js))"/g;
// Counts deletions: a page that was being kept meanwhile is deleted too.
let deletions = 0;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// A page that was loaded before this worker was there asks to be kept.
self.addEventListener("message", (event) => {
  const { page } = event.data;
  event.waitUntil(fetch(page, { redirect: "error" }).then((answer) => keep(page, answer)));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) {
    return;
  }
  if (request.method === "POST") {
    if (ACCOUNT.test(pathname)) {
      event.waitUntil(forget());
    }
    if (LOG_OUT.test(pathname)) {
      event.waitUntil(unsubscribe());
    }
  } else if (request.mode === "navigate") {
    if (TICKET.test(pathname)) {
      event.respondWith(showTicket(event, pathname));
    }
  } else if (pathname.startsWith("/static/") && TICKET.test(pathOf(request.referrer))) {
    event.respondWith(fetch(request).catch(() => keptFile(request)));
  }
});

// The server sends {title, body, icon, url, tag} (accounts/push.py).
self.addEventListener("push", (event) => {
  const { title, body, icon, url, tag } = event.data.json();
  const options = { body, tag, icon, requireInteraction: true, data: { url } };
  event.waitUntil(self.registration.showNotification(title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url));
});

// The page that is open already, or a new one.
async function open(url) {
  const { pathname } = new URL(url, self.location.origin);
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const shown = windows.find((each) => pathOf(each.url) === pathname);
  return shown ? shown.focus() : self.clients.openWindow(url);
}

// On a shared computer the next user must not see the messages of the one who logged out.
async function unsubscribe() {
  const subscription = await self.registration.pushManager?.getSubscription();
  await subscription?.unsubscribe();
}

function pathOf(address) {
  return address.startsWith(self.location.origin) ? new URL(address).pathname : "";
}

async function showTicket(event, page) {
  const answer = await fetch(event.request).catch(() => null);
  if (!answer || answer.status >= 500) {
    return (await keptPage(page)) ?? answer ?? Response.error();
  }
  // A redirect to the log-in, or another user's ticket.
  const isRefused = answer.type === "opaqueredirect" || [403, 404].includes(answer.status);
  event.waitUntil(isRefused ? forget() : keep(page, answer.clone()));
  return answer;
}

async function keptFile(request) {
  return (await caches.match(request)) ?? Response.error();
}

async function keptPage(page) {
  const kept = await caches.match(page);
  if (!kept) {
    return null;
  }
  const headers = {};
  for (const name of ["Content-Type", "Content-Language", "Content-Security-Policy"]) {
    headers[name] = kept.headers.get(name) ?? "";
  }
  const html = await kept.text();
  // ticket.js says when it was kept.
  const body = `<body data-kept="${kept.headers.get("Date") ?? ""}"`;
  return new Response(html.replace("<body", body), { headers });
}

async function keep(page, answer) {
  const owner = answer.headers.get("Ticket-Owner");
  if (!answer.ok || !owner) {
    return;
  }
  const before = deletions;
  await deleteAllBut(KEPT + owner);
  const html = await answer.clone().text();
  const cache = await caches.open(KEPT + owner);
  await cache.put(page, answer);
  for (const [, file] of html.matchAll(FILE)) {
    if (!(await cache.match(file))) {
      await cache.add(file);
    }
  }
  if (deletions !== before) {
    await forget();
  }
}

async function forget() {
  deletions += 1;
  await deleteAllBut("");
}

async function deleteAllBut(own) {
  for (const name of await caches.keys()) {
    if (name.startsWith(KEPT) && name !== own) {
      await caches.delete(name);
    }
  }
}
