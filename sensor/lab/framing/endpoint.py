"""What all tunnel endpoints with one UDP end have alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection

from sensor.errors import DecodeError
from sensor.lab.inner.errors import Errors
from sensor.lab.inner.packets import is_whole
from sensor.lab.inner.refusal import MALFORMED, TOO_BIG, Refused
from sensor.lab.machine import Datagram, Event, Outbox
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import icmpv6

NOWHERE = "no-host-there"  # an outer source or destination that is no single other host

_UNSPECIFIED, _LOOPBACK, _MULTICAST = 0, 127, 224  # first octets


class UdpEndpoint(ABC):
    """A machine at the end ``local`` whose datagrams are of ``kind``.

    ``mtu`` counts octets of inner packets; ``own`` is the IPv6 address that says so to who sends
    larger ones, None: nobody says it.
    """

    def __init__(self, local: Endpoint, kind: Kind, mtu: int, own: bytes | None = None) -> None:
        self.drops: Counter[str] = Counter()
        self._local = local
        self._kind = kind
        self._mtu = mtu
        self._out = Outbox()
        self._errors = None if own is None else Errors(own, self.drops)

    @property
    def ends(self) -> Collection[Endpoint]:
        return (self._local,)

    def stop(self, now: float) -> None:
        self._tell("stopped", "stopped")

    def send_ipv6(self, packet: bytes, now: float) -> None:
        try:
            if not is_whole(packet):
                raise Refused(MALFORMED)
            if len(packet) > self._mtu:
                self._complain(packet, now)
                raise Refused(TOO_BIG)
            self._carry(packet, now)
        except Refused as refusal:
            self.drops[str(refusal)] += 1

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        try:
            self._check_other(source)
            self._take(payload, source, now)
        except Refused as refusal:
            self.drops[str(refusal)] += 1
        except DecodeError:
            self.drops[MALFORMED] += 1

    def datagrams_to_send(self) -> list[Datagram]:
        return self._out.take_datagrams()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._out.take_packets()

    def next_event(self) -> Event | None:
        return self._out.take_event()

    @abstractmethod
    def _carry(self, packet: bytes, now: float) -> None:
        """Send a whole IPv6 packet through the tunnel; Refused if it has no way there."""

    @abstractmethod
    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        """A datagram from the network; Refused, or DecodeError, if it is not taken."""

    def _send(self, payload: bytes, destination: Endpoint, kind: Kind | None = None) -> None:
        """Put a datagram in the outbox, if it goes to one other host."""
        self._check_other(destination)
        self._out.datagrams.append(
            Datagram(
                self._local,
                destination,
                payload,
                TeredoPacket.NONE,
                kind=self._kind if kind is None else kind,
            )
        )

    def _check_other(self, end: Endpoint) -> None:
        """Refused unless an end is one of a single other host."""
        first = end.ip[0]
        single = first not in (_UNSPECIFIED, _LOOPBACK) and first < _MULTICAST
        if not single or end.port == 0 or end == self._local:
            raise Refused(NOWHERE)

    def _deliver(self, packet: bytes) -> None:
        self._out.packets.append(packet)

    def _tell(
        self, what: str, text: str, address: bytes | None = None, end: Endpoint | None = None
    ) -> None:
        self._out.events.append(Event(what, text, address, end))

    def _complain(self, packet: bytes, now: float) -> None:
        """Tell who sent too large a packet how large it may be (RFC 4443 section 3.2)."""
        if self._errors is None:
            return
        error = self._errors.about(packet, icmpv6.TOO_BIG, 0, now, parameter=self._mtu)
        if error is not None:
            self._deliver(error)


class Responder(UdpEndpoint):
    """One that others begin with, and that waits for nobody."""

    def start(self, now: float) -> None:
        """Nothing."""

    def handle_timer(self, now: float) -> None:
        """Nothing."""

    def get_timer(self) -> float | None:
        return None


class Timed(UdpEndpoint):
    """One that waits until ``_due``, in seconds, if that is a time."""

    _due: float | None = None

    def stop(self, now: float) -> None:
        self._due = None
        super().stop(now)

    def get_timer(self) -> float | None:
        return self._due

    def handle_timer(self, now: float) -> None:
        if self._due is not None and self._due <= now:
            self._due = None
            self._ring(now)

    @abstractmethod
    def _ring(self, now: float) -> None:
        """The time that it waited for has come."""
