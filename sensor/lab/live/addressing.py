"""The address that a client or host was given, on its interface for as long as it has it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from sensor.lab.live.log import Log
from sensor.lab.live.netlink import Route
from sensor.wire.addresses import UNSPECIFIED, text

PREFIX_BITS = 32  # of Teredo's prefix: other clients are reached by the interface
# Behind native routes, which the kernel gives 1024: a tunnel is the last resort (RFC 4380 5.5).
EVERYWHERE = Route(UNSPECIFIED, 0, 1_029, shared=True)
# Somebody else took it away, or the interface was down for a while.
_GONE = (errno.ESRCH, errno.EADDRNOTAVAIL)


class Interface(Protocol):
    """What has addresses and routes; OSError where the kernel refuses."""

    def add_address(self, address: bytes, bits: int) -> None: ...

    def remove_address(self, address: bytes, bits: int) -> None: ...

    def add_route(self, route: Route) -> None: ...

    def remove_route(self, route: Route) -> None: ...


class Addressing:
    """Keeps an interface as its owner is: without an address, nothing is led to it.

    ``bits`` of the address are the prefix of all that are reached directly.
    """

    def __init__(self, interface: Interface, log: Log, bits: int = PREFIX_BITS) -> None:
        self._interface = interface
        self._log = log
        self._bits = bits
        self._given: bytes | None = None

    def follow(self, address: bytes | None) -> None:
        """The owner's address is ``address`` now, None for none."""
        before = self._given
        if address == before:
            return
        # Also where the kernel refuses: it would refuse again with the next packet.
        self._given = address
        try:
            self._change(before, address)
        except OSError as error:
            named = text(address) if address else "no address"
            self._log.say(f"the interface does not follow to {named}: {error.strerror}")

    def _change(self, before: bytes | None, address: bytes | None) -> None:
        """The new one first, so that the prefix keeps its route meanwhile."""
        if address is not None:
            self._interface.add_address(address, self._bits)
            with suppress(FileExistsError):  # its own, for the address before
                self._interface.add_route(EVERYWHERE)
        else:
            _unless_gone(lambda: self._interface.remove_route(EVERYWHERE))
        if before is not None:
            _unless_gone(lambda: self._interface.remove_address(before, self._bits))


def _unless_gone(remove: Callable[[], None]) -> None:
    try:
        remove()
    except OSError as error:
        if error.errno not in _GONE:
            raise
