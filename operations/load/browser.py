"""A buyer's browser without JavaScript: cookies, and pages whose forms are sent as they stand."""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import unescape
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
# Tags that may be used, and those with an id. Django escapes > and " in values.
TAG = re.compile(r"<(a|body|form|/form|input|[a-z0-9]+(?=[^>]* id=))\b([^>]*)>")
ATTRIBUTE = re.compile(r"""([a-z-]+)(?:=["']([^"']*)["'])?""")


@dataclass
class Form:
    """``fields`` are sent in any case, ``choices`` are check boxes that can be ticked.

    ``name`` is its id.
    """

    action: str
    method: str
    name: str = ""
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
        return Content(self.body.decode())

    def form_to(self, path: str) -> Form | None:
        """The first form that posts to an address that begins so."""
        forms = (form for form in self.content.forms if form.method == "post")
        return next((form for form in forms if (form.action or self.path).startswith(path)), None)


class Content:
    """What of a page can be used: its forms, its links, the elements with an id, and ``body``.

    Read by two expressions instead of html.parser, which takes 3 ms for a page: a third of the
    processor at a hundred purchases a second.
    """

    def __init__(self, text: str) -> None:
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.elements: dict[str, dict[str, str]] = {}
        form: Form | None = None
        for tag, text_of_attributes in TAG.findall(text):
            given = {name: unescape(value) for name, value in ATTRIBUTE.findall(text_of_attributes)}
            if "id" in given or tag == "body":
                self.elements[given.get("id", tag)] = given
            if tag == "a":
                self.links.append(given.get("href", ""))
            elif tag == "form":
                method = given.get("method", "get").lower()
                form = Form(given.get("action", ""), method, given.get("id", ""))
                self.forms.append(form)
            elif tag == "/form":
                form = None
            elif tag == "input" and form and "name" in given and "disabled" not in given:
                is_box = given.get("type") in ("checkbox", "radio")
                named = form.choices if is_box else form.fields
                named.append((given["name"], given.get("value", "on" if is_box else "")))


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

    def get(self, kind: str, path: str, **headers: str) -> Page:
        """The answer, which may be a redirect or an error."""
        return self._ask(kind, "GET", path, None, headers)

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
