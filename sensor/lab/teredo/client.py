"""The Teredo client (RFC 4380, RFC 5991, RFC 6081): its inputs, and the way of most packets.

Packets of peers that proved themselves take the first lines of ``receive_datagram`` and
``send_ipv6``; everything else goes to the part that knows about it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from sensor.lab.inner.packets import MTU
from sensor.lab.inner.refusal import Refused
from sensor.lab.machine import Datagram, Event
from sensor.lab.teredo.arrival import Arrival, read_arrival
from sensor.lab.teredo.attempts import Attempts
from sensor.lab.teredo.bubbles import Bubbles
from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.discovery import GROUP, Discovery
from sensor.lab.teredo.interval import Interval
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.maintenance import STOPPED, Maintenance
from sensor.lab.teredo.peers import VALID, Peers
from sensor.lab.teredo.ports import Ports
from sensor.lab.teredo.reception import Reception
from sensor.lab.teredo.settings import ClientSettings
from sensor.lab.teredo.trailers import check_trailers
from sensor.lab.teredo.transmission import Transmission
from sensor.lab.teredo.trial import Trials
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from sensor.wire import icmpv6, ipv6

if TYPE_CHECKING:
    from random import Random

_DATA = TeredoPacket.DATA
_ADVERTISEMENT = bytes([icmpv6.ROUTER_ADVERTISEMENT])


class Client:
    """A machine (``sensor.lab.machine``) whose IPv6 packets are those of its host."""

    def __init__(self, settings: ClientSettings, rng: Random) -> None:
        self._link = link = Link(settings, rng)
        self.drops = link.drops
        self._peers: Peers[Contact] = Peers(settings.limits, link.drops)
        self._maintenance = Maintenance(link)
        self._discovery = Discovery(link)
        self._interval = Interval(link)
        self._ports = Ports(link)
        bubbles, trials = Bubbles(link, self._ports), Trials(link)
        self._attempts = Attempts(link, self._peers, trials, bubbles, self._discovery)
        self._transmission = Transmission(link, self._peers, self._attempts)
        self._reception = Reception(
            link, self._peers, self._ports, trials, bubbles, self._discovery, self._attempts
        )
        self._host: bytes | None = None  # the address that peers were reached with
        self._online = False
        self._timer: float | None = None

    @property
    def address(self) -> bytes | None:
        """Its Teredo address, while it is qualified."""
        return self._link.address

    @property
    def link_local(self) -> bytes:
        """The address that its solicitations come from outside a cone phase."""
        return self._link.link_local()

    @property
    def mapped(self) -> Endpoint | None:
        """Its endpoint outside the NAT, as last told by the server."""
        return self._link.mapped

    @property
    def nat(self) -> NatType:
        return self._link.nat

    @property
    def state(self) -> str:
        """``starting``, ``qualified``, ``off-line`` or ``stopped``."""
        return self._maintenance.state

    @property
    def ends(self) -> Collection[Endpoint]:
        second = [self._interval.end] if self._interval.end else []
        return [self._link.settings.local, *second, *self._ports.ends]

    def start(self, now: float) -> None:
        self._maintenance.start(now)
        self._arm()

    def stop(self, now: float) -> None:
        """Teredo knows no word of good-bye: the client falls silent."""
        if self.state == STOPPED:
            return
        self._maintenance.stop()
        self._forget(now)
        self._follow_address(now)
        self._arm()
        self._link.tell("stopped", "stopped")

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        contact = self._peers.get(payload[8:24])
        if (
            contact is not None
            and contact.mapped == source
            and contact.trusted
            and payload[24:40] == self._link.address
            and len(payload) == ipv6.HEADER_LENGTH + (payload[4] << 8 | payload[5])
            and payload[0] >> 4 == 6
            and payload[6] != ipv6.NO_NEXT_HEADER
            and not contact.queue
            and not contact.trials
        ):
            contact.heard = now
            self._link.outbox.packets.append(payload)
            return
        try:
            arrival = read_arrival(payload, source, destination)
            if self._link.style.trailers:
                check_trailers(arrival.trailers)
            self._receive(arrival, now)
        except Refused as refused:
            self.drops[str(refused)] += 1
        self._arm()

    def _receive(self, arrival: Arrival, now: float) -> None:
        if self.state == STOPPED:
            raise Refused(STOPPED)
        if arrival.end == self._interval.end:
            self._interval.receive(arrival, now)
            self._use_interval()
        elif arrival.end.ip == GROUP.ip:
            self._reception.discovered(arrival, now)
        elif _is_advertisement(arrival):
            message = arrival.checked_message()
            if message is not None:
                self._maintenance.receive(arrival, message.body, now)
                self._follow_address(now)
        else:
            self._reception.receive(arrival, now)

    def send_ipv6(self, packet: bytes, now: float) -> None:
        contact = self._peers.get(packet[24:40])
        if (
            contact is not None
            and contact.trusted
            and now - contact.heard < VALID
            and packet[8:24] == self._link.address
            and len(packet) == ipv6.HEADER_LENGTH + (packet[4] << 8 | packet[5]) <= MTU
            and packet[0] >> 4 == 6
        ):
            contact.sent = now
            datagram = Datagram(contact.local, contact.mapped, packet, _DATA)
            self._link.outbox.datagrams.append(datagram)
            return
        try:
            self._transmission.send(packet, now)
        except Refused as refused:
            self.drops[str(refused)] += 1
        self._arm()

    def _timers(self) -> tuple[tuple[float | None, Callable[[float], None]], ...]:
        return (
            (self._maintenance.due, self._maintenance.handle_timer),
            (self._attempts.due, self._attempts.handle_timer),
            (self._discovery.due, self._discovery.handle_timer),
            (self._interval.due, self._interval.handle_timer),
            (self._ports.due, self._ports.handle_timer),
        )

    def _arm(self) -> None:
        """Only what leaves the fast path changes a timer: it is kept, not sought each time."""
        self._timer = min((due for due, _ in self._timers() if due is not None), default=None)

    def get_timer(self) -> float | None:
        return self._timer

    def handle_timer(self, now: float) -> None:
        for due, handle in self._timers():
            if due is not None and due <= now:
                handle(now)
        self._use_interval()
        self._follow_address(now)
        self._arm()

    def _use_interval(self) -> None:
        if self._interval.done:
            self._maintenance.interval = self._interval.current

    def _follow_address(self, now: float) -> None:
        """What hangs on the address starts with it, and ends with it."""
        address = self._link.address
        if address is None:
            self._discovery.stop()
            self._interval.stop()
            self._online = False
            return
        if address != self._host:
            self._forget(now)
            self._host = address
        elif self._online:
            return
        self._online = True
        self._discovery.start(now)
        self._interval.start(now)

    def _forget(self, now: float) -> None:
        """Peers know the client by its address, and so have to be reached anew with another."""
        self._ports.close_all(now)
        self._attempts.clear()
        for contact in self._peers.all():
            self._peers.remove(contact)

    def datagrams_to_send(self) -> list[Datagram]:
        return self._link.outbox.take_datagrams()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self._link.outbox.take_packets()

    def next_event(self) -> Event | None:
        return self._link.outbox.take_event()


def _is_advertisement(arrival: Arrival) -> bool:
    kind = arrival.packet[ipv6.HEADER_LENGTH : ipv6.HEADER_LENGTH + 1]
    return arrival.header.next_header == icmpv6.PROTOCOL and kind == _ADVERTISEMENT
