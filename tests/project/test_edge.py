"""The reverse proxy of the compose file (deploy/): a real nginx before a real granian.

The files are used unchanged, except for the ports and directives that Debian's older nginx lacks.
"""

import datetime as dt
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils import translation

from concertbook.errors import TooLarge, Unavailable
from concertbook.http.problems import problem_response
from loadkit.servers import wait_for
from scripts.embedded import free_port
from scripts.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
VARIANTS = sorted(path.stem.removeprefix("edge-") for path in DEPLOY.glob("edge-*.conf"))
SCRATCH = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
FORGED = "203.0.113.9"


@dataclass
class Edge:
    """A running nginx, with ports instead of the container's."""

    http: int
    https: int
    health: int

    def ask(self, *, method: str = "GET", path: str = "/", **options: Any) -> "Answer":
        return ask(http.client.HTTPConnection("127.0.0.1", self.http), method, path, **options)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def environ(self) -> dict[str, str]:
        """The WSGI environ of the application behind nginx."""
        environ: dict[str, str] = json.loads(self.body)["environ"]
        return environ


def ask(
    connection: http.client.HTTPConnection,
    method: str = "GET",
    path: str = "/",
    *,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | Iterator[bytes] | None = None,
    host: str | None = None,
) -> Answer:
    """One request. ``headers`` are pairs, as a header may be sent twice."""
    connection.putrequest(method, path, skip_host=host is not None)
    if host is not None:
        connection.putheader("Host", host)
    for name, value in headers:
        connection.putheader(name, value)
    if isinstance(body, bytes):
        connection.putheader("Content-Length", str(len(body)))
    elif body is not None:
        connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders(body, encode_chunked=body is not None and not isinstance(body, bytes))
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


@pytest.fixture(scope="module")
def nginx() -> str:
    """The program."""
    # Debian installs it in /usr/sbin.
    path = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        pytest.skip("No nginx: apt-get install --no-install-recommends nginx.")
    return path


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the image's web server, with an application that returns its environ."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
    command += ["--host", "127.0.0.1", "--port", str(port), "tests.show_request:application"]
    with started(command, tmp_path_factory.mktemp("web")):
        wait_for(port)
        yield port


@contextmanager
def started(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        server = Supervisor(command, cwd=ROOT, output=output.fileno())
        try:
            yield
            assert server.poll() is None, (folder / "output").read_text()
        finally:
            server.stop()


NONE: Mapping[str, str] = {}


class Prepare(Protocol):
    def __call__(
        self, variant: str, web_port: int = ..., changes: Mapping[str, str] = ...
    ) -> tuple[Edge, list[str]]: ...


@pytest.fixture(scope="module")
def prepare(nginx: str, web: int, tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """``prepare(variant)``: the shipped configuration in a folder of its own, and its command.

    ``web_port`` instead of the application's; ``changes`` are directives with another value.
    """

    def prepared(
        variant: str, web_port: int = web, changes: Mapping[str, str] = NONE
    ) -> tuple[Edge, list[str]]:
        folder = tmp_path_factory.mktemp(variant)
        edge = Edge(free_port(), free_port(), free_port())
        main = here(DEPLOY / "nginx.conf", nginx, edge, web_port)
        for shipped, tried in changes.items():
            assert main.count(shipped) == 1
            main = main.replace(shipped, tried)
        # The default folders for temporary files belong to root.
        scratch = [f"{kind}_temp_path {folder}/{kind};" for kind in SCRATCH]
        (folder / "nginx.conf").write_text(main.replace("http {", " ".join(["http {", *scratch])))
        server = here(DEPLOY / f"edge-{variant}.conf", nginx, edge, web_port)
        # This machine takes the place of the load balancer.
        server = server.replace("set_real_ip_from 10.0.0.0/8;", "set_real_ip_from 127.0.0.1;")
        (folder / "edge.conf").write_text(server)
        write_certificate(folder / "certificates")
        # As root, nginx would change to a user who may not enter the tests' folders.
        ours = f"daemon off; pid {folder}/pid;" + (" user root;" if os.getuid() == 0 else "")
        return edge, [nginx, "-c", f"{folder}/nginx.conf", "-e", "stderr", "-g", ours]

    return prepared


def here(path: Path, nginx: str, edge: Edge, web: int) -> str:
    """The configuration file with free ports and temporary folders."""
    text = path.read_text()
    text = text.replace("listen 80;", f"listen 127.0.0.1:{edge.http};")
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{edge.https} ssl;")
    text = text.replace("listen 127.0.0.1:8081;", f"listen 127.0.0.1:{edge.health};")
    text = text.replace("server web:8000 resolve;", f"server 127.0.0.1:{web};")
    if version(nginx) < (1, 25, 1):
        text = text.replace("http2 on;", "")
    return text


def version(nginx: str) -> tuple[int, ...]:
    shown = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", shown)
    assert found, shown
    return tuple(map(int, found.groups()))


def write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string("CN=localhost")
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, *plain))


