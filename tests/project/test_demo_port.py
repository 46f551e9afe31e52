"""Every demo gets a port of its own."""

import socket

import pytest

from scripts import demo
from scripts.demo import DemoError, choose_port
from scripts.embedded import free_port


@pytest.fixture(autouse=True)
def _from_a_port_of_its_own(monkeypatch):
    monkeypatch.setattr(demo, "FIRST_PORT", free_port())


def test_two_demos_started_at_the_same_time_get_two_ports():
    with choose_port(None) as one, choose_port(None) as other:
        assert one != other


def test_the_port_of_a_demo_that_does_not_listen_yet_is_refused_to_another():
    with (
        choose_port(None) as port,
        pytest.raises(DemoError, match=f"Port {port} is taken"),
        choose_port(str(port)),
    ):
        pass


def test_a_port_is_free_again_once_its_demo_has_ended():
    with choose_port(None) as port:
        pass
    with choose_port(str(port)) as again:
        assert again == port


def test_a_port_on_which_a_program_listens_is_passed_over(monkeypatch):
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(demo, "FIRST_PORT", taken)
        with choose_port(None) as port:
            assert port != taken
        with pytest.raises(DemoError, match=f"Port {taken} is taken"), choose_port(str(taken)):
            pass


@pytest.mark.parametrize("wanted", ["0", "65536", "web", "-1"])
def test_an_invalid_port_is_refused(wanted):
    with pytest.raises(DemoError, match="is no port"), choose_port(wanted):
        pass
