"""A client's end of its tunnel: what all its parts know, how they send, and what they count."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sensor.lab.machine import Datagram, Event, Outbox
from sensor.lab.teredo.settings import ClientSettings
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from sensor.wire import addresses
from sensor.wire.ports import TEREDO_PORT

if TYPE_CHECKING:
    from random import Random

_CONE = addresses.FLAG_CONE >> 8  # in the first octet of an interface identifier


class Link:
    """The client's addresses, settings, chance and outbox, shared by its parts."""

    def __init__(self, settings: ClientSettings, rng: Random) -> None:
        self.settings = settings
        self.style = settings.style
        self.rng = rng
        self.outbox = Outbox()
        self.drops: Counter[str] = Counter()
        self.server = Endpoint(settings.server, TEREDO_PORT)
        self.second = Endpoint(settings.second, TEREDO_PORT)
        self.address: bytes | None = None  # while qualified
        self.mapped: Endpoint | None = None  # the last that was learned
        self.nat = NatType.UNKNOWN

    @property
    def extended(self) -> bool:
        """Whether it speaks RFC 6081's trailers."""
        return self.style.trailers and self.settings.symmetric

    def link_local(self, cone: bool = False) -> bytes:
        """The link-local address that solicitations come from (RFC 4380 section 5.2.1)."""
        identifier = self.style.soliciting
        if cone:
            identifier = bytes([identifier[0] | _CONE]) + identifier[1:]
        return addresses.LINK_LOCAL_PREFIX + identifier

    def is_server(self, end: Endpoint) -> bool:
        return end in (self.server, self.second)

    def teredo(self, address: bytes) -> addresses.TeredoAddress | None:
        """What a Teredo address says; the former prefix counts only for those who use it."""
        found = addresses.parse_teredo(address)
        if found is None or (found.legacy and not self.style.legacy_prefix):
            return None
        return found

    def may_reach(self, ip: bytes) -> bool:
        """Whether packets may go to an IPv4 address that a stranger names (RFC 4380 5.2.4)."""
        return addresses.is_global_unicast(ip) and not self.is_broadcast(ip)

    def in_subnet(self, ip: bytes) -> bool:
        """Whether an IPv4 address belongs to the client's own network."""
        return self._network(ip) == self._network(self.settings.local.ip)

    def _network(self, ip: bytes) -> int:
        return int.from_bytes(ip) >> (32 - self.settings.network_bits)

    def is_broadcast(self, ip: bytes) -> bool:
        """Whether an IPv4 address means all hosts of the client's own network."""
        hosts = (1 << (32 - self.settings.network_bits)) - 1
        return hosts > 1 and self.in_subnet(ip) and int.from_bytes(ip) & hosts == hosts

    def send(
        self,
        payload: bytes,
        destination: Endpoint,
        packet: TeredoPacket,
        *,
        source: Endpoint | None = None,
        ttl: int = 64,
    ) -> None:
        """Put a datagram in the outbox; from the service end unless ``source`` says another."""
        end = source or self.settings.local
        self.outbox.datagrams.append(Datagram(end, destination, payload, packet, ttl))

    def tell(
        self, what: str, text: str, address: bytes | None = None, end: Endpoint | None = None
    ) -> None:
        self.outbox.events.append(Event(what, text, address, end))


def end_text(end: Endpoint) -> str:
    """An IPv4 endpoint as people write it."""
    return f"{addresses.text(end.ip)}:{end.port}"