@contextmanager
def running(prepare: Prepare, variant: str, folder: Path, **options: Any) -> Iterator[Edge]:
    edge, command = prepare(variant, **options)
    with started(command, folder):
        wait_for(edge.http)
        yield edge


@pytest.fixture(scope="module")
def edge(prepare: Prepare, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running(prepare, "http", tmp_path_factory.mktemp("nginx")) as edge:
        yield edge


@pytest.mark.parametrize("variant", VARIANTS)
def test_nginx_accepts_the_configuration_and_has_nothing_to_warn_of(prepare, variant):
    _edge, command = prepare(variant)

    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)

    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


# The client's address


@pytest.mark.parametrize(
    "name", ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-for", "X.Forwarded.For"]
)
def test_a_header_that_looks_like_x_forwarded_for_to_wsgi_does_not_pass(edge, name):
    answer = edge.ask(headers=[(name, FORGED)])

    assert answer.environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert FORGED not in answer.body.decode()


def test_without_edge_such_a_header_is_trusted(web):
    direct = http.client.HTTPConnection("127.0.0.1", web)

    answer = ask(direct, headers=[("X-Forwarded-For", "127.0.0.1"), ("X_Forwarded_For", FORGED)])

    assert answer.environ["HTTP_X_FORWARDED_FOR"] == FORGED


def test_a_clients_forwarded_headers_are_replaced(edge):
    forged = [("X-Forwarded-For", FORGED), ("X-Forwarded-For", FORGED)]
    forged += [("X-Forwarded-Proto", "https"), ("X_Forwarded_Proto", "https")]

    environ = edge.ask(headers=forged).environ

    assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "http"


def test_behind_a_balancer_the_address_that_it_appended_counts(prepare, tmp_path):
    # The client is in a network that the file trusts to be the balancer's.
    chain = [("X-Forwarded-For", FORGED), ("X-Forwarded-For", f"{FORGED}, 192.168.0.7")]
    sent = [*chain, ("X_Forwarded_For", FORGED), ("X-Forwarded-Proto", "https")]

    with running(prepare, "balancer", tmp_path) as edge:
        environ = edge.ask(headers=sent).environ

    assert environ["HTTP_X_FORWARDED_FOR"] == "192.168.0.7"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"


def test_the_host_goes_through_as_it_was_asked_for(edge):
    assert edge.ask(host="Tickets.example.com:8443").environ["HTTP_HOST"] == (
        "Tickets.example.com:8443"
    )


# TLS


def test_tls_ends_at_edge_and_plain_requests_are_redirected(prepare, tmp_path):
    # The certificate is self-signed.
    anyone = ssl._create_unverified_context()

    with running(prepare, "tls", tmp_path) as edge:
        plain = edge.ask(path="/concerts/1/?page=2", host="tickets.example.com")
        secure = http.client.HTTPSConnection("127.0.0.1", edge.https, context=anyone)
        environ = ask(secure, headers=[("X-Forwarded-Proto", "http")]).environ

    assert plain.status == 301
    assert plain.headers["Location"] == "https://tickets.example.com/concerts/1/?page=2"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"
    assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"


# Bodies


def test_a_body_of_the_maximum_size_is_passed_on_completely(edge):
    body = b"x" * settings.API_MAX_BODY_BYTES

    answer = edge.ask(method="POST", path="/api/v1/payments/", body=body)

    assert json.loads(answer.body)["body_bytes"] == settings.API_MAX_BODY_BYTES


