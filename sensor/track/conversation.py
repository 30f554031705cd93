"""One inner conversation: who opened it, what was said, how it ended.

States and history letters are Zeek's: capitals for the originator, ``^`` first where the first
packet seen was the responder's.
"""

from __future__ import annotations

from sensor.schema.rows import Observation
from sensor.schema.words import ConnectionState
from sensor.track.settings import TrackLimits
from sensor.wire.tcp import ACK, FIN, RST, SYN

TCP = 6
UDP = 17
ICMPV6 = 58

SYNS_KEPT = 4


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
    """Slotted state of one conversation; ``originator`` and ``responder`` are (ip, port)."""

    __slots__ = (
        "answered",
        "completed",
        "first",
        "from_outside",
        "history",
        "icmp",
        "key",
        "last",
        "originator",
        "outer",
        "received",
        "responder",
        "sent",
        "syns",
        "transport",
        "tunnel",
    )

    def __init__(
        self, row: Observation, tunnel: int, key: bytes, from_outside: bool | None
    ) -> None:
        self.tunnel = tunnel
        self.key = key
        self.transport = row.inner_transport
        self.icmp = (row.icmp_type, row.icmp_code)
        self.originator = (row.inner_source, row.inner_source_port)
        self.responder = (row.inner_destination, row.inner_destination_port)
        self.from_outside = from_outside  # the originator is outside; None: nobody knows
        self.outer = row
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

    def by_originator(self, row: Observation) -> bool:
        return (row.inner_source, row.inner_source_port) == self.originator

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

    @property
    def state(self) -> ConnectionState:
        """Zeek's conn_state."""
        if self.transport == TCP:
            return _tcp_state(self.sent, self.received)
        if self.transport == UDP:
            return _udp_state(self.sent, self.received)
        return ConnectionState.OTH


def _udp_state(sent: Side, received: Side) -> ConnectionState:
    if not received.packets:
        return ConnectionState.S0
    return ConnectionState.SF if sent.packets else ConnectionState.SHR


def _tcp_state(sent: Side, received: Side) -> ConnectionState:
    if not sent.syn:
        return _without_syn(received)
    if not received.syn:
        return _without_answer(sent, received)
    if received.reset:
        return ConnectionState.RSTR
    if sent.reset:
        return ConnectionState.RSTO
    if sent.closed and received.closed:
        return ConnectionState.SF
    if sent.closed:
        return ConnectionState.S2
    return ConnectionState.S3 if received.closed else ConnectionState.S1


def _without_syn(received: Side) -> ConnectionState:
    if received.syn and received.reset:
        return ConnectionState.RSTRH
    if received.syn and received.closed:
        return ConnectionState.SHR
    return ConnectionState.OTH


def _without_answer(sent: Side, received: Side) -> ConnectionState:
    if received.reset:
        return ConnectionState.REJ
    if sent.reset:
        return ConnectionState.RSTOS0
    if received.packets:
        return ConnectionState.OTH
    return ConnectionState.SH if sent.closed else ConnectionState.S0
