"""One end of an IPv6-in-GRE tunnel (RFC 2784, 2890 and 7676)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from sensor.errors import DecodeError
from sensor.lab.gre.settings import GreSettings
from sensor.lab.inner.errors import Errors
from sensor.lab.inner.packets import inner_packet, is_whole
from sensor.lab.inner.refusal import BAD_CHECKSUM, MALFORMED, TOO_BIG, Refused
from sensor.lab.machine import Event, Outbox, OuterPacket
from sensor.lab.sixinfour.places import is_odd
from sensor.lab.sixinfour.refusal import ODD_SOURCE
from sensor.schema.words import Kind
from sensor.wire import gre, icmpv4, icmpv6
from sensor.wire.cursor import Cursor

if TYPE_CHECKING:
    from random import Random

ICMP_ERROR = "icmp-error"
NOT_GRE = "not-gre"
NOT_THE_PEER = "not-the-peer"  # from or to another address than the tunnel's two ends
RESERVED = "reserved-bits"  # routing among them (RFC 2784 section 2.3)
PROTOCOL_TYPE = "protocol-type"
KEY_DIFFERS = "key-differs"
NO_SEQUENCE = "no-sequence"
OUT_OF_SEQUENCE = "out-of-sequence"

# After so many seconds without a packet in sequence any number is: RFC 2890 has no word for a
# peer that began anew, or for a number that somebody forged.
SEQUENCE_KEPT = 30.0
# So far in front of the last may a number be: one forged far ahead would make the peer's own old.
AHEAD = 1 << 16

_MUST_BE_ZERO = 0x4C00  # of bits 1 to 5 those that are not key and sequence (RFC 2890 section 2)
_SEQUENCE_SPAN = 1 << 32


class GreEndpoint:
    """Carries IPv6 between the two IPv4 addresses of its settings, and takes nobody else's."""

    def __init__(self, settings: GreSettings, rng: Random) -> None:
        self.drops: Counter[str] = Counter()
        self._settings = settings
        self._out = Outbox()
        self._errors = None if settings.own is None else Errors(settings.own, self.drops)
        self._next = 0  # the sequence number to send (RFC 2890 section 2.2)
        self._last: int | None = None  # the last one that came in sequence, and when
        self._heard = 0.0

    @property
    def protocols(self) -> Collection[int]:
        return (gre.PROTOCOL,)

    @property
    def addresses(self) -> Collection[bytes]:
        return (self._settings.local,)

    def start(self, now: float) -> None:
        """Nothing: both ends are configured."""

    def stop(self, now: float) -> None:
        self._out.events.append(Event("stopped", "stopped"))

    def get_timer(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        """Nothing: it waits for nobody."""

    def packets_to_send(self) -> list[OuterPacket]:
        return self._out.take_outer()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._out.take_packets()

    def next_event(self) -> Event | None:
        return self._out.take_event()

    def send_ipv6(self, packet: bytes, now: float) -> None:
        if not is_whole(packet):
            self.drops[MALFORMED] += 1
        elif len(packet) > self._settings.mtu:
            self.drops[TOO_BIG] += 1
            self._complain(packet, now)
        else:
            self._send(packet)

    def receive_packet(self, packet: OuterPacket, now: float) -> None:
        try:
            self._receive(packet, now)
        except Refused as refusal:
            self.drops[str(refusal)] += 1
        except DecodeError:
            self.drops[MALFORMED] += 1

    def _send(self, packet: bytes) -> None:
        settings = self._settings
        payload = gre.build(
            gre.IPV6,
            packet,
            key=settings.key,
            sequence=self._next if settings.sequence else None,
            checksum=settings.checksum,
        )
        self._next = (self._next + 1) % _SEQUENCE_SPAN
        self._out.outer.append(
            OuterPacket(
                settings.local, settings.remote, gre.PROTOCOL, payload, Kind.GRE6, settings.ttl
            )
        )

    def _complain(self, packet: bytes, now: float) -> None:
        """Tell who sent too large a packet how large it may be (RFC 7676 section 3.2)."""
        if self._errors is None:
            return
        error = self._errors.about(packet, icmpv6.TOO_BIG, 0, now, parameter=self._settings.mtu)
        if error is not None:
            self._out.packets.append(error)

    def _receive(self, packet: OuterPacket, now: float) -> None:
        if packet.protocol == icmpv4.PROTOCOL:
            raise Refused(ICMP_ERROR)
        if packet.protocol != gre.PROTOCOL:
            raise Refused(NOT_GRE)
        if (packet.source, packet.destination) != (self._settings.remote, self._settings.local):
            raise Refused(NOT_THE_PEER)
        if int.from_bytes(packet.payload[:2]) & _MUST_BE_ZERO:
            raise Refused(RESERVED)
        cursor = Cursor(packet.payload)
        header = gre.parse(cursor)
        self._check(header, packet.payload)
        inner = inner_packet(cursor.rest())
        if is_odd(inner[8:24]):
            raise Refused(ODD_SOURCE)
        self._check_sequence(header.sequence, now)
        self._out.packets.append(inner)

    def _check(self, header: gre.Header, payload: bytes) -> None:
        if header.checksum is not None and not gre.checksum_ok(payload):
            raise Refused(BAD_CHECKSUM)
        if header.version:
            raise Refused(MALFORMED)
        if header.key != self._settings.key:
            raise Refused(KEY_DIFFERS)
        if header.protocol != gre.IPV6:
            raise Refused(PROTOCOL_TYPE)

    def _check_sequence(self, number: int | None, now: float) -> None:
        """RFC 2890 section 2.2; what is not in front of the last is old, or nobody's."""
        if not self._settings.sequence:
            return
        if number is None:
            raise Refused(NO_SEQUENCE)
        if self._last is not None and now - self._heard < SEQUENCE_KEPT:
            ahead = (number - self._last) % _SEQUENCE_SPAN
            if not 0 < ahead <= AHEAD:
                raise Refused(OUT_OF_SEQUENCE)
        self._last, self._heard = number, now
