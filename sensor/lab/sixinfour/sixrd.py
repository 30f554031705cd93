"""6rd: a customer's edge and a provider's border relay of one domain (RFC 5969)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sensor.lab.inner.packets import at_its_end, passed_on
from sensor.lab.inner.refusal import HOP_LIMIT, LOOP, NOT_SERVED, Refused
from sensor.lab.machine import Event, OuterPacket
from sensor.lab.sixinfour.end import End
from sensor.lab.sixinfour.places import is_unicast4, leads_back, may_be_forwarded
from sensor.lab.sixinfour.refusal import (
    EMBEDDED_DIFFERS,
    FORGED_SOURCE,
    FULL_TURN,
    NO_RELAY,
    NOT_CONFIGURED,
    NOT_FORWARDED,
)
from sensor.lab.sixinfour.settings import Network, SixRdSettings
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import icmpv6, ipv6
from sensor.wire.addresses import text
from sensor.wire.icmpv6 import Echo

if TYPE_CHECKING:
    from random import Random

PROBE_WAIT = 3.0  # seconds for a probe to come back
_NONCE = 16  # octets in a probe that who has not seen it cannot guess


class _Probe(NamedTuple):
    """One under way: to whom, what it carries, and until when it is waited for."""

    relay: bytes
    message: bytes
    due: float


class _SixRd(End):
    """What edge and relay know alike: their domain, and what its addresses embed."""

    def __init__(self, settings: SixRdSettings) -> None:
        self._local = settings.local
        self._domain = settings.domain
        prefix, bits = settings.domain.delegate(settings.local)
        self.prefix: Network = (prefix, bits)
        # The first address behind the prefix; a prefix of 128 bits has but one.
        self.address = (int.from_bytes(prefix) | (bits < 128)).to_bytes(16)
        super().__init__((settings.local,), self.address, settings.link, Kind.SIXRD)

    def _embedded(self, address: bytes) -> bytes | None:
        """The edge whose prefix an address is in; None outside the domain.

        All IPv4 addresses of a domain share the high bits that are not embedded, the relay's too.
        """
        return self._domain.embedded(address, self._local)


class SixRdEdge(_SixRd):
    """Speaks with other edges of its domain directly, with everybody else by its first relay."""

    def __init__(self, settings: SixRdSettings, rng: Random) -> None:
        super().__init__(settings)
        self._rng = rng
        others = (ip for ip in self._domain.relays if is_unicast4(ip) and ip != self._local)
        self._relay = next(others, None)
        self._probe: _Probe | None = None

    def probe(self, now: float) -> None:
        """Have the relay send a packet back (RFC 5969 section 8): it answers, or is silent."""
        if self._relay is None:
            self.drops[NO_RELAY] += 1
            return
        echo = Echo(0, 0, self._rng.randbytes(_NONCE))
        message = icmpv6.build_echo_request(self.address, self.address, echo)
        self._probe = _Probe(self._relay, message, now + PROBE_WAIT)
        packet = ipv6.build(self.address, self.address, icmpv6.PROTOCOL, message)
        self._send(packet, self._relay)

    def stop(self, now: float) -> None:
        self._probe = None
        super().stop(now)

    def get_timer(self) -> float | None:
        return None if self._probe is None else self._probe.due

    def handle_timer(self, now: float) -> None:
        if self._probe is not None and self._probe.due <= now:
            self._end_probe("relay-silent", "is silent", self._probe.relay)

    def _end_probe(self, what: str, words: str, relay: bytes) -> None:
        self._probe = None
        end = Endpoint(relay, 0)
        self._out.events.append(Event(what, f"relay {text(relay)} {words}", end=end))

    def _route(self, packet: bytes) -> bytes:
        if self._embedded(packet[8:24]) != self._local:
            raise Refused(FORGED_SOURCE)
        if not may_be_forwarded(packet[24:40]):
            raise Refused(NOT_FORWARDED)
        edge = self._embedded(packet[24:40])
        if edge is not None:
            return self._other(edge)
        if self._relay is None:
            raise Refused(NO_RELAY)
        return self._relay

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        """RFC 5969 section 9.2."""
        from_relay = outer.source in self._domain.relays
        if from_relay and self._is_probe(packet):
            self._end_probe("relay-answered", "answered", outer.source)
            return
        edge = self._embedded(packet[8:24])
        if edge == self._local:
            raise Refused(FORGED_SOURCE)
        if edge is not None and edge != outer.source:
            raise Refused(EMBEDDED_DIFFERS)
        if edge is None and not from_relay:
            raise Refused(NOT_CONFIGURED)
        if not may_be_forwarded(packet[8:24]):
            raise Refused(NOT_FORWARDED)
        if self._embedded(packet[24:40]) != self._local:
            raise Refused(EMBEDDED_DIFFERS)
        self._out.packets.append(packet)

    def _is_probe(self, packet: bytes) -> bool:
        """Whether it is the one under way, whatever hops it has left."""
        if self._probe is None or packet[8:40] != self.address * 2:
            return False
        return packet[ipv6.HEADER_LENGTH :] == self._probe.message


class SixRdRelay(_SixRd):
    """Carries packets between a domain and the native side; to its sender a probe goes back."""

    def __init__(self, settings: SixRdSettings, rng: Random) -> None:
        """``rng`` is what every machine gets; a relay leaves nothing to chance."""
        super().__init__(settings)

    def _route(self, packet: bytes) -> bytes:
        edge = self._embedded(packet[24:40])
        if edge is None:
            raise Refused(NOT_SERVED)
        source = packet[8:24]
        if self._embedded(source) not in (None, self._local):
            raise Refused(FORGED_SOURCE)
        if not may_be_forwarded(source):
            raise Refused(NOT_FORWARDED)
        if self._leads_back(source):
            raise Refused(LOOP)
        return self._other(edge)

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        """RFC 5969 section 9.2."""
        if self._embedded(packet[8:24]) != outer.source:
            raise Refused(EMBEDDED_DIFFERS)
        if not may_be_forwarded(packet[24:40]):
            raise Refused(NOT_FORWARDED)
        edge = self._embedded(packet[24:40])
        if edge == outer.source:
            self._return(packet, edge)
            return
        if edge is not None:
            raise Refused(FULL_TURN)
        if self._leads_back(packet[24:40]):
            raise Refused(LOOP)
        self._out.packets.append(packet)

    def _leads_back(self, address: bytes) -> bool:
        """Whether another tunnel's address embeds the relay's; the domain's own have checks."""
        return self._embedded(address) is None and leads_back(address, self._addresses)

    def _return(self, packet: bytes, edge: bytes) -> None:
        """What an edge sends to itself goes back to it, a hop later."""
        if at_its_end(packet):
            raise Refused(HOP_LIMIT)
        self._send(passed_on(packet), edge)
