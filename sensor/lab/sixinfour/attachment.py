"""What a host learns from advertisements: its routers, prefixes and address, told as events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from sensor.lab.machine import Event, Outbox
from sensor.lab.sixinfour.prefixes import Prefixes
from sensor.lab.sixinfour.routers import Routers
from sensor.schema.records import Endpoint
from sensor.wire.addresses import LINK_LOCAL_PREFIX, text
from sensor.wire.icmpv6 import RouterAdvertisement

_IP = slice(12, 16)  # of a router's link-local address, where both ISATAP and 6over4 embed it


class Attachment:
    """``form`` makes the host's address under a prefix of 8 octets."""

    def __init__(self, form: Callable[[bytes], bytes], drops: Counter[str], outbox: Outbox) -> None:
        self.prefixes = Prefixes(form, drops)
        self.routers = Routers(drops)
        self._outbox = outbox

    @property
    def address(self) -> bytes | None:
        return self.prefixes.address

    @property
    def addresses(self) -> Collection[bytes]:
        return self.prefixes.addresses

    @property
    def router(self) -> bytes | None:
        """The link-local address of the router in use."""
        return self.routers.first

    @property
    def until(self) -> float:
        """When the first of all this ends, in seconds; infinity if nothing does."""
        ends = (self.routers.due, self.prefixes.valid_until)
        return min(end for end in ends if end is not None)

    @property
    def due(self) -> float | None:
        """When ``expire`` has something to do next."""
        times = (self.routers.due, self.prefixes.due)
        return min((time for time in times if time is not None), default=None)

    def on_link(self, address: bytes) -> bool:
        return address.startswith(LINK_LOCAL_PREFIX) or address in self.prefixes

    def take(self, router: bytes, said: RouterAdvertisement, now: float) -> None:
        """What the router with this link-local address advertises (RFC 4861 section 6.3.4)."""
        known = router in self.routers
        if not said.router_lifetime:
            if known:
                self.routers.remove(router)
                self._lost(router)
        elif self.routers.renew(router, said.router_lifetime, now) and not known:
            self._tell("router-found", f"router {text(router[_IP])}", router, router[_IP])
        former = self.address
        for prefix in said.prefixes:
            self.prefixes.learn(prefix, now)
        self._tell_address(former)

    def expire(self, now: float) -> None:
        """Forget whose time is over."""
        for router in self.routers.expire(now):
            self._lost(router)
        former = self.address
        self.prefixes.expire(now)
        self._tell_address(former)

    def clear(self) -> None:
        self.routers.clear()
        self.prefixes.clear()

    def _lost(self, router: bytes) -> None:
        self._tell("router-lost", f"lost router {text(router[_IP])}", router, router[_IP])

    def _tell_address(self, former: bytes | None) -> None:
        address = self.address
        if address is None and former is not None:
            self._tell("address-lost", f"lost address {text(former)}", former)
        elif address is not None and address != former:
            self._tell("address", f"address {text(address)}", address)

    def _tell(self, what: str, sentence: str, address: bytes, ip: bytes | None = None) -> None:
        end = None if ip is None else Endpoint(ip, 0)
        self._outbox.events.append(Event(what, sentence, address, end))
