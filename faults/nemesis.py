"""The faults, one function each: what is broken while the buyers are busy, and put right again."""

import contextlib
import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from django.conf import settings

from concertbook.celery import app as celery
from faults.buyers import Manners
from faults.scene import Scene
from scripts.embedded import Valkey

POLITE = Manners()
TEN_MINUTES = "600"
SLOW_CLIENTS = 40


@dataclass(frozen=True)
class Fault:
    """``recovers_within`` is how many seconds it may take until all is well again."""

    name: str
    strike: Callable[[Scene], None]
    manners: Manners = POLITE
    recovers_within: float = 60.0


# --- Processes -----------------------------------------------------------------------------------


def kill_web_before_the_debit(scene: Scene) -> None:
    scene.spring("locks")


def kill_web_after_the_ticket(scene: Scene) -> None:
    scene.spring("ticket")


def kill_web_after_the_commit(scene: Scene) -> None:
    scene.spring("payment")


def kill_worker_in_mid_expiry(scene: Scene) -> None:
    scene.spring("expiry")


def kill_worker_between_commit_and_index(scene: Scene) -> None:
    scene.spring("admission")


def two_beats(scene: Scene) -> None:
    with scene.system.another_beat():
        scene.go_on(3)


def beat_twice(scene: Scene) -> None:
    """Every task three times, at once, again and again."""
    for _time in range(4):
        for entry in settings.CELERY_BEAT_SCHEDULE.values():
            for _copy in range(3):
                celery.send_task(entry["task"], expires=5)
        scene.go_on(0.5)


# --- PostgreSQL ----------------------------------------------------------------------------------


def postgres_stopped_at_once(scene: Scene) -> None:
    scene.broken()
    scene.system.databases.primary.kill()
    scene.go_on(1)
    scene.system.databases.primary.start()


def postgres_fails_over(scene: Scene) -> None:
    standby = scene.system.databases.add_standby()
    scene.go_on(1)
    scene.broken()
    scene.system.databases.fail_over(standby)


# --- Redis ---------------------------------------------------------------------------------------


def redis_flushed(scene: Scene) -> None:
    scene.broken()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()


def redis_killed(scene: Scene) -> None:
    scene.broken()
    scene.system.redis.kill()
    scene.go_on(1)
    scene.system.redis.start()


def redis_restarted(scene: Scene) -> None:
    scene.broken()
    scene.system.redis.stop()
    scene.system.redis.start()


def redis_restored_from_an_old_snapshot(scene: Scene) -> None:
    server = scene.system.redis
    snapshot = scene.system.folder / "snapshot"
    shutil.copytree(_data(server), snapshot)
    scene.go_on(2)
    scene.broken()
    server.kill()
    shutil.rmtree(_data(server))
    shutil.move(snapshot, _data(server))
    _give_to_owner_of(server.folder)
    server.start()


def _data(server: Valkey) -> Path:
    return server.folder / "appendonlydir"


def _give_to_owner_of(folder: Path) -> None:
    owner = folder.stat()
    for path in folder.rglob("*"):
        os.chown(path, owner.st_uid, owner.st_gid)


# --- Clients -------------------------------------------------------------------------------------


def clients_do_as_they_do(scene: Scene) -> None:
    """The buyers' manners are the fault."""
    scene.go_on(2)


def slow_clients(scene: Scene) -> None:
    """Half of them send their request a byte at a time, half never read their answer."""
    access = scene.sale.accounts[-1].access
    seats = f"GET /api/v1/schedules/{scene.sale.schedule_id}/seats/ HTTP/1.1\r\n"
    head = f"{seats}Host: localhost\r\nAuthorization: Bearer {access}\r\nX-Slow: "
    with contextlib.ExitStack() as stack:
        address = "127.0.0.1", scene.system.port
        slow = [stack.enter_context(socket.create_connection(address)) for _ in range(SLOW_CLIENTS)]
        senders, readers = slow[::2], slow[1::2]
        for each in slow:
            each.sendall(head.encode())
        for each in readers:
            each.sendall(b"\r\n\r\n")
        with scene.others_unaffected():
            for _time in range(15):
                for each in senders:
                    each.sendall(b"x")
                scene.go_on(0.2)


# --- Machines ------------------------------------------------------------------------------------


def application_clocks_off(scene: Scene) -> None:
    """One web server ten minutes ahead, one behind, and the only worker ahead."""
    ahead = scene.system.another_web("web-ahead", FAULTS_CLOCK=TEN_MINUTES)
    behind = scene.system.another_web("web-behind", FAULTS_CLOCK=f"-{TEN_MINUTES}")
    worker = scene.system.other_worker(FAULTS_CLOCK=TEN_MINUTES)
    with worker, scene.asking(ahead, scene.system.port, behind):
        scene.wait_until_well(patience=60)
        scene.go_on(1)


def pool_of_two(scene: Scene) -> None:
    """Sixteen threads that share two connections."""
    port = scene.system.another_web("web-of-two", "--blocking-threads", "16", FAULTS_POOL="2")
    with scene.asking(port):
        scene.go_on(3)


WEB = "kill -9 of a web worker in mid-payment"
FAULTS = [
    Fault(f"{WEB}: before the debit", kill_web_before_the_debit),
    Fault(f"{WEB}: after the ticket", kill_web_after_the_ticket),
    Fault(f"{WEB}: after COMMIT", kill_web_after_the_commit),
    Fault(
        "kill -9 of the Celery worker in mid-expiry",
        kill_worker_in_mid_expiry,
        Manners(absent=0.6),
    ),
    Fault(
        "kill -9 of the admitting worker between commit and index",
        kill_worker_between_commit_and_index,
    ),
    Fault("two beats", two_beats),
    Fault("beat twice", beat_twice),
    Fault("PostgreSQL stopped at once and restarted", postgres_stopped_at_once, recovers_within=10),
    Fault("PostgreSQL fail-over to a synchronous standby", postgres_fails_over),
    Fault("Redis flushed", redis_flushed),
    Fault("Redis killed", redis_killed),
    Fault("Redis restarted", redis_restarted),
    Fault("Redis restored from an old snapshot", redis_restored_from_an_old_snapshot),
    Fault("client retries after a time-out", clients_do_as_they_do, Manners(hasty=0.5)),
    Fault("double click, two tabs", clients_do_as_they_do, Manners(clicks=(2, 2, 4))),
    Fault("50 parallel requests", clients_do_as_they_do, Manners(buyers=6, clicks=(1, 1, 1, 50))),
    Fault("application clock 10 minutes off", application_clocks_off),
    Fault("hold expires while paying", clients_do_as_they_do, Manners(late=0.7)),
    Fault("opposite seat orders", clients_do_as_they_do, Manners(favourites=3, capacity=16)),
    Fault("slow clients", slow_clients),
    Fault("a pool of 2 under 100 clients", pool_of_two, Manners(buyers=100, capacity=60)),
]
