"""A NAT box between two segments (RFC 4787, RFC 5382, RFC 5508)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sensor.errors import DecodeError
from sensor.lab.network import rewrite
from sensor.lab.network.behaviour import NatBehaviour
from sensor.lab.network.box import NOT_FORWARDED, Box
from sensor.lab.network.mappings import NO_MAPPING, Mapping, Mappings
from sensor.lab.network.packet import Packet
from sensor.lab.network.passthrough import Passage, Passthrough
from sensor.lab.network.rewrite import Flow
from sensor.lab.network.segment import Segment
from sensor.schema.records import Endpoint

NO_HAIRPIN = "no-hairpin"
UNREADABLE = "unreadable"  # damaged, a fragment, or a protocol that it does not let through


class NatBox(Box):
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
        super().__init__(name, inside, outside, inside_ip, outside_ip, identification=1)
        self.behaviour = behaviour
        self._table = Mappings(outside_ip, behaviour, rng, self.drops)
        self._passthrough = Passthrough(outside_ip, behaviour.limit, self.drops)

    @property
    def mappings(self) -> tuple[Mapping, ...]:
        """Those that are held and those that were, oldest first."""
        return self._table.all(self._clock.now)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Of protocols without ports: those that are and those that were, oldest first."""
        return self._passthrough.all

    def forget(self) -> None:
        """Lose all mappings: what goes on from inside gets new ones.

        A preserving box gives the same ports again.
        """
        self._table.forget(self._clock.now)
        self._passthrough.forget()

    def _from_inside(self, packet: Packet) -> None:
        destination = packet.octets[16:20]
        if self._ends_here(destination):
            self.drops[NOT_FORWARDED] += 1
        elif destination == self._ip and not self._hairpins(packet.octets[9]):
            self.drops[NO_HAIRPIN] += 1
        else:
            self._forward(packet, self.inside, self._send_out)

    def _from_outside(self, packet: Packet) -> None:
        if packet.octets[16:20] != self._ip:
            self.drops[NOT_FORWARDED] += 1
        else:
            self._forward(packet, self.outside, self._send_in)

    def _hairpins(self, protocol: int) -> bool:
        """Without ports nothing tells for which inside host the packet would be."""
        return self.behaviour.hairpin and protocol not in self.behaviour.passes

    def _send_out(self, packet: Packet) -> None:
        """To the outside, or straight back in for another inside host (RFC 4787 section 6)."""
        sent = self._translated(packet, self._outward)
        if sent is None:
            return
        if sent.octets[16:20] == self._ip:
            self._send_in(sent)
        else:
            self.outside.send(sent)

    def _send_in(self, packet: Packet) -> None:
        sent = self._translated(packet, self._inward)
        if sent is not None:
            self.inside.send(sent)

    def _translated(
        self, packet: Packet, translate: Callable[[bytes], bytes | None]
    ) -> Packet | None:
        try:
            octets = translate(packet.octets)
        except DecodeError:
            self.drops[UNREADABLE] += 1
            return None
        return None if octets is None else packet._replace(octets=octets)

    def _outward(self, octets: bytes) -> bytes | None:
        """A packet from inside as the outside sees it; None if it may not pass."""
        quote = rewrite.quoted(octets)
        if quote is not None:
            return self._error_outward(octets, quote)
        flow = self._read(octets)
        outside = self._outside_for(flow)
        if outside is None:
            return None
        return rewrite.translated(octets, flow, flow._replace(source=outside))

    def _inward(self, octets: bytes) -> bytes | None:
        """A packet from outside as its inside host gets it; None if it may not pass."""
        quote = rewrite.quoted(octets)
        if quote is not None:
            return self._error_inward(octets, quote)
        flow = self._read(octets)
        inside = self._inside_for(flow)
        if inside is None:
            return None
        return rewrite.translated(octets, flow, flow._replace(destination=inside))

    def _error_outward(self, octets: bytes, quote: bytes) -> bytes | None:
        """An error quotes what came in: as it was before this box changed its destination."""
        flow = self._read(quote)
        outside = self._outside_of(flow.reverse)
        if outside is None:
            self.drops[NO_MAPPING] += 1
            return None
        quote = rewrite.translated(quote, flow, flow._replace(destination=outside))
        return rewrite.translated_error(octets, self._ip, octets[16:20], quote)

    def _error_inward(self, octets: bytes, quote: bytes) -> bytes | None:
        """An error quotes what went out: as it was before this box changed its source."""
        flow = self._read(quote)
        inside = self._inside_of(flow)
        if inside is None:
            self.drops[NO_MAPPING] += 1
            return None
        quote = rewrite.translated(quote, flow, flow._replace(source=inside))
        return rewrite.translated_error(octets, octets[12:16], inside.ip, quote)

    def _read(self, octets: bytes) -> Flow:
        return rewrite.read(octets, self.behaviour.passes)

    def _outside_for(self, flow: Flow) -> Endpoint | None:
        """The end that a packet from inside shall come from; counted if there is none."""
        if flow.protocol in self.behaviour.passes:
            return self._passthrough.outbound(flow, self._clock.now)
        mapping = self._table.outbound(flow, self._clock.now)
        return mapping.outside if mapping else None

    def _inside_for(self, flow: Flow) -> Endpoint | None:
        """The end that a packet from outside shall go to; counted if there is none."""
        if flow.protocol in self.behaviour.passes:
            return self._passthrough.inbound(flow, self._clock.now)
        mapping = self._table.inbound(flow, self._clock.now)
        return mapping.inside if mapping else None

    def _outside_of(self, flow: Flow) -> Endpoint | None:
        """What the outside knows the source of ``flow`` as, if it went through."""
        if flow.protocol in self.behaviour.passes:
            return self._passthrough.find_inside(flow, self._clock.now)
        mapping = self._table.find_inside(flow, self._clock.now)
        return mapping.outside if mapping else None

    def _inside_of(self, flow: Flow) -> Endpoint | None:
        """Whose flow this is that the outside saw."""
        if flow.protocol in self.behaviour.passes:
            return self._passthrough.find(flow, self._clock.now)
        mapping = self._table.find(flow.protocol, flow.source, self._clock.now)
        return mapping.inside if mapping else None
