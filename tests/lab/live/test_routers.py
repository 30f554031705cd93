"""The command in processes of its own, between namespaces; what is wrong, in this one."""

from __future__ import annotations

import pwd
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from sensor.errors import ConfigError
from sensor.lab.gre.settings import GreSettings
from sensor.lab.live import privileges, routers, routing
from sensor.lab.live.endpoints import Place
from sensor.lab.live.routers import RouterSettings, run_isatap_host, run_router
from sensor.lab.live.tun import Tun
from sensor.lab.sixinfour.settings import (
    IsatapHostSettings,
    IsatapRouterSettings,
    LinkSettings,
    Network,
    PeerSettings,
    SixToFourSettings,
)
from sensor.wire.addresses import packed
from tests.lab.live.conftest import Namespace
from tests.lab.live.running import TIME, Running

HERE, THERE = packed("192.0.2.1"), packed("192.0.2.2")
BEYOND: tuple[Network, ...] = ((packed("2001:3::"), 64),)
PLACE = Place("six")
PEER = PeerSettings(HERE, THERE)
ISATAP = IsatapRouterSettings(HERE, packed("2001:db8:5::")[:8])
HOST = IsatapHostSettings(HERE, (THERE,))
ALL: list[RouterSettings] = [PEER, GreSettings(HERE, THERE), SixToFourSettings(HERE), ISATAP]
NOBODY = str(pwd.getpwnam("nobody").pw_uid)

Pair = tuple[Namespace, Namespace]


def start(running: ExitStack, namespace: Namespace, *arguments: str) -> Running:
    return running.enter_context(closing(Running(namespace, "router", *arguments)))


def ended(program: Running, number: signal.Signals, code: int) -> str:
    """Its last line but one, after a signal."""
    assert program.stop(number) == code
    totals, dropped = program.told[-2:]
    assert re.match(rf"{TIME}\S+ (router|host): dropped: ", dropped)
    return totals


@pytest.mark.slow
def test_an_isatap_site_of_a_router_and_a_host(pair: Pair, running: ExitStack) -> None:
    here, there = pair
    at = ["--local", "192.0.2.1", "--prefix", "2001:db8:5::/64", "--interface", "six"]
    router = start(running, here, "isatap", *at)
    router.until(
        f"^{TIME}isatap router: 192.0.2.1, prefix 2001:db8:5::/64, interface six, user nobody"
    )
    host = start(running, there, "isatap", "--local", "192.0.2.2", "--prl", "192.0.2.1")
    host.until(f"^{TIME}isatap host: 192.0.2.2, prl 192.0.2.1, interface isatap, user nobody")
    address = host.until(r"address (2001:db8:5:0:200:5efe:c000:202)")[1]
    assert f"inet6 {address}/64" in there.run("ip", "-6", "address", "show", "dev", "isatap")
    assert "default dev isatap" in there.run("ip", "-6", "route")
    shown = here.run("ip", "-6", "address", "show", "dev", "six")
    assert "inet6 2001:db8:5:0:200:5efe:c000:201/128" in shown
    assert "2001:db8:5::/64 dev six" in here.run("ip", "-6", "route")
    for program, capabilities in ((router, 0), (host, 1 << privileges.NET_ADMIN)):
        status = program.status()
        assert status["Uid"] == [NOBODY] * 4
        assert status["NoNewPrivs"] == ["1"]
        assert status["CapEff"] == status["CapPrm"] == [f"{capabilities:016x}"]
    ping = ("ping", "-6", "-n", "-c", "1", "-w", "30")
    there.run(*ping, "2001:db8:5:0:200:5efe:c000:201")  # the router itself
    here.run(*ping, address)
    assert re.match(f"{TIME}isatap host: IPv4 packets: [1-9]", ended(host, signal.SIGTERM, 0))
    assert re.match(f"{TIME}isatap router: IPv4 packets: [1-9]", ended(router, signal.SIGINT, 130))
    for namespace, device in ((here, "six"), (there, "isatap")):
        assert device not in namespace.run("ip", "link")


@pytest.mark.slow
def test_6to4_sends_native_destinations_to_its_relay(pair: Pair, running: ExitStack) -> None:
    here, there = pair
    with there.entered():
        relay = socket.socket(socket.AF_INET, socket.SOCK_RAW, 41)
    with relay:
        relay.settimeout(60)
        at = ["--local", "192.0.2.1", "--relay", "192.0.2.2"]
        router = start(running, here, "6to4", *at)
        router.until("6to4 router: 192.0.2.1, prefix 2002:c000:201::/48, relay 192.0.2.2, ")
        shown = here.run("ip", "-6", "route")
        assert "2002::/16 dev 6to4" in shown
        assert "default dev 6to4" in shown
        with here.entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as program:
            assert program.sendto(b"question", ("2a00:1::1", 4_242)) == 8
        packet = relay.recv(2_000)
    assert packet[-8:] == b"question"
    assert packet[20 + 8 : 20 + 24].startswith(packed("2002:c000:201::")[:6])
    ended(router, signal.SIGTERM, 0)


class Ready(Exception):
    """All is open, and privileges would be dropped now."""


