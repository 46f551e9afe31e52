// What the phone keeps for a time without a network: the signed list of the show's tickets, the
// tickets that were used, and the scans that are not sent yet (payments/services/check_in_lists.py).
"use strict";

const NAME = "check-in";
const SCANS_AT_ONCE = 25;

const promised = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const written = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

const bytesOf = (base64) => Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));

function openDatabase() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    // By schedule; by "schedule:hash"; by the scan's own key; by name.
    request.result.createObjectStore("lists", { keyPath: "schedule" });
    request.result.createObjectStore("uses", { keyPath: "key" });
    request.result.createObjectStore("scans", { keyPath: "id" });
    request.result.createObjectStore("values");
  };
  return promised(request);
}

export class Store {
  static async open(settings) {
    const store = new Store(settings, await openDatabase());
    await store.forgetOtherUser();
    store.offset = (await store.value("offset")) ?? 0;
    store.cursor = await store.value(`cursor:${settings.schedule}`);
    await store.readList();
    return store;
  }

  constructor(settings, database) {
    Object.assign(this, { settings, database, list: null, offset: 0, cursor: undefined });
  }

  // The phone's clock, corrected by the server's.
  now() {
    return new Date(Date.now() + this.offset);
  }

  value(name) {
    return promised(this.database.transaction("values").objectStore("values").get(name));
  }

  async keep(name, value) {
    const transaction = this.database.transaction("values", "readwrite");
    transaction.objectStore("values").put(value, name);
    await written(transaction);
  }

  // A list belongs to one member of the staff. Scans that are not sent stay: they must not be lost.
  async forgetOtherUser() {
    if ((await this.value("user")) !== this.settings.user) {
      await this.forget();
      await this.keep("user", this.settings.user);
    }
  }

  async forget() {
    const names = ["lists", "uses", "values"];
    const transaction = this.database.transaction(names, "readwrite");
    for (const name of names) {
      transaction.objectStore(name).clear();
    }
    this.list = null;
    this.cursor = undefined;
    await written(transaction);
  }

  // --- The list ---------------------------------------------------------------------------------

  async fetchList() {
    const kept = await this.keptList();
    const headers = kept ? { "If-None-Match": kept.etag } : {};
    const answer = await fetch(this.settings.list, { headers, cache: "no-store" });
    if (answer.status === 304) {
      await this.keepList({ ...kept, asOf: this.now().toISOString() });
    } else if (answer.ok) {
      await this.keepList({
        schedule: this.settings.schedule,
        body: await answer.arrayBuffer(),
        signature: answer.headers.get("Check-In-List-Signature"),
        etag: answer.headers.get("ETag"),
        asOf: this.now().toISOString(),
      });
    }
    await this.readList();
  }

  keptList() {
    const lists = this.database.transaction("lists").objectStore("lists");
    return promised(lists.get(this.settings.schedule));
  }

  async keepList(list) {
    const transaction = this.database.transaction("lists", "readwrite");
    transaction.objectStore("lists").put(list);
    await written(transaction);
  }

  // Verified each time, also from the phone's own storage.
  async readList() {
    const kept = await this.keptList();
    if (!kept || (this.list && this.list.etag === kept.etag)) {
      if (this.list) {
        this.list.asOf = kept.asOf;
      }
      return;
    }
    if (!(await this.isSigned(kept))) {
      return;
    }
    const content = JSON.parse(new TextDecoder().decode(kept.body));
    const salt = bytesOf(content.salt);
    this.list = {
      ...content,
      etag: kept.etag,
      asOf: kept.asOf,
      tickets: new Map(content.tickets.map(([hash, ...ticket]) => [hash, ticket])),
      hmac: await crypto.subtle.importKey("raw", salt, { name: "HMAC", hash: "SHA-256" }, false, [
        "sign",
      ]),
    };
  }

  async isSigned({ body, signature }) {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("raw", bytesOf(this.settings.key), curve, false, [
      "verify",
    ]);
    const how = { name: "ECDSA", hash: "SHA-256" };
    return crypto.subtle.verify(how, key, bytesOf(signature ?? ""), body);
  }

  async hashOf(code) {
    const whole = await crypto.subtle.sign("HMAC", this.list.hmac, new TextEncoder().encode(code));
    const bytes = String.fromCharCode(...new Uint8Array(whole).subarray(0, 12));
    return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_");
  }

  // --- A scan without a network -----------------------------------------------------------------

  // {code, ...}: what the words and the full screen need.
  async decide(id, code) {
    if (!this.list) {
      return { code: "no_list" };
    }
    const hash = await this.hashOf(code);
    if (this.list.ended[hash] || this.list.is_cancelled) {
      return { code: this.list.ended[hash] ?? "already_cancelled" };
    }
    const ticket = this.list.tickets.get(hash);
    if (!ticket) {
      return { code: "not_in_list", time: this.list.asOf };
    }
    const now = this.now();
    if (now < new Date(this.list.doors_open_at)) {
      return { code: "doors_not_open", time: this.list.doors_open_at };
    }
    if (now >= new Date(this.list.end_at)) {
      return { code: "show_over", time: this.list.end_at };
    }
    const [seat, name] = ticket;
    const before = await this.admit(hash, { id, code, scanned_at: now.toISOString(), seat });
    return before
      ? { code: "ticket_used", time: before.used_at, gate: before.gate, seat, name }
      : { code: "admitted_offline", seat, name };
  }

  // In one transaction, as another tab may scan too; it is on the disk before the holder is let in.
  async admit(hash, scan) {
    const { schedule, gate } = this.settings;
    const transaction = this.database.transaction(["uses", "scans"], "readwrite");
    const uses = transaction.objectStore("uses");
    const key = `${schedule}:${hash}`;
    const before = await promised(uses.get(key));
    if (!before) {
      uses.put({ key, check_in: scan.id, used_at: scan.scanned_at, gate });
      transaction.objectStore("scans").put({ ...scan, schedule, gate });
    }
    await written(transaction);
    return before;
  }

  // --- What the server tells --------------------------------------------------------------------

  async takeState(state) {
    this.offset = new Date(state.now) - Date.now();
    const transaction = this.database.transaction(["uses", "values"], "readwrite");
    const uses = transaction.objectStore("uses");
    for (const { hash, check_in, used_at, gate, is_undone } of state.uses) {
      const key = `${this.settings.schedule}:${hash}`;
      if (!is_undone) {
        uses.put({ key, check_in, used_at, gate });
      } else if ((await promised(uses.get(key)))?.check_in === check_in) {
        uses.delete(key);
      }
    }
    transaction.objectStore("values").put(this.offset, "offset");
    transaction.objectStore("values").put(state.now, `cursor:${this.settings.schedule}`);
    await written(transaction);
    this.cursor = state.now;
  }

  // --- The scans that are not sent yet ----------------------------------------------------------

  waiting() {
    return promised(this.database.transaction("scans").objectStore("scans").count());
  }

  // The next ones of one show, which may be another than the one that is scanned for now.
  async nextScans() {
    const all = await promised(this.database.transaction("scans").objectStore("scans").getAll());
    return all.filter((each) => each.schedule === all[0].schedule).slice(0, SCANS_AT_ONCE);
  }

  async forgetScans(ids) {
    const transaction = this.database.transaction("scans", "readwrite");
    for (const id of ids) {
      transaction.objectStore("scans").delete(id);
    }
    await written(transaction);
  }
}
