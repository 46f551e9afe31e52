"""The load generator wrk, where it is installed, for addresses that answer faster than ours asks.

Ours (load.py) takes about as long for an answer as nginx does to send one from its cache.
"""

import re
import shutil
import subprocess

from benchmarks.load import HEAD_END

WRK = shutil.which("wrk")
SECONDS = 2
RATE = re.compile(r"^Requests/sec: +([0-9.]+)$", re.MULTILINE)
TROUBLE = re.compile(r"^ *(Non-2xx or 3xx responses|Socket errors): .*$", re.MULTILINE)


def is_installed() -> bool:
    return WRK is not None


def answers_per_second(port: int, request: bytes, *, connections: int) -> float:
    """Ask this over and over for two seconds. Raises SystemExit if an answer was not 2xx or 3xx."""
    line, *headers = request.partition(HEAD_END)[0].decode().split("\r\n")
    method, path, _version = line.split()
    assert method == "GET", method
    # wrk writes the Host itself, from the address.
    host, *others = headers
    assert host == "Host: localhost", host
    command = [str(WRK), "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "20s"]
    for header in others:
        command += ["-H", header]
    url = f"http://localhost:{port}{path}"
    told = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if trouble := TROUBLE.search(told):
        raise SystemExit(f"{path}: {trouble[0].strip()}")
    found = RATE.search(told)
    assert found, told
    return float(found[1])
