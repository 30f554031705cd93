"""When a router advertises by multicast, and what (RFC 4861 section 6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sensor.lab.sixinfour.prefixes import AUTONOMOUS, ON_LINK, PREFIX_BITS
from sensor.wire.icmpv6 import Option, PrefixInformation, RouterAdvertisement

if TYPE_CHECKING:
    from random import Random

# Seconds (RFC 4861 sections 6.2.1 and 10).
INTERVAL = (200.0, 600.0)
INITIAL_INTERVAL = 16.0
INITIAL = 3  # advertisements that follow each other so soon
BETWEEN = 3.0  # two advertisements to all, at least

HOP_LIMIT = 64  # that hosts shall use


class Lifetimes(NamedTuple):
    """Of the router and of its prefix, in seconds."""

    router: int
    preferred: int
    valid: int


LIFETIMES = Lifetimes(router=1_800, preferred=604_800, valid=2_592_000)


class Advertising:
    """The schedule of one router; ``due`` in seconds."""

    def __init__(self, rng: Random) -> None:
        self.due: float | None = None
        self._rng = rng
        self._sent = 0
        self._last = float("-inf")

    def start(self, now: float) -> None:
        self._sent, self.due = 0, now

    def stop(self) -> None:
        self.due = None

    def asked(self, now: float) -> None:
        """Somebody without an address solicits: all are told, but not at every word of his."""
        if self.due is not None:
            self.due = min(self.due, max(now, self._last + BETWEEN))

    def sent(self, now: float) -> None:
        """All have been told."""
        self._sent += 1
        self._last = now
        wait = self._rng.uniform(*INTERVAL)
        self.due = now + (wait if self._sent >= INITIAL else INITIAL_INTERVAL)


def build(prefix: bytes, lifetimes: Lifetimes, *options: Option) -> RouterAdvertisement:
    """An advertisement of a prefix of 8 octets, where hosts may form their addresses."""
    information = PrefixInformation(
        prefix_length=PREFIX_BITS,
        flags=ON_LINK | AUTONOMOUS,
        valid_lifetime=lifetimes.valid,
        preferred_lifetime=lifetimes.preferred,
        prefix=prefix + bytes(8),
    )
    return RouterAdvertisement(
        hop_limit=HOP_LIMIT,
        flags=0,
        router_lifetime=lifetimes.router,
        reachable=0,
        retransmit=0,
        prefixes=(information,),
        options=options,
    )
