"""What is kept of the browser or app that logged in: its name, the system, and roughly where it is.

It is enough to recognize one's own devices. The whole User-Agent and the whole address are not
kept.
"""

import ipaddress
from dataclasses import astuple, dataclass

from django.http import HttpRequest
from django.utils.translation import gettext as _

from concertbook.http.client_address import client_address

# The key of a session's data.
CLIENT = "client"
APP = "app"
# The first that the User-Agent contains: most browsers name others too, and Chrome names Safari.
BROWSERS = {
    "KAKAOTALK": "KakaoTalk",
    "NAVER(": "NAVER",
    "Whale/": "Whale",
    "SamsungBrowser/": "Samsung Internet",
    "Edg": "Edge",
    "OPR/": "Opera",
    "FxiOS/": "Firefox",
    "Firefox/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Macintosh": "macOS",
    "Linux": "Linux",
}


@dataclass(frozen=True)
class Client:
    """``name`` is a browser's, APP, or ""; ``system`` may be ""; ``network`` is an address prefix
    such as 203.0.113.0/24, or ""."""

    name: str = ""
    system: str = ""
    network: str = ""

    def __str__(self) -> str:
        name = _("App") if self.name == APP else self.name or _("Unknown browser")
        return f"{name} · {self.system}" if self.system else name

    def packed(self) -> list[str]:
        """As a session's data keeps it."""
        return list(astuple(self))


def read_client(request: HttpRequest) -> Client:
    """The client of this request. What it says of itself is not to be trusted."""
    agent = request.headers.get("User-Agent", "")
    is_app = request.path_info.startswith("/api/")
    return Client(
        APP if is_app else _first(BROWSERS, agent),
        _first(SYSTEMS, agent),
        network_of(client_address(request.META)),
    )


def _first(names: dict[str, str], agent: str) -> str:
    return next((name for part, name in names.items() if part in agent), "")


def network_of(address: str) -> str:
    """The /24 network of an IPv4 address, the /48 network of an IPv6 address; "" for others."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    bits = 24 if isinstance(found, ipaddress.IPv4Address) else 48
    return str(ipaddress.ip_network((int(found), found.max_prefixlen)).supernet(new_prefix=bits))
