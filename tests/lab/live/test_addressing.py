from __future__ import annotations

import errno
import io
import os

from sensor.lab.live.addressing import EVERYWHERE, Addressing
from sensor.lab.live.log import Log
from sensor.lab.live.netlink import Route

OLD = bytes.fromhex("20010000c6336401100063bf34ff8ef5")
NEW = bytes.fromhex("20010000c6336401100063be34ff8ef5")


class Interface:
    """Notes what it is asked; ``refusing`` what the kernel does not do, and why."""

    def __init__(self, refusing: str = "", code: int = errno.ENODEV, bits: int = 32) -> None:
        self.bits = bits
        self.refusing = refusing
        self.code = code
        self.asked: list[tuple[str, object]] = []

    def _note(self, what: str, about: object) -> None:
        self.asked.append((what, about))
        if what == self.refusing:
            raise OSError(self.code, os.strerror(self.code))

    def add_address(self, address: bytes, bits: int) -> None:
        assert bits == self.bits
        self._note("add", address)

    def remove_address(self, address: bytes, bits: int) -> None:
        assert bits == self.bits
        self._note("remove", address)

    def add_route(self, route: Route) -> None:
        self._note("lead", route)

    def remove_route(self, route: Route) -> None:
        self._note("lead no longer", route)


def followed(
    *addresses: bytes | None, refusing: str = "", code: int = errno.ENODEV
) -> tuple[Interface, str]:
    interface, told = Interface(refusing, code), io.StringIO()
    addressing = Addressing(interface, Log("client", told))
    for address in addresses:
        addressing.follow(address)
    return interface, told.getvalue()


def test_nothing_is_done_before_the_client_is_qualified() -> None:
    assert followed(None, None)[0].asked == []


def test_a_qualified_client_has_its_address_and_the_default_route_once() -> None:
    assert followed(OLD, OLD, OLD)[0].asked == [("add", OLD), ("lead", EVERYWHERE)]


def test_a_new_address_comes_before_the_old_one_goes() -> None:
    asked = followed(OLD, NEW)[0].asked
    assert asked[2:] == [("add", NEW), ("lead", EVERYWHERE), ("remove", OLD)]


def test_an_off_line_client_has_neither_address_nor_route() -> None:
    asked = followed(OLD, None)[0].asked
    assert asked[2:] == [("lead no longer", EVERYWHERE), ("remove", OLD)]


def test_a_kernel_that_refuses_is_told_and_not_asked_again() -> None:
    interface, told = followed(OLD, OLD, refusing="add")
    assert interface.asked == [("add", OLD)]
    assert told.endswith(
        "client: the interface does not follow to 2001:0:c633:6401:1000:63bf:34ff:8ef5:"
        " No such device\n"
    )
    assert "does not follow to no address" in followed(OLD, None, refusing="remove")[1]


def test_what_somebody_else_took_away_is_gone_as_well() -> None:
    """The address goes though the route is gone: it would be chosen for new packets."""
    interface, told = followed(OLD, None, refusing="lead no longer", code=errno.ESRCH)
    assert interface.asked[2:] == [("lead no longer", EVERYWHERE), ("remove", OLD)]
    assert told == ""
    assert followed(OLD, None, refusing="remove", code=errno.EADDRNOTAVAIL)[1] == ""


def test_the_route_of_the_address_before_stays() -> None:
    interface, told = followed(OLD, refusing="lead", code=errno.EEXIST)
    assert interface.asked == [("add", OLD), ("lead", EVERYWHERE)]
    assert told == ""


def test_another_prefix_is_as_long_as_it_is_said_to_be() -> None:
    interface = Interface(bits=64)
    addressing = Addressing(interface, Log("isatap host", io.StringIO()), 64)
    for address in (OLD, NEW, None):
        addressing.follow(address)
    asked = [what for what in interface.asked if what[0] in ("add", "remove")]
    assert asked == [("add", OLD), ("add", NEW), ("remove", OLD), ("remove", NEW)]
