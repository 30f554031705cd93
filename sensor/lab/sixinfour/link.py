"""What all ends of protocol-41 tunnels do with a packet: RFC 4213 section 3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sensor.errors import ConfigError
from sensor.lab.inner.allowance import Allowance
from sensor.lab.inner.errors import ADDRESS_UNREACHABLE, Errors
from sensor.lab.inner.packets import inner_packet, is_whole
from sensor.lab.inner.refusal import MALFORMED, TOO_BIG, Refused
from sensor.lab.machine import Outbox, OuterPacket
from sensor.lab.sixinfour import quote
from sensor.lab.sixinfour.places import is_odd
from sensor.lab.sixinfour.refusal import ERRORS_LIMITED, NOT_SENT, ODD_SOURCE
from sensor.lab.sixinfour.settings import LinkSettings
from sensor.schema.words import Kind
from sensor.wire import icmpv6, ipv4, sixinfour

LEAST_MTU = 1_280  # octets of an inner packet, where the MTU is static (RFC 4213 section 3.2.1)
LARGEST_MTU = 1_480

# ICMPv4 errors that are passed on as ICMPv6 ones, a second and at once: whoever forges them
# chooses whom they reach (RFC 4443 section 2.4 (f)).
ERRORS_A_SECOND = 10

Route = Callable[[bytes], bytes]
"""To which IPv4 address an IPv6 packet goes; Refused for one that this end does not send."""


class Link:
    """Wraps, unwraps and complains; what is not taken or not sent is counted in ``drops``."""

    def __init__(self, settings: LinkSettings, drops: Counter[str], outbox: Outbox) -> None:
        """ConfigError for an MTU outside 1280 to 1480, beyond which outer fragments are sure."""
        if not LEAST_MTU <= settings.mtu <= LARGEST_MTU:
            raise ConfigError(f"mtu {settings.mtu}: choose {LEAST_MTU} to {LARGEST_MTU} octets")
        self._settings = settings
        self._drops = drops
        self._outbox = outbox
        self._errors = Allowance(ERRORS_A_SECOND)

    def send(
        self,
        packet: bytes,
        source: bytes,
        destination: bytes,
        kind: Kind,
        own: bytes | None = None,
    ) -> None:
        """An IPv6 packet in IPv4 from ``source`` to ``destination``, hop limit as it is.

        Larger than the MTU, it is answered to the host from ``own``, an IPv6 address of this end,
        as often as it comes: path MTU discovery waits for that.
        """
        if not is_whole(packet):
            self._drops[MALFORMED] += 1
            return
        if len(packet) > self._settings.mtu:
            self._drops[TOO_BIG] += 1
            self._deliver(self._error(packet, own, icmpv6.TOO_BIG, 0, self._settings.mtu))
            return
        # "Don't fragment" stays clear: a static MTU asks for that (RFC 4213 section 3.2.1).
        tos = _traffic_class(packet) if self._settings.copy_class else 0
        outer = OuterPacket(
            source, destination, sixinfour.PROTOCOL, packet, kind, ttl=self._settings.ttl, tos=tos
        )
        self._outbox.outer.append(outer)

    def open(self, packet: OuterPacket) -> bytes | None:
        """The inner IPv6 packet, class and all, without what is behind its length.

        None, and counted: no IPv6, more octets claimed than there are, or a source that nobody
        has (RFC 4213 section 3.6).
        """
        try:
            inner = inner_packet(packet.payload)
            if is_odd(inner[8:24]):
                raise Refused(ODD_SOURCE)
        except Refused as refusal:
            self._drops[str(refusal)] += 1
            return None
        return inner

    def complain(
        self,
        packet: OuterPacket,
        own: bytes | None,
        route: Route | None = None,
        *,
        now: float = 0.0,
    ) -> None:
        """Tell the host of an ICMPv4 error about one of its packets (RFC 4213 section 3.4).

        Counted instead if it quotes too little, or what this end did not send: a packet from
        another address or, where ``route`` is given, one that it refuses or sends elsewhere.
        Only what would be passed on counts against the limit: junk does not silence the rest.
        """
        try:
            found = quote.read(packet)
            if route is not None and route(found.inner) != found.destination:
                raise Refused(NOT_SENT)
        except Refused as refusal:
            self._drops[str(refusal)] += 1
            return
        error = self._translated(found, own)
        if error is not None and not self._errors.take(now):
            self._drops[ERRORS_LIMITED] += 1
            return
        self._deliver(error)

    def _translated(self, found: quote.Quote, own: bytes | None) -> bytes | None:
        """The ICMPv6 error that says what the ICMPv4 one did."""
        if found.mtu is None:
            return self._error(found.inner, own, icmpv6.UNREACHABLE, ADDRESS_UNREACHABLE)
        mtu = max(found.mtu - ipv4.MIN_HEADER_LENGTH, LEAST_MTU)
        return self._error(found.inner, own, icmpv6.TOO_BIG, 0, mtu)

    def _error(
        self, packet: bytes, own: bytes | None, kind: int, code: int, parameter: int = 0
    ) -> bytes | None:
        """An ICMPv6 error for the host, which is on the link; nothing without an own address."""
        if own is None:
            return None
        errors = Errors(own, self._drops, on_link=True)
        return errors.about(packet, kind, code, 0.0, parameter=parameter)

    def _deliver(self, error: bytes | None) -> None:
        if error is not None:
            self._outbox.packets.append(error)


def _traffic_class(packet: bytes) -> int:
    return (packet[0] & 0x0F) << 4 | packet[1] >> 4
