"""One TCP conversation (RFC 9293), without congestion control and urgent data.

Both byte streams are counted from their SYN: 0 is the SYN, data begins at 1, the FIN follows it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from sensor.lab.network.clock import Clock
from sensor.schema.records import Endpoint
from sensor.wire import tcp

# What fits in the packet that every path carries: 1280 octets of IPv6 (RFC 8200 section 5), or
# an Ethernet frame of IPv4; by length of address.
SEGMENT = {4: 1460, 16: 1220}
WINDOW = 65_535  # octets, always open

RETRANSMISSION = 1.0  # seconds to the first one (RFC 6298 section 2.1), doubled each time
RETRANSMISSIONS = 6

# Octets that one conversation takes; its peer's next ones reset it.
STREAM = 1 << 24

_NUMBERS = 1 << 32


class State(Enum):
    """How far the conversation is."""

    SYN_SENT = "syn-sent"
    SYN_RECEIVED = "syn-received"
    OPEN = "open"
    CLOSED = "closed"


class Outcome(Enum):
    """How it ended."""

    PENDING = "pending"
    ANSWERED = "answered"  # both ends have said all and acknowledged it
    REFUSED = "refused"
    RESET = "reset"
    TIMED_OUT = "timed-out"
    UNREACHABLE = "unreachable"  # no address to send from, or no room for one more


class Connection:
    """One end; times in seconds, ``received`` what came in order.

    ``on_data`` is called when more of it came, ``on_end`` once at the end.
    """

    def __init__(
        self,
        clock: Clock,
        local: Endpoint,
        remote: Endpoint,
        first_sequence: int,
        send: Callable[[bytes], None],
    ) -> None:
        self.local = local
        self.remote = remote
        self.state = State.CLOSED
        self.outcome = Outcome.PENDING
        self.opened = clock.now
        self.established: float | None = None
        self.closed: float | None = None
        self.on_data: Callable[[Connection], None] = lambda _: None
        self.on_end: Callable[[Connection], None] = lambda _: None
        self._clock = clock
        self._transmit = send
        self._sequence = first_sequence
        self._output = bytearray()
        self._closing = False
        self._acknowledged = 0  # of our stream
        self._sent = 0  # to be sent on from here
        self._highest = 0  # ever sent
        self._window = WINDOW
        self._their_sequence = 0
        self._expected = 0  # of their stream; 0 until their SYN
        self._input = bytearray()
        self._finished = False  # they sent a FIN
        self._owes = False  # an acknowledgement
        self._wait = RETRANSMISSION
        self._tries = 0
        self._deadline: float | None = None

    @property
    def received(self) -> bytes:
        return bytes(self._input)

    def open(self, request: bytes) -> None:
        """Call the other end, and say ``request`` when it answers."""
        self._output += request
        self.state = State.SYN_SENT
        self._push()

    def accept(self, header: tcp.TCPHeader) -> None:
        """Answer the SYN of the other end."""
        self._take_their_syn(header)
        self.state = State.SYN_RECEIVED
        self._push()

    def send(self, data: bytes) -> None:
        """Say more; what comes after ``close`` is not sent."""
        if not self._closing and self.state is not State.CLOSED:
            self._output += data
            self._push()

    def close(self) -> None:
        """Say that this was all."""
        if not self._closing and self.state is not State.CLOSED:
            self._closing = True
            self._push()

    def unreachable(self) -> None:
        """Nothing can be sent."""
        self._end(Outcome.UNREACHABLE)

    def receive(self, header: tcp.TCPHeader, data: bytes) -> None:
        """A segment of the other end."""
        if self.state is State.CLOSED:
            if data or header.flags & tcp.FIN:  # our last acknowledgement was lost
                self._acknowledge()
        elif header.flags & tcp.RST:
            self._receive_reset(header)
        elif self.state is State.SYN_SENT:
            self._receive_answer(header)
        elif header.flags & tcp.SYN:
            self._receive_syn_again()
        elif header.flags & tcp.ACK:
            self._receive_stream(header, data)

    def _receive_reset(self, header: tcp.TCPHeader) -> None:
        """Only one that knows our sequence or its own is no forgery (RFC 9293 section 3.5.3)."""
        if self.state is State.SYN_SENT:
            if header.flags & tcp.ACK and self._position(header) == 1:
                self._end(Outcome.REFUSED)
        elif self._offset(header) == self._expected:
            self._end(Outcome.RESET)

    def _receive_answer(self, header: tcp.TCPHeader) -> None:
        if header.flags & tcp.SYN and header.flags & tcp.ACK and self._position(header) == 1:
            self._take_their_syn(header)
            self._take_acknowledgement(header)
            self._establish()
            self._acknowledge()
            self._push()

    def _receive_syn_again(self) -> None:
        if self.state is State.SYN_RECEIVED:
            self._sent = self._acknowledged
            self._push()
        else:
            self._acknowledge()

    def _receive_stream(self, header: tcp.TCPHeader, data: bytes) -> None:
        self._take_acknowledgement(header)
        if self.state is State.SYN_RECEIVED:
            if not self._acknowledged:
                return
            self._establish()
        self._take_data(header, data)
        self._push()
        if self._owes:
            self._acknowledge()
        done = self._finished and self._closing and self._acknowledged == self._total
        if done and self.state is State.OPEN:
            self._end(Outcome.ANSWERED)

    def _take_their_syn(self, header: tcp.TCPHeader) -> None:
        self._their_sequence = header.sequence
        self._expected = 1
        self._window = header.window

    def _establish(self) -> None:
        self.state = State.OPEN
        self.established = self._clock.now

    def _take_acknowledgement(self, header: tcp.TCPHeader) -> None:
        position = self._position(header)
        if position > self._highest:
            return
        self._window = header.window
        if position <= self._acknowledged:
            return
        self._acknowledged = position
        self._sent = max(self._sent, position)
        self._tries, self._wait = 0, RETRANSMISSION
        self._set_timer()

    def _take_data(self, header: tcp.TCPHeader, data: bytes) -> None:
        """Take what is next in order; what is not is asked for again by acknowledging."""
        fin = bool(header.flags & tcp.FIN)
        if not data and not fin:
            return
        self._owes = True
        known = self._expected - self._offset(header)
        if known < 0 or known >= len(data) + fin or self._finished:
            return
        self._expected += len(data) + fin - known
        self._finished = fin
        self._input += data[known:]
        if len(self._input) > STREAM:
            self._abort()
            return
        if data[known:]:
            self.on_data(self)
        if fin:
            self.close()

    @property
    def _total(self) -> int:
        """The length of our stream as far as it is known."""
        return 1 + len(self._output) + self._closing

    def _push(self) -> None:
        """Send all that may be sent now."""
        if self.state is State.CLOSED:
            return
        while self._sent < self._total and self._sent - self._acknowledged < max(self._window, 1):
            if self._sent == 0:
                self._send_syn()
            elif self.state is not State.OPEN:
                break
            else:
                self._send_next()
            self._highest = max(self._highest, self._sent)
        if self._deadline is None:
            self._set_timer()

    def _send_syn(self) -> None:
        flags = tcp.SYN if self.state is State.SYN_SENT else tcp.SYN | tcp.ACK
        size = SEGMENT[len(self.local.ip)]
        self._send(flags, options=b"\x02\x04" + size.to_bytes(2))
        self._sent = 1

    def _send_next(self) -> None:
        """A segment of data, or the FIN behind the last one."""
        room = max(self._window, 1) - (self._sent - self._acknowledged)
        start = self._sent - 1
        data = bytes(self._output[start : start + min(room, SEGMENT[len(self.local.ip)])])
        if not data:
            self._send(tcp.FIN | tcp.ACK)
            self._sent += 1
            return
        last = start + len(data) == len(self._output)
        self._send(tcp.ACK | (tcp.PSH if last else 0), data)
        self._sent += len(data)

    def _acknowledge(self) -> None:
        """Tell how far their stream came; numbered as what we send next for the first time."""
        self._send(tcp.ACK, sequence=self._highest)

    def _abort(self) -> None:
        self._send(tcp.RST | tcp.ACK)
        self._end(Outcome.RESET)

    def _send(
        self, flags: int, data: bytes = b"", options: bytes = b"", sequence: int | None = None
    ) -> None:
        if flags & tcp.ACK:
            self._owes = False
        position = self._sent if sequence is None else sequence
        segment = tcp.build(
            self.local.ip, self.remote.ip, self.local.port, self.remote.port,
            sequence=(self._sequence + position) % _NUMBERS,
            acknowledgement=self._next_of_theirs if flags & tcp.ACK else 0,
            flags=flags, window=WINDOW, payload=data, options=options,
        )  # fmt: skip
        self._transmit(segment)

    @property
    def _next_of_theirs(self) -> int:
        return (self._their_sequence + self._expected) % _NUMBERS

    def _position(self, header: tcp.TCPHeader) -> int:
        """How much of our stream a segment acknowledges."""
        return (header.acknowledgement - self._sequence) % _NUMBERS

    def _offset(self, header: tcp.TCPHeader) -> int:
        """Where in their stream a segment begins."""
        return (header.sequence - self._their_sequence) % _NUMBERS

    def _set_timer(self) -> None:
        """Wait for the acknowledgement of what is sent, if anything is."""
        if self._acknowledged == self._highest:
            self._deadline = None
            return
        due = self._deadline = self._clock.now + self._wait
        self._clock.at(due, lambda: self._expire(due))

    def _expire(self, due: float) -> None:
        if due != self._deadline:  # acknowledged since, or over
            return
        self._deadline = None
        if self._tries == RETRANSMISSIONS:
            self._end(Outcome.TIMED_OUT)
            return
        self._tries += 1
        self._wait *= 2
        self._sent = self._acknowledged
        self._push()

    def _end(self, outcome: Outcome) -> None:
        self.state = State.CLOSED
        self.outcome = outcome
        self.closed = self._clock.now
        self._deadline = None
        self.on_end(self)
