"""A buyer's browser without JavaScript: cookies, and pages whose forms are sent as they stand."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import brotli

from operations.load.client import TIMEOUT_SECONDS, Connection
from operations.load.recorder import Operation, Recorder

DECODERS = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
SENT_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ACCEPTED = {
    "Accept": "text/html,*/*;q=0.8",
    "Accept-Encoding": "gzip, br",
    "Accept-Language": "ko",
}
Fields = Sequence[tuple[str, str]]


@dataclass
class Form:
    """``fields`` are sent in any case, ``choices`` are check boxes that can be ticked."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """An answer and the address that it came from."""

    path: str
    answer: Operation

    @property
    def location(self) -> str:
        """Where it redirects to, on this site; empty if it does not."""
        found = self.answer.headers.get("location", "")
        if not found:
            return ""
        target = urlsplit(urljoin(self.path, found))
        return target._replace(scheme="", netloc="", fragment="").geturl()

    @cached_property
    def body(self) -> bytes:
        decode = DECODERS[self.answer.headers.get("content-encoding", "")]
        return bytes(decode(self.answer.body))

    @cached_property
    def content(self) -> "Content":
        content = Content()
        content.feed(self.body.decode())
        return content

    def form_to(self, path: str) -> Form | None:
        """The first form that posts to an address that begins so."""
        forms = (form for form in self.content.forms if form.method == "post")
        return next((form for form in forms if (form.action or self.path).startswith(path)), None)


class Content(HTMLParser):
    """What of a page can be used: its forms, its links, and the elements with an id."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.elements: dict[str, dict[str, str]] = {}
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.elements[given["id"]] = given
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "input" and self._form and "name" in given and "disabled" not in given:
            is_box = given.get("type") in ("checkbox", "radio")
            named = self._form.choices if is_box else self._form.fields
            named.append((given["name"], given.get("value", "on" if is_box else "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


class Browser(Connection):
    def __init__(
        self,
        *,
        url: str,
        user_id: str,
        recorder: Recorder,
        cookies: Mapping[str, str],
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        super().__init__(url=url, user_id=user_id, recorder=recorder, timeout=timeout)
        # By name: the value, and the path below which the cookie is sent.
        self.cookies = {name: (value, "/") for name, value in cookies.items()}

    def recorded(self, operation: Operation) -> Operation:
        """Without the page: a record of thousands of buyers has to fit into memory."""
        return replace(operation, body=b"", headers={})

    def get(self, kind: str, path: str) -> Page:
        """The answer, which may be a redirect or an error."""
        return self._ask(kind, "GET", path, None, {})

    def submit(self, kind: str, page: Page, form: Form, *chosen: tuple[str, str]) -> Page:
        """Send a form with these choices; they replace its fields of the same name."""
        names = {name for name, _value in chosen}
        fields = [each for each in form.fields if each[0] not in names] + list(chosen)
        origin = f"{self.address.scheme}://{self.address.netloc}"
        headers = {**SENT_FORM, "Origin": origin, "Referer": origin + page.path}
        path = urljoin(page.path, form.action or page.path)
        about = tuple(value for _name, value in chosen)
        return self._ask(kind, "POST", path, urlencode(fields).encode(), headers, about)

    def _ask(
        self,
        kind: str,
        method: str,
        path: str,
        payload: bytes | None,
        headers: Mapping[str, str],
        about: tuple[Any, ...] = (),
    ) -> Page:
        sent = {**ACCEPTED, **headers}
        if cookies := self._cookies_for(path):
            sent["Cookie"] = cookies
        answer = self.exchange(method, path, payload, sent, kind=kind, about=about)
        for line in filter(None, answer.headers.get("set-cookie", "").split("\n")):
            self._take(line)
        return Page(path, answer)

    def _cookies_for(self, path: str) -> str:
        sent = (
            f"{name}={value}"
            for name, (value, below) in self.cookies.items()
            if path.startswith(below)
        )
        return "; ".join(sent)

    def _take(self, line: str) -> None:
        """Keep the cookie of a Set-Cookie header, or drop it."""
        pair, *attributes = (each.strip() for each in line.split(";"))
        name, _, value = pair.partition("=")
        said = dict(each.lower().split("=", 1) for each in attributes if "=" in each)
        self.cookies.pop(name, None)
        if said.get("max-age") != "0":
            self.cookies[name] = (value, said.get("path", "/"))
