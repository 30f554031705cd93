"""One inner conversation: who opened it, what was said, how it ended.

States and history letters are Zeek's: capitals for the originator, ``^`` first where the first
packet seen was the responder's.
"""

from __future__ import annotations

from sensor.schema.rows import Observation
from sensor.schema.words import EventType
from sensor.track.layout import SYNS_KEPT, ConversationState
from sensor.track.settings import TrackLimits
from sensor.track.sketch import signed
from sensor.wire.tcp import ACK, FIN, RST, SYN

TCP = 6
UDP = 17
ICMPV6 = 58

_UNKNOWN = 2  # ``from_outside`` where nobody knows


class Side:
    """What one end of a conversation sent."""

    __slots__ = ("bytes", "closed", "packets", "reset", "syn")

    def __init__(self) -> None:
        self.packets = 0
        self.bytes = 0
        self.syn = False
        self.closed = False
        self.reset = False


class Conversation:
    """Slotted state of one conversation; ``originator`` and ``responder`` are (ip, port).

    Its serial is its place too, as that of a tunnel and of an exposure is.
    """

    __slots__ = (
        "answered",
        "completed",
        "exposure",
        "first",
        "from_outside",
        "history",
        "key",
        "last",
        "originator",
        "outer",
        "received",
        "responder",
        "sent",
        "serial",
        "syns",
        "transport",
        "tunnel",
    )

    def __init__(
        self, serial: int, row: Observation, tunnel: int, key: bytes, from_outside: bool | None
    ) -> None:
        self.serial = serial
        self.tunnel = tunnel  # serial of the tunnel that it runs in
        self.key = key
        self.transport = row.inner_transport
        self.originator = (row.inner_source, row.inner_source_port)
        self.responder = (row.inner_destination, row.inner_destination_port)
        self.from_outside = from_outside  # the originator is outside; None: nobody knows
        self.outer = row  # the first packet seen
        self.exposure = -1  # serial of the service that it met
        self.first = self.last = row.time
        self.sent = Side()
        self.received = Side()
        self.history = ""
        self.syns: list[tuple[int, int]] = []  # sequence number and octets behind the header
        self.answered = False
        self.completed = False

    def flip(self) -> None:
        """The first packet seen was the responder's."""
        self.originator, self.responder = self.responder, self.originator
        if self.from_outside is not None:
            self.from_outside = not self.from_outside
        self.history = "^"

    @property
    def flipped(self) -> bool:
        return self.history.startswith("^")

    @property
    def first_flags(self) -> int:
        """TCP flags of the first packet seen, 0 if it is not TCP."""
        return self.outer.tcp_flags if self.transport == TCP else 0

    @property
    def asks_a_service(self) -> bool:
        """Opened from outside, to a port: what may expose a service of the inside."""
        return bool(self.from_outside) and self.transport in (TCP, UDP)

    def by_originator(self, row: Observation) -> bool:
        return (row.inner_source, row.inner_source_port) == self.originator

    def contradicts(self, row: Observation, outbound: bool) -> bool:
        """Whether a packet runs against what it says.

        Who asks from outside comes in, who answers goes out: else anybody outside could answer in
        the name of whom he asks.
        """
        return self.from_outside is True and outbound == self.by_originator(row)

    def add(self, row: Observation) -> None:
        """Count one packet and note what it says."""
        originator = self.by_originator(row)
        side = self.sent if originator else self.received
        side.packets += 1
        side.bytes += row.inner_length
        self.last = max(self.last, row.time)
        if self.transport == TCP:
            self._add_tcp(row, side, originator)
        elif self.transport == UDP:
            self._note("d", originator)

    def _add_tcp(self, row: Observation, side: Side, originator: bool) -> None:
        flags = row.tcp_flags
        if flags & SYN:
            side.syn = True
            self._note("h" if flags & ACK else "s", originator)
        if flags & RST:
            side.reset = True
            self._note("r", originator)
        if row.payload_length and not flags & SYN:
            self._note("d", originator)
        if flags & FIN:
            side.closed = True
            self._note("f", originator)
        if flags & ACK and not flags & (SYN | RST | FIN) and not row.payload_length:
            self._note("a", originator)

    def _note(self, letter: str, originator: bool) -> None:
        letter = letter.upper() if originator else letter
        if letter not in self.history:
            self.history += letter

    def open(self, row: Observation) -> None:
        """Keep what a SYN expects to be acknowledged: of the first, and of the last few.

        A host answers the first it receives, whatever others are sent after it to mislead.
        """
        syn = (row.tcp_sequence, row.payload_length)
        if syn in self.syns:
            return
        if len(self.syns) == SYNS_KEPT:
            del self.syns[1]
        self.syns.append(syn)

    def answers_syn(self, row: Observation) -> bool:
        """Whether this SYN-ACK or RST acknowledges a SYN that was seen, if one was."""
        return not self.syns or any(
            1 <= (row.tcp_acknowledgement - sequence) & 0xFFFFFFFF <= 1 + length
            for sequence, length in self.syns
        )

    def told(self, row: Observation, new: bool) -> EventType | None:
        """What a packet opens, answers, refuses or completes; ``new``: it is the first one."""
        if self.transport == TCP:
            return self._told_by_segment(row)
        if self.by_originator(row):
            return EventType.OPENING if new else None
        return EventType.ANSWER if self.received.packets == 1 else None

    def _told_by_segment(self, row: Observation) -> EventType | None:
        flags = row.tcp_flags
        if self.by_originator(row):
            if flags & (SYN | ACK | RST) == SYN:
                self.open(row)
                return EventType.OPENING
            if flags & (ACK | RST) == ACK and self.answered and not self.completed:
                self.completed = True
                return EventType.COMPLETED
        elif self.answers_syn(row):
            if flags & (SYN | ACK) == SYN | ACK:
                self.answered = True
                return EventType.ANSWER
            if flags & RST and self.syns and not self.answered:
                return EventType.REFUSAL
        return None

    def gives_way_to(self, row: Observation) -> bool:
        """Whether this packet opens another conversation between the same ports.

        Also where the first packet seen was sent in mid-life by the side that now is asked.
        """
        if self.transport != TCP or row.tcp_flags & (SYN | ACK | RST) != SYN:
            return False
        if self.over and self.received.syn:
            return True
        return not self.sent.syn and not self.by_originator(row)

    @property
    def over(self) -> bool:
        """A TCP connection that was reset, or closed by both sides."""
        reset = self.sent.reset or self.received.reset
        return reset or (self.sent.closed and self.received.closed)

    def idle(self, limits: TrackLimits) -> int:
        """How long this conversation may be silent, in nanoseconds."""
        if self.transport != TCP:
            return limits.datagram_idle_ns
        return limits.closed_idle_ns if self.over else limits.tcp_idle_ns

    def frozen(self) -> ConversationState:
        """The conversation as its readers see it."""
        outer, sent, received = self.outer, self.sent, self.received
        syns = [signed(sequence << 32 | length) for sequence, length in self.syns]
        syns += [0] * (SYNS_KEPT - len(syns))
        return ConversationState(
            originator=self.originator[0],
            responder=self.responder[0],
            outer_source=outer.outer_source,
            outer_destination=outer.outer_destination,
            history=self.history.encode().ljust(16, b"\0"),
            serial=self.serial,
            exposure_serial=self.exposure,
            first=self.first,
            last=self.last,
            sent_packets=sent.packets,
            sent_bytes=sent.bytes,
            received_packets=received.packets,
            received_bytes=received.bytes,
            frame=outer.frame,
            syn_0=syns[0],
            syn_1=syns[1],
            syn_2=syns[2],
            syn_3=syns[3],
            tunnel=self.tunnel,
            exposure=self.exposure,
            source=outer.source,
            originator_port=self.originator[1],
            responder_port=self.responder[1],
            outer_source_port=outer.outer_source_port,
            outer_destination_port=outer.outer_destination_port,
            transport=self.transport,
            icmp_type=outer.icmp_type,
            icmp_code=outer.icmp_code,
            outer_version=outer.outer_version,
            outer_transport=outer.outer_transport,
            from_outside=_UNKNOWN if self.from_outside is None else int(self.from_outside),
            flipped=int(self.flipped),
            syns=len(self.syns),
            sent_syn=int(sent.syn),
            sent_closed=int(sent.closed),
            sent_reset=int(sent.reset),
            received_syn=int(received.syn),
            received_closed=int(received.closed),
            received_reset=int(received.reset),
            answered=int(self.answered),
            completed=int(self.completed),
            first_flags=self.first_flags,
        )
