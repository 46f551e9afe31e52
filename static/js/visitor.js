// What is personal on a public page, which is the same for every visitor: name, balance, messages, my
// place in line. Without a session there is nothing to ask for.

const { visitor, chosen } = document.body.dataset;

if (chosen) {
  // Private pages, whose addresses name no language, follow the visitor's choice.
  remember(`django_language=${chosen}`);
}
if (has("visitor=1")) {
  show();
}

function remember(cookie) {
  if (!has(cookie)) {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${cookie}; path=/; max-age=31536000; samesite=lax${secure}`;
  }
}

function has(cookie) {
  return document.cookie.split("; ").includes(cookie);
}

async function show() {
  const about = new URLSearchParams({
    page: location.pathname + location.search,
    language: document.documentElement.lang,
  });
  const room = document.getElementById("mine")?.dataset.room;
  if (room) {
    about.set("room", room);
  }
  const answer = await fetch(`${visitor}?${about}`, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok || answer.redirected) {
    // The page is whole without it.
    return;
  }
  const personal = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of personal.querySelectorAll("body > [id]")) {
    const shown = document.getElementById(part.id);
    shown?.replaceChildren(...part.childNodes);
    if (shown) {
      window.countDownIn(shown);
    }
  }
}