@pytest.mark.parametrize("path", ["/accounts/login/", "/api/v1/payments/"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_larger_one_is_refused(edge, path, chunked):
    body = b"x" * (settings.API_MAX_BODY_BYTES + 1)

    answer = edge.ask(method="POST", path=path, body=iter([body]) if chunked else body)

    assert answer.status == 413


@pytest.mark.parametrize(
    ("asked", "language"), [("en-GB,ko;q=0.5", "en"), ("ko-KR,en;q=0.5", "ko"), (None, "ko")]
)
def test_an_app_is_told_so_as_the_application_tells_it(edge, asked, language):
    body = b"x" * (settings.API_MAX_BODY_BYTES + 1)
    headers = [("Accept-Language", asked)] if asked else []

    answer = edge.ask(method="POST", path="/api/v1/payments/", headers=headers, body=body)

    with translation.override(language):
        ours = problem_response(TooLarge())
    assert json.loads(answer.body) == json.loads(ours.content)
    assert answer.headers["Content-Type"] == ours.headers["Content-Type"]


def test_a_body_in_pieces_is_taken_in_before_the_application_hears_of_it(edge):
    answer = edge.ask(method="POST", body=iter([b"half ", b"a body"]))

    assert answer.environ["CONTENT_LENGTH"] == "11", "unbuffered, it has no length yet"
    assert "HTTP_TRANSFER_ENCODING" not in answer.environ


# Too many log-ins, and a web server that is down

# One a minute.
ONE_LOG_IN = {"rate=40r/s": "rate=1r/m", " burst=1200": ""}


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/change/",
        "/accounts/password/reset/key/x-y/",
        "/accounts/address/",
        "/accounts/address/own/x/",
        "/admin/login/",
        "/api/v1/auth/login/",
        "/api/v1/auth/signup/",
        "/api/v1/me/email-changes/",
    ],
)
def test_only_requests_that_hash_a_password_are_queued_in_edge(prepare, tmp_path, path):
    with running(prepare, "http", tmp_path, changes=ONE_LOG_IN) as edge:
        assert edge.ask(method="POST", path=path).status == 200
        refused = edge.ask(method="POST", path=path)
        others = [edge.ask(path=path), edge.ask(method="POST", path="/api/v1/payments/")]

    assert refused.status == 503
    assert refused.headers["Retry-After"] == "5"
    assert [other.status for other in others] == [200, 200]


def test_log_ins_within_the_queue_are_all_answered(edge):
    with ThreadPoolExecutor(20) as people:
        log_ins = [
            people.submit(edge.ask, method="POST", path="/api/v1/auth/login/") for _ in range(20)
        ]

    assert {each.result().status for each in log_ins} == {200}


@pytest.mark.parametrize(("asked", "language"), [("en-GB,ko;q=0.5", "en"), (None, "ko")])
def test_without_a_web_server_an_app_is_told_what_the_application_would_tell_it(
    prepare, tmp_path, asked, language
):
    headers = [("Accept-Language", asked)] if asked else []

    with running(prepare, "http", tmp_path, web_port=free_port()) as edge:
        answer = edge.ask(path="/api/v1/concerts/", headers=headers)
        page = edge.ask(path="/concerts/", headers=headers)

    with translation.override(language):
        ours = problem_response(Unavailable())
    assert (answer.status, json.loads(answer.body)) == (503, json.loads(ours.content))
    assert answer.headers["Content-Type"] == ours.headers["Content-Type"]
    assert (page.status, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert f'lang="{language}"' in page.body.decode()
    assert json.loads(ours.content)["title"] in page.body.decode()
    assert "no-store" in page.headers["Cache-Control"]


# nginx itself


def test_it_does_not_tell_its_version(edge):
    assert edge.ask().headers.get_all("Server") == ["nginx"]


def test_its_connections_to_the_web_server_are_kept(edge):
    environ = edge.ask(headers=[("Connection", "close")]).environ

    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert "HTTP_CONNECTION" not in environ, "HTTP/1.1 keeps them unless told to close"


def test_the_health_check_of_edge_asks_nginx_only(edge):
    health = http.client.HTTPConnection("127.0.0.1", edge.health)

    assert ask(health).status == 200
