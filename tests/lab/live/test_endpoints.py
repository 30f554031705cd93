"""The commands in processes of their own, between namespaces; what is wrong, in this one."""

from __future__ import annotations

import os
import pwd
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from sensor.errors import ConfigError
from sensor.lab.live import privileges, routing
from sensor.lab.live.endpoints import Place, run_client, run_relay, run_server
from sensor.lab.live.tun import Tun
from sensor.lab.teredo.settings import ClientSettings, RelaySettings, ServerSettings
from sensor.schema.records import Endpoint
from sensor.wire.addresses import UNSPECIFIED, packed
from tests.lab.live.conftest import Namespace, Namespaces
from tests.lab.live.running import SOON, TIME, Running

SERVER, SECOND = packed("198.51.100.1"), packed("198.51.100.2")
LOCAL = Endpoint(packed("192.0.2.1"), 0)
ANYWHERE = Endpoint(bytes(4), 0)
HOST = packed("2a00:db8:1::1")
SITE = (packed("2a00:db8::"), 32)
NOBODY = pwd.getpwnam("nobody")

Pair = tuple[Namespace, Namespace]


@pytest.fixture
def routed(pair: Pair) -> Pair:
    """A client's network, and one with a server's two addresses and a native host."""
    here, there = pair
    for address in ("198.51.100.1/32", "198.51.100.2/32"):
        there.run("ip", "address", "add", address, "dev", "cable")
    there.run("ip", "address", "add", "2a00:db8:1::1/128", "dev", "lo", "nodad")
    here.run("ip", "route", "add", "default", "via", "192.0.2.2")
    return pair


def asked(asking: Namespace, serving: Namespace, address: str) -> str:
    """From which address a TCP service at ``address`` was asked, and answered."""
    with serving.entered():
        service = socket.create_server((address, 4_242), family=socket.AF_INET6)
    with service:
        with asking.entered():
            connection = socket.create_connection((address, 4_242), SOON)
        accepted, sender = service.accept()
        with connection, accepted:
            accepted.sendall(b"answer")
            assert connection.recv(100) == b"answer"
    return str(sender[0])


@pytest.mark.slow
def test_a_client_a_server_and_a_host_relay_on_real_sockets(
    routed: Pair, running: ExitStack
) -> None:
    here, there = routed

    def start(namespace: Namespace, *arguments: str) -> Running:
        return running.enter_context(closing(Running(namespace, *arguments)))

    server = start(there, "server", "198.51.100.1", "198.51.100.2")
    relay = start(there, "relay", "--bind", "192.0.2.2:3545", "--host", "2a00:db8:1::1")
    server.until(r"198\.51\.100\.1:3544 and 198\.51\.100\.2:3544, user nobody")
    relay.until(r"192\.0\.2\.2:3545, 2a00:db8:1::1, interface teredo, user nobody")
    client = start(here, "client", "198.51.100.1", "--interface", "six")
    address = client.until(
        f"^{TIME}client: qualified, NAT restricted, address (2001:0:c633:6401:[0-9a-f:]+),"
        r" via 198\.51\.100\.1$"
    )[1]
    assert f"inet6 {address}/32" in here.run("ip", "-6", "address", "show", "dev", "six")
    assert "default dev six" in here.run("ip", "-6", "route")
    assert asked(here, there, "2a00:db8:1::1") == address
    assert asked(there, here, address) == "2a00:db8:1::1"
    for endpoint in (server, relay, client):
        status = endpoint.status()
        assert status["Uid"] == [str(NOBODY.pw_uid)] * 4
        assert status["NoNewPrivs"] == ["1"]
    kept = f"{1 << privileges.NET_ADMIN:016x}"
    assert client.status()["CapEff"] == client.status()["CapPrm"] == [kept]
    assert server.status()["CapPrm"] == relay.status()["CapPrm"] == ["0" * 16]
    assert client.stop(signal.SIGTERM) == 0
    assert relay.stop(signal.SIGINT) == 130
    assert server.stop(signal.SIGTERM) == 0
    for endpoint, role in ((server, "server"), (relay, "relay"), (client, "client")):
        totals, dropped = endpoint.told[-2:]
        assert re.match(f"{TIME}{role}: UDP datagrams: [1-9]", totals)
        assert re.match(f"{TIME}{role}: dropped: ", dropped)
    assert "six" not in here.run("ip", "link")


@pytest.mark.slow
def test_who_loses_the_interface_fails(routed: Pair, running: ExitStack) -> None:
    here, _ = routed
    client = running.enter_context(closing(Running(here, "client", "198.51.100.1")))
    client.until("interface teredo, user nobody")
    here.run("ip", "link", "delete", "teredo")
    client.until("^sensor: error: the interface is gone: ")
    assert client.stop(signal.SIGCONT) == 1


@contextmanager
def refused(text: str) -> Iterator[None]:
    with pytest.raises(ConfigError, match=text):
        yield


