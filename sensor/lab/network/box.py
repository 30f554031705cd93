"""What stands between two segments and forwards packets (RFC 1812), whatever it does to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable

from sensor.lab.network import rewrite
from sensor.lab.network.complaint import HOPS_EXCEEDED, complaint
from sensor.lab.network.firewall import BLOCKED, Firewall
from sensor.lab.network.medium import Interface
from sensor.lab.network.packet import Packet
from sensor.lab.network.segment import Segment
from sensor.wire import icmpv4

_FIRST_GROUP = 224  # above all hosts: multicast groups, and broadcast

NOT_FORWARDED = "not-forwarded"  # to the box itself, or to a group
NO_HOPS = "no-hops"


class Box(ABC):
    """The gateway of its inside segment; ``drops`` counts what was not forwarded, by reason.

    ``identification`` is the IPv4 one of the first packet of its own.
    """

    def __init__(
        self,
        name: str,
        inside: Segment,
        outside: Segment,
        inside_ip: bytes,
        outside_ip: bytes,
        identification: int,
    ) -> None:
        self.name = name
        self.drops: Counter[str] = Counter()
        self.firewall = Firewall()
        self.inside = inside.attach(name, [inside_ip], self._from_inside)
        self.outside = outside.attach(name, [outside_ip], self._from_outside)
        inside.gateway = self.inside
        self._clock = inside.clock
        self._ip = outside_ip
        self._identification = identification

    @abstractmethod
    def _from_inside(self, packet: Packet) -> None: ...

    @abstractmethod
    def _from_outside(self, packet: Packet) -> None: ...

    def _ends_here(self, destination: bytes) -> bool:
        """To the box's inside address, or to a group."""
        return destination in self.inside.addresses or destination[0] >= _FIRST_GROUP

    def _forward(
        self, packet: Packet, came_by: Interface, pass_on: Callable[[Packet], None]
    ) -> None:
        octets = rewrite.decremented(packet.octets)
        if octets is None:
            self._complain(packet, came_by)
        elif self.firewall.blocks(octets, outward=came_by is self.inside):
            self.drops[BLOCKED] += 1
        else:
            pass_on(packet._replace(octets=octets))

    def _complain(self, packet: Packet, came_by: Interface) -> None:
        self.drops[NO_HOPS] += 1
        if rewrite.is_later_fragment(packet.octets):  # RFC 1812 section 4.3.2.7
            return
        error = complaint(
            packet,
            came_by.addresses[0],
            self.name,
            icmpv4.TIME_EXCEEDED,
            HOPS_EXCEEDED,
            self._identification,
        )
        self._identification = self._identification + 1 & 0xFFFF
        if error is not None:
            came_by.send(error)
