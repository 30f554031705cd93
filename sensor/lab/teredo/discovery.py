"""Finding peers on the client's own network by multicast bubbles (RFC 4380 section 5.2.8)."""

from __future__ import annotations

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.arrival import Arrival
from sensor.lab.teredo.link import Link
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import addresses, teredo
from sensor.wire.ports import TEREDO_PORT

GROUP = Endpoint(addresses.DISCOVERY_GROUP, TEREDO_PORT)
INTERVAL = (200.0, 300.0)  # seconds

DISCOVERY_OFF = "discovery-off"
DISCOVERY_FORM = "discovery-form"
DISCOVERY_SUBNET = "discovery-subnet"

_HOP_LIMIT = 1
_TTL = 1  # of the IPv4 packet: no router passes it on


class Discovery:
    """Tells neighbours that the client is there, while it is qualified."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.due: float | None = None

    def start(self, now: float) -> None:
        """The client has an address: the first bubble leaves at once."""
        if self._link.settings.local_discovery:
            self.handle_timer(now)

    def stop(self) -> None:
        self.due = None

    def handle_timer(self, now: float) -> None:
        self.due = now + self._link.rng.uniform(*INTERVAL)
        self.announce()

    def announce(self) -> None:
        """A discovery bubble to all neighbours."""
        link = self._link
        if not link.settings.local_discovery or link.address is None:
            return
        bubble = teredo.build_bubble(link.address, addresses.ALL_NODES, _HOP_LIMIT)
        link.send(bubble, GROUP, TeredoPacket.BUBBLE, ttl=_TTL)

    def check(self, arrival: Arrival) -> None:
        """Refused unless a packet to the group is a neighbour's discovery bubble."""
        if not self._link.settings.local_discovery or self._link.address is None:
            raise Refused(DISCOVERY_OFF)
        header = arrival.header
        well_formed = (
            arrival.bubble
            and header.destination == addresses.ALL_NODES
            and header.source != self._link.address
            and self._link.teredo(header.source) is not None
        )
        if not well_formed:
            raise Refused(DISCOVERY_FORM)
        if not self._link.in_subnet(arrival.source.ip):
            raise Refused(DISCOVERY_SUBNET)
