"""A NAT box between two segments (RFC 4787, RFC 5382, RFC 5508)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from sensor.errors import DecodeError
from sensor.lab.network import rewrite
from sensor.lab.network.behaviour import NatBehaviour
from sensor.lab.network.complaint import HOPS_EXCEEDED, complaint
from sensor.lab.network.mappings import NO_MAPPING, Mapping, Mappings
from sensor.lab.network.medium import Interface
from sensor.lab.network.packet import Packet
from sensor.lab.network.segment import Segment
from sensor.wire import icmpv4

_FIRST_GROUP = 224  # above all hosts: multicast groups, and broadcast

NOT_FORWARDED = "not-forwarded"  # to the box itself, or to a group
NO_HAIRPIN = "no-hairpin"
NO_HOPS = "no-hops"
UNREADABLE = "unreadable"  # damaged, a fragment, or a protocol without ports


class NatBox:
    """The gateway of its inside segment, with one address outside.

    Two of them in a row, the outside of one on the inside segment of the other, are what a
    carrier's NAT makes. ``drops`` counts what was not forwarded, by reason.
    """

    def __init__(
        self,
        name: str,
        inside: Segment,
        outside: Segment,
        inside_ip: bytes,
        outside_ip: bytes,
        behaviour: NatBehaviour,
        rng: Random,
    ) -> None:
        self.name = name
        self.behaviour = behaviour
        self.drops: Counter[str] = Counter()
        self.inside = inside.attach(name, [inside_ip], self._from_inside)
        self.outside = outside.attach(name, [outside_ip], self._from_outside)
        inside.gateway = self.inside
        self._clock = inside.clock
        self._ip = outside_ip
        self._complaints = 0  # its own packets, which it numbers
        self._table = Mappings(outside_ip, behaviour, rng, self.drops)

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """Those that are held and those that were, oldest first."""
        return self._table.all(self._clock.now)

    def forget(self) -> None:
        """Lose all mappings: what goes on from inside gets new ones.

        A preserving box gives the same ports again.
        """
        self._table.forget(self._clock.now)

    def _from_inside(self, packet: Packet) -> None:
        destination = packet.octets[16:20]
        if destination in self.inside.addresses or destination[0] >= _FIRST_GROUP:
            self.drops[NOT_FORWARDED] += 1
        elif destination == self._ip and not self.behaviour.hairpin:
            self.drops[NO_HAIRPIN] += 1
        else:
            self._forward(packet, self.inside, self._outward, self._send_out)

    def _from_outside(self, packet: Packet) -> None:
        if packet.octets[16:20] != self._ip:
            self.drops[NOT_FORWARDED] += 1
        else:
            self._forward(packet, self.outside, self._inward, self.inside.send)

    def _forward(
        self,
        packet: Packet,
        came_by: Interface,
        translate: Callable[[bytes], bytes | None],
        send: Callable[[Packet], None],
    ) -> None:
        octets = rewrite.decremented(packet.octets)
        if octets is None:
            self._complain(packet, came_by)
        else:
            self._send_translated(octets, packet, translate, send)

    def _complain(self, packet: Packet, came_by: Interface) -> None:
        self.drops[NO_HOPS] += 1
        self._complaints += 1
        error = complaint(
            packet,
            came_by.addresses[0],
            self.name,
            icmpv4.TIME_EXCEEDED,
            HOPS_EXCEEDED,
            self._complaints & 0xFFFF,
        )
        if error is not None:
            came_by.send(error)

    def _send_translated(
        self,
        octets: bytes,
        packet: Packet,
        translate: Callable[[bytes], bytes | None],
        send: Callable[[Packet], None],
    ) -> None:
        try:
            sent = translate(octets)
        except DecodeError:
            self.drops[UNREADABLE] += 1
            return
        if sent is not None:
            send(packet._replace(octets=sent))

    def _send_out(self, packet: Packet) -> None:
        """To the outside, or straight back in for another inside host (RFC 4787 section 6)."""
        if packet.octets[16:20] == self._ip:
            self._send_translated(packet.octets, packet, self._inward, self.inside.send)
        else:
            self.outside.send(packet)

    def _outward(self, octets: bytes) -> bytes | None:
        """A packet from inside as the outside sees it; None if it may not pass."""
        quote = rewrite.quoted(octets)
        if quote is not None:
            return self._error_outward(octets, quote)
        flow = rewrite.read(octets)
        mapping = self._table.outbound(flow, self._clock.now)
        if mapping is None:
            return None
        return rewrite.translated(octets, flow, flow._replace(source=mapping.outside))

    def _inward(self, octets: bytes) -> bytes | None:
        """A packet from outside as its inside host gets it; None if it may not pass."""
        quote = rewrite.quoted(octets)
        if quote is not None:
            return self._error_inward(octets, quote)
        flow = rewrite.read(octets)
        mapping = self._table.inbound(flow, self._clock.now)
        if mapping is None:
            return None
        return rewrite.translated(octets, flow, flow._replace(destination=mapping.inside))

    def _error_outward(self, octets: bytes, quote: bytes) -> bytes | None:
        """An error quotes what came in: as it was before this box changed its destination."""
        flow = rewrite.read(quote)
        mapping = self._table.find_inside(flow.reverse, self._clock.now)
        if mapping is None:
            self.drops[NO_MAPPING] += 1
            return None
        quote = rewrite.translated(quote, flow, flow._replace(destination=mapping.outside))
        return rewrite.translated_error(octets, self._ip, octets[16:20], quote)

    def _error_inward(self, octets: bytes, quote: bytes) -> bytes | None:
        """An error quotes what went out: as it was before this box changed its source."""
        flow = rewrite.read(quote)
        mapping = self._table.find(flow.protocol, flow.source, self._clock.now)
        if mapping is None:
            self.drops[NO_MAPPING] += 1
            return None
        quote = rewrite.translated(quote, flow, flow._replace(source=mapping.inside))
        return rewrite.translated_error(octets, octets[12:16], mapping.inside.ip, quote)
