"""What the commands of `sensor lab` say; tests/lab/live/test_endpoints.py runs the endpoints."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from sensor.lab.gre.settings import GreSettings
from sensor.lab.live import endpoints, routers
from sensor.lab.live.endpoints import Place
from sensor.lab.scenarios.catalogue import SCENARIOS
from sensor.lab.scenarios.table import page
from sensor.lab.sixinfour.settings import IsatapHostSettings, PeerSettings
from sensor.lab.teredo.settings import ClientSettings, RelaySettings, ServerSettings
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed
from tests.command import ROOT, call_sensor

SERVER, SECOND = packed("198.51.100.1"), packed("198.51.100.9")
HOST = packed("2a00:db8::10")
BIND = Endpoint(packed("192.0.2.10"), 3545)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have run, in the place of running it."""
    started: list[Any] = []

    def start(settings: object, place: Place, *more: object) -> signal.Signals:
        started.extend([settings, place, *more])
        return signal.SIGTERM

    for name in ("run_client", "run_server", "run_relay"):
        monkeypatch.setattr(endpoints, name, start)
    for name in ("run_router", "run_isatap_host"):
        monkeypatch.setattr(routers, name, start)
    return started


def test_a_client_is_started_as_the_options_say(started: list[Any]) -> None:
    options = ["--secondary", "198.51.100.9", "--bind", "192.0.2.10:3545", "--interface", "six"]
    done = call_sensor("lab", "client", "198.51.100.1", *options, "--user", "me")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert started == [ClientSettings(SERVER, BIND, SECOND), Place("six", "me")]


def test_a_server_is_started_as_the_options_say(started: list[Any]) -> None:
    assert call_sensor("lab", "server", "198.51.100.1", "198.51.100.9", "--user", "me").code == 0
    assert started == [ServerSettings(SERVER, SECOND), Place(user="me")]


def test_a_relay_is_started_as_the_options_say(started: list[Any]) -> None:
    assert (
        call_sensor("lab", "relay", "--bind", "192.0.2.10:3545", "--host", "2a00:db8::10").code == 0
    )
    assert started == [RelaySettings(BIND, HOST, ((HOST, 128),)), Place()]
    started.clear()
    served = ["--served", "2a00:db8::/32", "--served", "2a01:db8::/32"]
    assert call_sensor("lab", "relay", "--bind", "192.0.2.10:3545", *served).code == 0
    networks = tuple((packed(prefix), 32) for prefix in ("2a00:db8::", "2a01:db8::"))
    assert started[0].served == networks


def test_a_router_is_started_as_the_options_say(started: list[Any]) -> None:
    ends = ["--local", "192.0.2.10", "--remote", "198.51.100.1", "--routes", "2a00:db8::/32"]
    options = [*ends, "--routes", "::/0", "--key", "7", "--sequence", "--checksum"]
    done = call_sensor("lab", "router", "gre", *options, "--interface", "six", "--user", "me")
    assert (done.code, done.out, done.err) == (0, "", "")
    settings = GreSettings(BIND.ip, SERVER, 7, sequence=True, checksum=True)
    networks = ((packed("2a00:db8::"), 32), (bytes(16), 0))
    assert started == [settings, Place("six", "me"), networks]


def test_a_tunnels_interface_has_the_name_of_its_kind(started: list[Any]) -> None:
    ends = ["--local", "192.0.2.10", "--remote", "198.51.100.1", "--routes", "::/0"]
    assert call_sensor("lab", "router", "6in4", *ends).code == 0
    assert started[:2] == [PeerSettings(BIND.ip, SERVER), Place("6in4")]


def test_an_isatap_host_is_started_where_routers_are_named(started: list[Any]) -> None:
    routers = ["--prl", "198.51.100.1", "--prl", "198.51.100.9"]
    assert call_sensor("lab", "router", "isatap", "--local", "192.0.2.10", *routers).code == 0
    assert started == [IsatapHostSettings(BIND.ip, (SERVER, SECOND)), Place("isatap")]


@pytest.mark.parametrize("role", ["client", "server", "relay", "router"])
def test_a_file_says_it_as_well(role: str, started: list[Any]) -> None:
    sample = str(ROOT / "deploy" / "lab.yaml")
    done = call_sensor("lab", role, "--config", sample, "--set", f"{role}.user=other")
    assert (done.code, done.err) == (0, "")
    assert started[1].user == "other"


def test_an_interrupt_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "run_client", lambda settings, place: signal.SIGINT)
    assert call_sensor("lab", "client", "198.51.100.1").code == 130


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["client"], "no server: name it as SERVER"),
        (["client", "10.1.1.300"], "SERVER '10.1.1.300': client.server: found '10.1.1.300', exp"),
        (["client", "198.51.100.1", "--bind", "x"], "--bind 'x': client.bind: found 'x', expected"),
        (["client", "198.51.100.1", "--config", "/nonexistent"], "/nonexistent: cannot be read"),
        (["client", "--set", "client.sever=198.51.100.1"], "unknown key, did you mean 'server'?"),
        (["server"], "no address: name it as PRIMARY"),
        (["relay", "--host", "2a00:db8::10"], "no address: name it with --bind"),
        (["relay", "--bind", "192.0.2.10"], "name whom the relay serves: either --host"),
        (["router"], "no kind: name it as KIND"),
        (["router", "sit"], "KIND 'sit': router.kind: found 'sit', expected 6in4 or 6to4 or isa"),
        (["router", "gre", "--key", "x"], "Invalid value for '--key': 'x' is not a valid integer"),
        (["router", "gre", "--key", "-1"], "--key -1: router.key: found the number -1, expected"),
        (["router", "6to4", "--sequence"], "router.sequence belongs to gre, not to 6to4"),
        (["scenario", "run", "none", "-o", "."], "no scenario 'none': `sensor lab scenario list`"),
        (["scenario", "run", "web-servr", "-o", "."], "names them; did you mean 'web-server'?"),
        (["scenario", "run", "all"], "Missing option '-o'"),
        (["client", ""], "SERVER '': client.server: found '', expected an IPv4 address"),
        (["client", "198.51.100.1", "--interface", ""], "--interface '': client.interface: found"),
        (["client", "198.51.100.1", "--user", ""], "--user '': client.user: found ''"),
        (
            ["relay", "--bind", "192.0.2.1", "--served", "::/0", "--served", "x"],
            "--served '::/0', 'x': relay.served[1]: found 'x', expected an IPv6 network",
        ),
    ],
)
def test_wrong_usage_is_told_with_the_fix(arguments: list[str], text: str) -> None:
    done = call_sensor("lab", *arguments)
    assert (done.code, done.out) == (2, "")
    assert text in done.err


def test_scenarios_are_listed_with_what_they_are_about() -> None:
    told = call_sensor("lab", "scenario", "list").out
    assert max(map(len, told.splitlines())) <= 100
    words = " ".join(told.split())
    assert words == " ".join(f"{scenario.name} {scenario.about}" for scenario in SCENARIOS)


def test_the_table_of_scenarios_is_printed() -> None:
    done = call_sensor("lab", "scenario", "table")
    assert done.out == page()


def test_a_scenario_leaves_its_captures_and_its_truth(tmp_path: Path) -> None:
    name = SCENARIOS[0].name
    done = call_sensor("lab", "scenario", "run", name, "-o", str(tmp_path))
    assert (done.code, done.out) == (0, f"{name}: {tmp_path / name}\n")
    assert {path.name for path in (tmp_path / name).iterdir()} == {
        "inside.pcap",
        "outside.pcap",
        "truth.json",
    }
