"""A client that looks at the port of a Teredo address and not at its flags, as Miredo 1.2.6."""

from __future__ import annotations

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.arrival import Arrival, read_arrival
from sensor.lab.teredo.client import Client
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import teredo

_FLAGS = slice(8, 10)


class LaxClient(Client):
    """Answers every bubble that its server brings, from the address that this one was for.

    So who knows its IPv4 address finds its port without knowing the twelve random bits of its
    address (RFC 5991 section 3.1), and can guess these afterwards.
    """

    def receive_datagram(
        self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
    ) -> None:
        asked = self._asked_otherwise(payload, source, destination)
        if asked is None or asked.origin is None or not self._may_answer(asked.origin):
            super().receive_datagram(payload, source, destination, now)
            return
        bubble = teredo.build_bubble(asked.header.destination, asked.header.source)
        self._link.send(bubble, asked.origin, TeredoPacket.BUBBLE)

    def _may_answer(self, end: Endpoint) -> bool:
        return bool(end.port) and self._link.may_reach(end.ip)

    def _asked_otherwise(
        self, payload: bytes, source: Endpoint, destination: Endpoint
    ) -> Arrival | None:
        """A server's bubble to an address that differs from its own in flags alone."""
        own = self._link.address
        if own is None or not self._link.is_server(source):
            return None
        try:
            arrival = read_arrival(payload, source, destination)
        except Refused:
            return None
        asked = arrival.header.destination
        differs = asked != own and _without_flags(asked) == _without_flags(own)
        return arrival if arrival.bubble and differs else None


def _without_flags(address: bytes) -> bytes:
    return address[: _FLAGS.start] + address[_FLAGS.stop :]
