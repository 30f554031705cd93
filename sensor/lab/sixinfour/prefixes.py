"""The prefixes that routers advertise to a host, and its address in one of them (RFC 4862)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from sensor.wire.icmpv6 import PrefixInformation

PREFIXES = 8  # a router of a site has one or two; who forges advertisements has any number
PREFIX_BITS = 64
PREFIX_OCTETS = PREFIX_BITS // 8
AUTONOMOUS = 0x40  # hosts may form addresses in it (RFC 4861 section 4.6.2)
ON_LINK = 0x80
FOR_EVER = 0xFFFFFFFF
# What no authenticated advertisement says shortens a lifetime to no less (RFC 4862 section 5.5.3).
TWO_HOURS = 7_200.0

UNFIT = "prefix-unfit"
TOO_MANY = "too-many-prefixes"

_ENDLESS = float("inf")
_NO_SITE = (b"\xfe", b"\xff")  # link-local, site-local and multicast addresses


class Prefix:
    """``address`` is the own one in it; times in seconds."""

    __slots__ = ("address", "preferred_until", "valid_until")

    def __init__(self, address: bytes, preferred_until: float, valid_until: float) -> None:
        self.address = address
        self.preferred_until = preferred_until
        self.valid_until = valid_until


class Prefixes:
    """Those that are valid; ``form`` makes the own address under 8 octets."""

    def __init__(self, form: Callable[[bytes], bytes], drops: Counter[str]) -> None:
        self.address: bytes | None = None  # the one to send from
        self.due: float | None = None  # when ``expire`` has something to do next
        self._form = form
        self._drops = drops
        self._known: dict[bytes, Prefix] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, address: bytes) -> bool:
        """Whether an address is under one of them."""
        return address[:PREFIX_OCTETS] in self._known

    @property
    def addresses(self) -> Collection[bytes]:
        """All own addresses."""
        return [prefix.address for prefix in self._known.values()]

    @property
    def valid_until(self) -> float:
        """When the first of them ends; infinity without any that does."""
        return min((prefix.valid_until for prefix in self._known.values()), default=_ENDLESS)

    def learn(self, found: PrefixInformation, now: float) -> None:
        """RFC 4862 section 5.5.3; what forms no address is passed over."""
        if not found.flags & AUTONOMOUS:
            return
        if not _fit(found):
            self._drops[UNFIT] += 1
            return
        octets = found.prefix[:PREFIX_OCTETS]
        known = self._known.get(octets)
        if known is not None:
            _renew(known, found, now)
        elif found.valid_lifetime:
            self._enter(octets, found, now)
        self._choose(now)

    def expire(self, now: float) -> None:
        """Forget those whose time is over."""
        self._known = {o: prefix for o, prefix in self._known.items() if prefix.valid_until > now}
        self._choose(now)

    def clear(self) -> None:
        self._known.clear()
        self.address = self.due = None

    def _enter(self, octets: bytes, found: PrefixInformation, now: float) -> None:
        if len(self._known) >= PREFIXES:
            self._drops[TOO_MANY] += 1
            return
        preferred = _until(found.preferred_lifetime, now)
        valid = _until(found.valid_lifetime, now)
        self._known[octets] = Prefix(self._form(octets), preferred, valid)

    def _choose(self, now: float) -> None:
        """A preferred address, else one that is still valid; the present one as long as it is."""
        times = [t for p in self._known.values() for t in (p.preferred_until, p.valid_until)]
        self.due = min((time for time in times if now < time < _ENDLESS), default=None)
        valid = sorted(self._known.values(), key=lambda prefix: prefix.address != self.address)
        preferred = [prefix for prefix in valid if prefix.preferred_until > now]
        self.address = next((prefix.address for prefix in preferred + valid), None)


def _fit(found: PrefixInformation) -> bool:
    """Of the length of an identifier's rest, and neither of a link, of multicast nor ::/64."""
    octets = found.prefix[:PREFIX_OCTETS]
    if found.prefix_length != PREFIX_BITS or found.preferred_lifetime > found.valid_lifetime:
        return False
    return octets != bytes(PREFIX_OCTETS) and not octets.startswith(_NO_SITE)


def _renew(known: Prefix, found: PrefixInformation, now: float) -> None:
    known.preferred_until = _until(found.preferred_lifetime, now)
    told, left = _until(found.valid_lifetime, now), known.valid_until - now
    if found.valid_lifetime > TWO_HOURS or told > known.valid_until:
        known.valid_until = told
    elif left > TWO_HOURS:
        known.valid_until = now + TWO_HOURS


def _until(lifetime: int, now: float) -> float:
    return _ENDLESS if lifetime == FOR_EVER else now + lifetime