class Seen:
    """What stood when privileges would be dropped."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self.kept: tuple[int, ...] = ()
        self.shown = ""

    def drop(self, user: privileges.Account, *kept: int) -> None:
        self.kept = kept
        for what in ("route", "address", "link"):
            self.shown += self._namespace.run("ip", "-6", what)
        raise Ready


@pytest.fixture
def seen(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """In the first of the pair, where nothing is driven."""
    seen = Seen(pair[0])
    monkeypatch.setattr(privileges, "drop", seen.drop)
    with pair[0].entered():
        yield seen


def ready(settings: RouterSettings) -> None:
    with pytest.raises(Ready):
        run_router(settings, PLACE, BEYOND)


@pytest.mark.parametrize("settings", [PEER, GreSettings(HERE, THERE)])
def test_the_networks_beyond_are_led_to_the_tunnel(settings: RouterSettings, seen: Seen) -> None:
    ready(settings)
    assert "2001:3::/64 dev six" in seen.shown
    assert seen.kept == ()


def test_everything_is_led_there_behind_native_routes(seen: Seen) -> None:
    with pytest.raises(Ready):
        run_router(PEER, PLACE, ((bytes(16), 0),))
    assert "default dev six proto static metric 1029" in seen.shown


def test_6to4_without_a_relay_leads_6to4_alone(seen: Seen) -> None:
    ready(SixToFourSettings(HERE, None))
    assert "2002::/16 dev six" in seen.shown
    assert "inet6 2002:c000:201:" in seen.shown
    assert "default dev six" not in seen.shown


def test_a_host_may_change_its_interface(seen: Seen) -> None:
    with pytest.raises(Ready):
        run_isatap_host(HOST, PLACE)
    assert seen.kept == (privileges.NET_ADMIN,)


@pytest.mark.parametrize(
    "settings",
    [PeerSettings(HERE, THERE, LinkSettings(1_400)), GreSettings(HERE, THERE, mtu=1_400)],
)
def test_the_device_has_the_tunnels_mtu(settings: RouterSettings, seen: Seen) -> None:
    ready(settings)
    assert re.search(r"six: .* mtu 1400 ", seen.shown)


def test_what_gre_does_besides_is_told(seen: Seen, capsys: pytest.CaptureFixture[str]) -> None:
    ready(GreSettings(HERE, THERE, 0, sequence=True, checksum=True))
    told = capsys.readouterr().err
    assert "gre router: 192.0.2.1, remote 192.0.2.2, key 0, sequence, checksum, inter" in told


@pytest.mark.parametrize("settings", ALL)
@pytest.mark.parametrize(("forwarding", "warned"), [("0", True), ("1", False)])
def test_a_router_says_if_nothing_is_forwarded(
    forwarding: str,
    warned: bool,
    settings: RouterSettings,
    seen: Seen,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path(routing._FORWARDING).write_text(forwarding)
    ready(settings)
    assert ("IPv6 is not forwarded: `sysctl" in capsys.readouterr().err) == warned


@pytest.mark.parametrize(("module", "settings"), [("sit", PEER), ("ip_gre", ALL[1])])
def test_a_kernel_that_takes_the_same_packets_is_told(
    module: str,
    settings: RouterSettings,
    seen: Seen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(routers, "_MODULES", tmp_path)
    ready(settings)
    assert "the kernel's module" not in capsys.readouterr().err
    (tmp_path / module).mkdir()
    ready(settings)
    told = capsys.readouterr().err
    assert f"the kernel's module {module} answers the same packets with ICMP errors: `mod" in told


@pytest.mark.usefixtures("seen")
class TestRefused:
    @pytest.mark.parametrize("ip", ["0.0.0.0", "127.0.0.1", "224.0.0.1"])
    def test_an_address_that_reaches_nothing(self, ip: str) -> None:
        text = rf"nothing is reached from {re.escape(ip)}"
        with pytest.raises(ConfigError, match=text):
            run_router(PeerSettings(packed(ip), THERE), PLACE, BEYOND)
        with pytest.raises(ConfigError, match=text):
            run_isatap_host(IsatapHostSettings(packed(ip), (THERE,)), PLACE)

    def test_a_private_address_for_6to4(self) -> None:
        with pytest.raises(ConfigError, match=r"10\.0\.0\.1 gives no 6to4 prefix: name a global"):
            run_router(SixToFourSettings(packed("10.0.0.1")), PLACE)

    @pytest.mark.parametrize("settings", [ISATAP, SixToFourSettings(HERE, None)])
    def test_an_address_that_the_kernel_does_not_give(
        self, settings: RouterSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(tun: Tun, address: bytes, bits: int) -> None:
            raise OSError(99, "Cannot assign requested address")

        monkeypatch.setattr(Tun, "add_address", refuse)
        text = "interface six cannot have 200[12]:.*: Cannot assign .* --prefix: choose another"
        with pytest.raises(ConfigError, match=text):
            run_router(settings, PLACE)

    def test_an_address_of_another_machine(self) -> None:
        text = r"192\.0\.2\.2 is no address of this machine"
        with pytest.raises(ConfigError, match=text):
            run_router(PeerSettings(THERE, HERE), PLACE, BEYOND)

    def test_a_network_that_another_interface_has(self, pair: Pair) -> None:
        pair[0].run("ip", "-6", "route", "add", "2001:3::/64", "dev", "cable")
        with pytest.raises(ConfigError, match="another interface has the route to 2001:3::/64"):
            run_router(PEER, PLACE, BEYOND)
        assert "six" not in pair[0].run("ip", "link")

    def test_who_is_not_root(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 1_000)
        with pytest.raises(ConfigError, match="takes root"):
            run_router(PEER, PLACE, BEYOND)
        with pytest.raises(ConfigError, match="takes root"):
            run_isatap_host(HOST, PLACE)
