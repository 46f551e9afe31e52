"""The cache of public answers: a WSGI application around Django's.

An answer is kept in each process and in Redis (concertbook.http.public_store). A request for one:

1. Younger than ``young_seconds`` of its policy: it is sent.
2. Older: this process asks Redis, where another process may have put a newer one.
3. If not, the process that gets the lock builds a new one. All others send the old one, which is
   never older than twice as much.
4. Without one that is young enough, they wait for the one that builds, a bounded time.

So any number of visitors costs one build a second for each address, whatever the number of
processes and threads.
Built is what Django answers to a request without cookies, credentials and client address, so no
visitor's data can be in it. Without Redis each process builds for itself.
"""

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.conf import settings

from concertbook.http.caching import PublicPolicy
from concertbook.http.fast_path import Application, Environ, FallThrough, is_our_host
from concertbook.http.negotiation import JSON, accepts
from concertbook.http.public_answers import CODINGS, Header, PublicAnswer
from concertbook.http.public_requests import METHODS, find_policy, language_of
from concertbook.http.public_store import RedisStore

logger = logging.getLogger(__name__)

# Seconds.
LOOK_AGAIN_AFTER = 0.05
POLL_EVERY = 0.02
LONGEST_WAIT = 2.0
# A longer query is not kept: no page of ours links to one.
LONGEST_QUERY = 1024
MOST_BYTES = 32 * 1024 * 1024
# A concert that is gone is asked for by as many as one on sale.
KEPT_STATUSES = ("200 ", "404 ")
OF_THE_SERVER = ("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "wsgi.version")


@dataclass(frozen=True)
class PublicRequest:
    """All that the answer depends on."""

    scheme: str
    host: str
    path: str
    query: str
    language: str


class PublicCache:
    def __init__(self, django: Application) -> None:
        self.django = django
        self.store = RedisStore()
        self._kept = _Kept()
        self._flights: dict[PublicRequest, Future[PublicAnswer]] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            status, headers, body = self._find(environ).answer(environ)
        except FallThrough:
            pass
        except Exception:
            logger.exception("The cache of public answers failed; Django answers")
        else:
            start_response(status, headers)
            return [body]
        return self.django(environ, start_response)

    def _find(self, environ: Environ) -> PublicAnswer:
        """Raises FallThrough for a request that is not public or that Django refuses."""
        request, policy = _read(environ)
        kept = self._kept.get(request)
        if kept and kept.may_be_sent(policy):
            return kept.answer
        flight, is_mine = self._join_flight(request)
        if is_mine:
            return self._fly(flight, request, policy, environ)
        if kept and kept.age < 2 * policy.young_seconds:
            return kept.answer
        try:
            return flight.result(LONGEST_WAIT)
        except TimeoutError:
            return self._build(request, policy, environ)

    def _join_flight(self, request: PublicRequest) -> tuple["Future[PublicAnswer]", bool]:
        """One thread of this process refreshes an answer; the flag tells whether this one does."""
        with self._lock:
            flight = self._flights.get(request)
            if flight:
                return flight, False
            flight = self._flights[request] = Future()
            return flight, True

    def _fly(
        self,
        flight: "Future[PublicAnswer]",
        request: PublicRequest,
        policy: PublicPolicy,
        environ: Environ,
    ) -> PublicAnswer:
        try:
            answer = self._refresh(request, policy, environ)
        except BaseException as exc:
            flight.set_exception(exc)
            raise
        finally:
            with self._lock:
                del self._flights[request]
        flight.set_result(answer)
        return answer

    def _refresh(
        self, request: PublicRequest, policy: PublicPolicy, environ: Environ
    ) -> PublicAnswer:
        """A newer answer, of this process or another; or the old one while another builds."""
        oldest = 2 * policy.young_seconds
        key = _key(request)
        give_up = monotonic() + LONGEST_WAIT
        while True:
            kept = self._newest(request, oldest)
            if kept and kept.age < policy.young_seconds:
                return kept.answer
            holder = self.store.take_lock(key)
            if holder:
                try:
                    # Another process may have built it between the look and the lock.
                    kept = self._newest(request, oldest)
                    if kept and kept.age < policy.young_seconds:
                        return kept.answer
                    return self._build(request, policy, environ)
                finally:
                    self.store.release_lock(key, holder)
            if kept and kept.age < oldest:
                kept.looked_at = monotonic()
                return kept.answer
            if monotonic() > give_up:
                return self._build(request, policy, environ)
            sleep(POLL_EVERY)

    def _newest(self, request: PublicRequest, oldest: float) -> "_Record | None":
        """The answer of this process or of Redis, by its age; None if both have none so young."""
        kept = self._kept.get(request)
        found = self.store.read(_key(request), oldest)
        if found and not (kept and kept.age < found[1]):
            return self._kept.put(request, *found)
        return kept

    def _build(
        self, request: PublicRequest, policy: PublicPolicy, environ: Environ
    ) -> PublicAnswer:
        """Ask Django. Raises FallThrough for an answer that is not public after all."""
        began = monotonic()
        status, headers, body = self._ask_django(request, environ)
        named = {name.lower(): value for name, value in headers}
        is_public = "public" in named.get("cache-control", "") or not status.startswith("200 ")
        if "set-cookie" in named or not is_public:
            logger.error("Not public: %s", request.path)
            raise FallThrough
        answer = PublicAnswer.of(status, headers, body)
        if policy.immutable and status.startswith("200 "):
            saved = dict(self._saved_bodies(request, environ))
            answer = replace(answer, bodies={**answer.bodies, **saved})
        if _may_be_kept(status, policy):
            age = monotonic() - began
            self._kept.put(request, answer, age)
            self.store.write(_key(request), answer, age=age, seconds=2 * policy.young_seconds)
        return answer

    def _saved_bodies(
        self, request: PublicRequest, environ: Environ
    ) -> Iterator[tuple[str, bytes]]:
        """The bodies that the view has compressed already, better than is done here."""
        for coding in CODINGS:
            accepted = {"HTTP_ACCEPT_ENCODING": coding}
            _status, headers, body = self._ask_django(request, environ, accepted)
            if ("Content-Encoding", coding) in headers:
                yield coding, body

    def _ask_django(
        self, request: PublicRequest, environ: Environ, more: Mapping[str, str] | None = None
    ) -> tuple[str, list[Header], bytes]:
        started: list[tuple[str, list[Header]]] = []
        chunks = self.django(
            {
                **{name: environ[name] for name in OF_THE_SERVER if name in environ},
                "REQUEST_METHOD": "GET",
                "SCRIPT_NAME": "",
                "PATH_INFO": request.path,
                "QUERY_STRING": request.query,
                "HTTP_HOST": request.host,
                "HTTP_ACCEPT_LANGUAGE": request.language,
                **(more or {}),
                "wsgi.url_scheme": request.scheme,
                "wsgi.input": BytesIO(),
                "wsgi.errors": environ.get("wsgi.errors"),
                "wsgi.multithread": True,
                "wsgi.multiprocess": True,
                "wsgi.run_once": False,
            },
            lambda *head: started.append(head),
        )
        try:
            body = b"".join(chunks)
        finally:
            # Ends the request for Django: it gives the database connection back.
            getattr(chunks, "close", lambda: None)()
        ((status, headers),) = started
        return status, headers, body


def _may_be_kept(status: str, policy: PublicPolicy) -> bool:
    """What never changes once it is there may be there later."""
    return status.startswith("200 " if policy.immutable else KEPT_STATUSES)


def _read(environ: Environ) -> tuple[PublicRequest, PublicPolicy]:
    """Raises FallThrough."""
    path = environ["PATH_INFO"]
    policy = find_policy(path) if environ["REQUEST_METHOD"] in METHODS else None
    query = environ.get("QUERY_STRING", "")
    host = environ.get("HTTP_HOST", "")
    if policy is None or not policy.seconds or environ.get("SCRIPT_NAME"):
        raise FallThrough
    if len(query) > LONGEST_QUERY or not is_our_host(host):
        raise FallThrough
    if path.startswith("/api/") and not accepts(environ.get("HTTP_ACCEPT"), JSON):
        raise FallThrough
    request = PublicRequest(
        scheme=_scheme(environ),
        host=host.lower(),
        path=path,
        query=_canonical(query, policy.parameters) if query else "",
        language=language_of(path, environ.get("HTTP_ACCEPT_LANGUAGE", "")),
    )
    return request, policy


def _scheme(environ: Environ) -> str:
    """As HttpRequest.scheme."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        if name in environ:
            return "https" if environ[name].split(",", 1)[0].strip() == secure else "http"
    return str(environ["wsgi.url_scheme"])


@lru_cache(maxsize=1000)
def _canonical(query: str, parameters: frozenset[str]) -> str:
    """The parameters that count, sorted by name."""
    pairs = parse_qsl(query, keep_blank_values=True)
    counted = [(name, value) for name, value in pairs if name in parameters]
    return urlencode(sorted(counted, key=lambda pair: pair[0]))


def _key(request: PublicRequest) -> str:
    return hashlib.sha256(repr(request).encode()).hexdigest()


class _Record:
    def __init__(self, answer: PublicAnswer, age: float) -> None:
        self.answer = answer
        self.built_at = monotonic() - age
        self.looked_at = 0.0

    @property
    def age(self) -> float:
        return monotonic() - self.built_at

    def may_be_sent(self, policy: PublicPolicy) -> bool:
        """Young, or not too old and another process was found building just now."""
        now = monotonic()
        age = now - self.built_at
        looked_just_now = now - self.looked_at < LOOK_AGAIN_AFTER
        return age < policy.young_seconds or (age < 2 * policy.young_seconds and looked_just_now)


class _Kept:
    """The answers in this process, the least recently used ones dropped beyond MOST_BYTES."""

    def __init__(self) -> None:
        self._records: OrderedDict[PublicRequest, _Record] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, request: PublicRequest) -> _Record | None:
        with self._lock:
            record = self._records.get(request)
            if record:
                self._records.move_to_end(request)
            return record

    def put(self, request: PublicRequest, answer: PublicAnswer, age: float) -> _Record:
        record = _Record(answer, age)
        with self._lock:
            if before := self._records.pop(request, None):
                self._bytes -= before.answer.size
            self._records[request] = record
            self._bytes += answer.size
            while self._bytes > MOST_BYTES:
                _request, dropped = self._records.popitem(last=False)
                self._bytes -= dropped.answer.size
        return record