@pytest.fixture
def _staying_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails before privileges are dropped must not drop those of this process."""

    def keep(user: privileges.Account, *kept: int) -> None:
        raise AssertionError("nothing was wrong")

    monkeypatch.setattr(privileges, "drop", keep)


@pytest.mark.usefixtures("_staying_root")
class TestRefused:
    def test_who_is_not_root(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1_000)
        with refused("takes root"):
            run_client(ClientSettings(SERVER, ANYWHERE), Place())
        with refused("takes root"):
            run_server(ServerSettings(SERVER, SECOND), Place())
        with refused("takes root"):
            run_relay(RelaySettings(LOCAL, HOST, (SITE,)), Place())

    @pytest.mark.parametrize("server", ["10.0.0.1", "127.0.0.1", "224.0.0.1"])
    def test_a_server_that_is_not_global(self, server: str) -> None:
        text = rf"{re.escape(server)} cannot be a server's address: .*laboratory 192\.0\.2\.0/24"
        with refused(text):
            run_client(ClientSettings(packed(server), ANYWHERE), Place())
        with refused(text):
            run_server(ServerSettings(SERVER, packed(server)), Place())

    def test_an_address_of_another_machine(self, namespaces: Namespaces) -> None:
        with namespaces().entered():
            with refused(r"198\.51\.100\.1 is no address of this machine"):
                run_server(ServerSettings(SERVER, SECOND), Place())
            with refused(r"192\.0\.2\.1 is no address of this machine"):
                run_client(ClientSettings(SERVER, LOCAL), Place())
            with refused(r"192\.0\.2\.1 is no address of this machine"):
                run_relay(RelaySettings(LOCAL, HOST, ((HOST, 128),)), Place())

    def test_a_machine_without_a_way_to_the_server(self, namespaces: Namespaces) -> None:
        with namespaces().entered(), refused(r"no route to 198\.51\.100\.1: .*--bind"):
            run_client(ClientSettings(SERVER, ANYWHERE), Place())

    def test_a_relay_without_a_way_to_those_it_serves(self, pair: Pair) -> None:
        far, all_of_it = (packed("2a00:ffff::"), 32), (bytes(16), 0)
        with pair[0].entered():
            with refused("no route to 2a00:ffff::: name a source"):
                run_relay(RelaySettings(LOCAL, UNSPECIFIED, (far,)), Place())
            with refused("no route to 2000::: name a source"):
                run_relay(RelaySettings(LOCAL, UNSPECIFIED, (all_of_it,)), Place())

    def test_a_relay_at_no_address(self) -> None:
        with refused("a relay has one address, .*: name it with --bind"):
            run_relay(RelaySettings(ANYWHERE, HOST, ((HOST, 128),)), Place())

    def test_a_host_that_is_elsewhere(self, pair: Pair) -> None:
        with pair[0].entered(), refused(r"is 2a00:db8:1::1 an address of this machine\?"):
            run_relay(RelaySettings(LOCAL, HOST, ((HOST, 128),)), Place())

    def test_a_name_that_is_taken(self, routed: Pair) -> None:
        with routed[0].entered(), closing(Tun("six")), refused("another program holds it"):
            run_client(ClientSettings(SERVER, ANYWHERE), Place("six"))

    @pytest.mark.parametrize("ip", ["127.0.0.1", "224.0.0.1", "255.255.255.255"])
    def test_an_end_that_reaches_nothing(self, ip: str) -> None:
        local, text = Endpoint(packed(ip), 0), rf"nothing is reached from {re.escape(ip)}: bind to"
        with refused(text):
            run_client(ClientSettings(SERVER, local), Place())
        with refused(text):
            run_relay(RelaySettings(local, HOST, ((HOST, 128),)), Place())

    def test_an_interval_port_that_is_the_clients_own(self, routed: Pair) -> None:
        with routed[0].entered(), refused("port 4545 is both ends': choose another interval_port"):
            run_client(
                ClientSettings(SERVER, Endpoint(bytes(4), 4_545), interval_port=4_545), Place()
            )

    def test_a_prefix_that_is_led_to_another_interface(self, pair: Pair) -> None:
        pair[0].run("ip", "-6", "route", "add", "2001::/32", "dev", "cable", "metric", "1024")
        with pair[0].entered(), refused(r"another interface has the route to 2001::/32: end the"):
            run_relay(RelaySettings(LOCAL, UNSPECIFIED, (SITE,)), Place())
        assert "2001::/32 dev cable" in pair[0].run("ip", "-6", "route")

    def test_a_prefix_that_cannot_be_led_to_the_relay(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(tun: Tun, route: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(Tun, "add_route", refuse)
        with pair[0].entered(), refused("no route to teredo: Operation not supported"):
            run_relay(RelaySettings(LOCAL, UNSPECIFIED, (SITE,)), Place())


class Ready(Exception):
    """All is open, and privileges would be dropped now."""


@pytest.mark.parametrize(("forwarding", "warned"), [("0", True), ("1", False)])
def test_a_relay_for_others_says_if_nothing_is_forwarded(
    forwarding: str,
    warned: bool,
    pair: Pair,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ready(user: privileges.Account, *kept: int) -> None:
        routes.append(pair[0].run("ip", "-6", "route"))
        raise Ready

    routes: list[str] = []
    monkeypatch.setattr(privileges, "drop", ready)
    with pair[0].entered():
        Path(routing._FORWARDING).write_text(forwarding)
        with pytest.raises(Ready):
            run_relay(RelaySettings(LOCAL, UNSPECIFIED, (SITE,)), Place())
    told = capsys.readouterr().err
    assert "2a00:db8::1, interface teredo" in told
    assert ("IPv6 is not forwarded: `sysctl" in told) == warned
    assert "2001::/32 dev teredo proto static metric 1024" in routes[0]


def test_discovery_is_joined_where_it_is_asked_for(
    routed: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ready(user: privileges.Account, *kept: int) -> None:
        assert kept == (privileges.NET_ADMIN,)
        groups.append(routed[0].run("ip", "maddress", "show", "dev", "cable"))
        raise Ready

    groups: list[str] = []
    monkeypatch.setattr(privileges, "drop", ready)
    for asked in (False, True):
        settings = ClientSettings(SERVER, ANYWHERE, local_discovery=asked)
        with routed[0].entered(), pytest.raises(Ready):
            run_client(settings, Place())
    assert ["224.0.0.253" in shown for shown in groups] == [False, True]
