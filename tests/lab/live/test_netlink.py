"""What the kernel does when asked, as `ip` shows it."""

from __future__ import annotations

import socket

import pytest

from sensor.lab.live import netlink
from sensor.lab.live.netlink import Route
from sensor.wire.addresses import packed
from tests.lab.live.conftest import Namespace

ADDRESS = packed("2001:0:c633:6401:1000:63bf:34ff:8ef5")
TEREDO = Route(packed("2001::"), 32, 1_024)

Pair = tuple[Namespace, Namespace]


def index() -> int:
    return socket.if_nametoindex("cable")


def test_a_link_gets_its_mtu_and_its_queue_and_is_up(pair: Pair) -> None:
    with pair[0].entered():
        pair[0].run("ip", "link", "set", "cable", "down")
        netlink.raise_link(index(), mtu=1_280, queue=77)
    shown = pair[0].run("ip", "link", "show", "cable")
    assert "mtu 1280" in shown
    assert "qlen 77" in shown
    assert ",UP" in shown


def test_an_address_comes_and_goes_with_its_prefix(pair: Pair) -> None:
    with pair[0].entered():
        netlink.add_address(index(), ADDRESS, 32)
        netlink.add_address(index(), ADDRESS, 32)  # again: nothing changes
        shown = pair[0].run("ip", "-6", "address", "show", "dev", "cable", "scope", "global")
        assert "inet6 2001:0:c633:6401:1000:63bf:34ff:8ef5/32" in shown
        assert "tentative" not in shown
        assert "2001::/32 dev cable" in pair[0].run("ip", "-6", "route")
        netlink.remove_address(index(), ADDRESS, 32)
    assert "2001:" not in pair[0].run("ip", "-6", "address")
    assert "2001::/32" not in pair[0].run("ip", "-6", "route")


def test_a_route_leads_to_the_link_from_its_source(pair: Pair) -> None:
    with pair[0].entered():
        netlink.add_route(index(), Route(TEREDO.prefix, 32, 1_024, packed("2a00:db8::1")))
        netlink.add_route(index(), Route(bytes(16), 0, 1_029))
    shown = pair[0].run("ip", "-6", "route")
    assert "2001::/32 dev cable proto static src 2a00:db8::1 metric 1024" in shown
    assert "default dev cable proto static metric 1029" in shown


def test_a_route_can_be_taken_back(pair: Pair) -> None:
    with pair[0].entered():
        netlink.add_route(index(), TEREDO)
        netlink.remove_route(index(), TEREDO)
        with pytest.raises(ProcessLookupError):
            netlink.remove_route(index(), TEREDO)
    assert "2001::/32" not in pair[0].run("ip", "-6", "route")


def test_what_the_kernel_refuses_is_an_error_with_its_reason(pair: Pair) -> None:
    with pair[0].entered():
        with pytest.raises(OSError, match="Cannot assign requested address"):
            netlink.remove_address(index(), ADDRESS, 32)
        with pytest.raises(OSError, match="No such device"):
            netlink.raise_link(4_711, mtu=1_280, queue=1)
        with pytest.raises(OSError, match="Invalid argument"):
            netlink.add_route(index(), Route(TEREDO.prefix, 32, 1_024, ADDRESS))


def test_a_route_of_another_link_is_never_replaced(pair: Pair) -> None:
    """Whose it is would be without it, and nobody would give it back."""
    shared = Route(bytes(16), 0, 1_029, shared=True)
    with pair[0].entered():
        pair[0].run("ip", "link", "add", "other", "type", "bridge")
        pair[0].run("ip", "link", "set", "other", "up")
        for route in (TEREDO, shared):
            netlink.add_route(socket.if_nametoindex("other"), route)
        with pytest.raises(FileExistsError):
            netlink.add_route(index(), TEREDO)
        netlink.add_route(index(), shared)
        with pytest.raises(FileExistsError):
            netlink.add_route(index(), shared)
        assert "default dev cable" in pair[0].run("ip", "-6", "route")
        netlink.remove_route(index(), shared)
    shown = pair[0].run("ip", "-6", "route")
    assert "2001::/32 dev other proto static metric 1024" in shown
    assert "default dev other proto static metric 1029" in shown
    assert "dev cable proto static" not in shown
