from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import pytest

from sensor.errors import ConfigError
from sensor.lab.live import routing
from sensor.lab.live.log import Log
from sensor.lab.live.netlink import Route
from sensor.lab.live.routing import METRIC, lead, need_own, warn_unless_forwarding
from sensor.lab.live.tun import Tun
from sensor.wire.addresses import packed
from tests.lab.live.conftest import Namespace, Namespaces

NETWORK = Route(packed("2001:3::"), 64, METRIC)


@pytest.mark.parametrize("ip", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_an_address_that_nobody_reaches_is_refused(ip: str) -> None:
    with pytest.raises(ConfigError, match=f"nothing is reached from {ip}: bind to a unicast"):
        need_own(packed(ip))
    need_own(packed("10.0.0.1"))


def test_a_network_is_led_to_the_device(namespaces: Namespaces) -> None:
    namespace = namespaces()
    with namespace.entered(), closing(Tun("six")) as tun:
        lead(tun, NETWORK)
        assert "2001:3::/64 dev six proto static metric 1024" in namespace.run("ip", "-6", "route")


def test_what_another_link_has_is_not_taken_from_it(pair: tuple[Namespace, Namespace]) -> None:
    here = pair[0]
    here.run("ip", "-6", "route", "add", "2001:3::/64", "dev", "cable")
    text = "another interface has the route to 2001:3::/64: .*`ip -6 route delete 2001:3::/64`"
    with here.entered(), closing(Tun("six")) as tun, pytest.raises(ConfigError, match=text):
        lead(tun, NETWORK)
    assert "2001:3::/64 dev cable" in here.run("ip", "-6", "route")


def test_a_source_that_is_elsewhere_is_told(namespaces: Namespaces) -> None:
    route = Route(packed("2001:3::"), 64, METRIC, packed("2a00:db8:1::1"))
    text = r"no route from 2a00:db8:1::1: is 2a00:db8:1::1 an address of this machine\?"
    refused = pytest.raises(ConfigError, match=text)
    with namespaces().entered(), closing(Tun("six")) as tun, refused:
        lead(tun, route)


def test_other_refusals_are_told_too(
    namespaces: Namespaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(tun: Tun, route: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(Tun, "add_route", refuse)
    refused = pytest.raises(ConfigError, match="no route to six: Operation not supported")
    with namespaces().entered(), closing(Tun("six")) as tun, refused:
        lead(tun, NETWORK)


@pytest.mark.parametrize(("forwarding", "told"), [("0", True), ("1", False)])
def test_a_router_says_if_nothing_is_forwarded(
    forwarding: str, told: bool, namespaces: Namespaces
) -> None:
    stream = io.StringIO()
    with namespaces().entered():
        Path(routing._FORWARDING).write_text(forwarding)
        warn_unless_forwarding(Log("router", stream))
    assert ("IPv6 is not forwarded: `sysctl" in stream.getvalue()) == told
