"""One end of a TCP conversation, segment by segment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.network import connection as module
from sensor.lab.network.clock import Clock
from sensor.lab.network.connection import (
    RETRANSMISSIONS,
    SEGMENT,
    STREAM,
    WINDOW,
    Connection,
    Outcome,
    State,
)
from sensor.schema.records import Endpoint
from sensor.wire import tcp
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor

OURS = Endpoint(packed("2001:db8::a"), 50_000)
THEIRS = Endpoint(packed("2001:db8::b"), 80)
FIRST = 0xFFFFFFFF  # the sequence number wraps behind the SYN
THEIR_FIRST = 0xFFFFFF00


class Sent:
    """A segment that was sent."""

    def __init__(self, time: float, octets: bytes) -> None:
        cursor = Cursor(octets)
        self.time = time
        self.header = tcp.parse(cursor)
        self.data = cursor.rest()
        self.flags = tcp.flags_text(self.header.flags)


class End:
    """A connection and a scripted other end."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.segments: list[Sent] = []
        self.connection = Connection(self.clock, OURS, THEIRS, FIRST, self._note)

    def _note(self, octets: bytes) -> None:
        self.segments.append(Sent(self.clock.now, octets))

    def outcome(self) -> Outcome:
        return self.connection.outcome

    def state(self) -> State:
        return self.connection.state

    def take(self) -> list[tuple[str, int, bytes]]:
        """Flags, position in our stream and data of what was sent since last time."""
        taken, self.segments = self.segments, []
        return [(s.flags, (s.header.sequence - FIRST) % 2**32, s.data) for s in taken]

    def hear(
        self, flags: int, position: int, acknowledged: int, data: bytes = b"", window: int = WINDOW
    ) -> None:
        """A segment at a position of their stream that acknowledges so much of ours."""
        octets = tcp.build(
            THEIRS.ip, OURS.ip, THEIRS.port, OURS.port,
            sequence=(THEIR_FIRST + position) % 2**32,
            acknowledgement=(FIRST + acknowledged) % 2**32, flags=flags, window=window,
            payload=data,
        )  # fmt: skip
        cursor = Cursor(octets)
        header = tcp.parse(cursor)
        self.connection.receive(header, cursor.rest())

    def opened(self, request: bytes = b"") -> End:
        self.connection.open(request)
        self.hear(tcp.SYN | tcp.ACK, 0, 1)
        self.take()
        return self


def test_a_whole_conversation() -> None:
    end = End()
    end.connection.open(b"GET")
    assert end.state() is State.SYN_SENT
    assert end.take() == [("S", 0, b"")]
    end.clock.run(0.5)
    end.hear(tcp.SYN | tcp.ACK, 0, 1)
    assert end.take() == [("A", 1, b""), ("PA", 1, b"GET")]
    end.hear(tcp.ACK, 1, 4, b"page")
    assert end.take() == [("A", 4, b"")]
    end.hear(tcp.ACK | tcp.FIN, 5, 4)
    assert end.take() == [("FA", 4, b"")]
    end.hear(tcp.ACK, 6, 5)
    assert (end.connection.outcome, end.connection.received) == (Outcome.ANSWERED, b"page")
    assert (end.connection.established, end.connection.closed) == (0.5, 0.5)
    end.clock.run(100.0)
    assert end.take() == []


def test_the_syn_offers_segments_that_fit_a_tunnel() -> None:
    end = End()
    segments: list[bytes] = []
    connection = Connection(end.clock, OURS, THEIRS, FIRST, segments.append)
    connection.open(b"")
    assert segments[0][20:] == bytes.fromhex("020404c4")  # MSS 1220


def test_retransmissions_double_their_wait_and_end() -> None:
    end = End()
    end.connection.open(b"")
    end.clock.run(1000.0)
    assert [sent.time for sent in end.segments] == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0]
    assert len(end.segments) == 1 + RETRANSMISSIONS
    assert (end.connection.outcome, end.connection.closed) == (Outcome.TIMED_OUT, 127.0)


def test_the_wait_begins_anew_after_progress() -> None:
    end = End().opened(b"x" * 3000)
    end.clock.run(1.0)
    assert [position for _, position, _ in end.take()] == [1, 1221, 2441]
    end.hear(tcp.ACK, 1, 1221)
    assert end.take() == []
    end.clock.run(2.0)
    assert [position for _, position, _ in end.take()] == [1221, 2441]
    end.hear(tcp.ACK, 1, 3001)
    end.clock.run(50.0)
    assert end.take() == []


def test_data_out_of_order_or_twice_is_asked_for_again() -> None:
    end = End().opened()
    end.hear(tcp.ACK, 4, 1, b"def")
    end.hear(tcp.PSH, 1, 1, b"xyz")  # without ACK it is nothing (RFC 9293 section 3.10.7.4)
    assert end.connection.received == b""
    end.hear(tcp.ACK, 1, 1, b"abc")
    end.hear(tcp.ACK, 1, 1, b"abc")
    end.hear(tcp.ACK, 3, 1, b"cdef")
    assert end.connection.received == b"abcdef"
    told = [(s.header.acknowledgement - THEIR_FIRST) % 2**32 for s in end.segments]
    assert told == [1, 4, 4, 7]


def test_acknowledgements_of_what_was_never_sent_are_ignored() -> None:
    end = End().opened(b"abc")
    for wrong in (5, 2**31, 2**32 - 1):
        end.hear(tcp.ACK, 1, wrong, window=0)
    end.hear(tcp.ACK, 1, 4)
    end.connection.send(b"more")
    assert end.take() == [("PA", 4, b"more")]


def test_a_small_window_is_respected() -> None:
    end = End().opened()
    end.hear(tcp.ACK, 1, 1, window=1500)
    end.connection.send(b"x" * 5000)
    assert [len(data) for _, _, data in end.take()] == [1220, 280]
    end.hear(tcp.ACK, 1, 1501, window=0)
    assert [len(data) for _, _, data in end.take()] == [1]  # asks whether it is open again
    end.hear(tcp.ACK, 1, 1502, window=WINDOW)
    assert sum(len(data) for _, _, data in end.take()) == 3499


def test_after_going_back_acknowledgements_are_numbered_as_the_newest() -> None:
    end = End().opened()
    end.connection.send(b"x" * 3000)
    end.hear(tcp.ACK, 1, 1, window=100)
    end.clock.run(1.0)
    assert [len(data) for _, _, data in end.take()] == [1220, 1220, 560, 100]
    end.hear(tcp.ACK, 1, 1, b"abc", window=100)
    assert end.take() == [("A", 3001, b"")]


def test_a_reset_of_the_syn_is_a_refusal_if_it_knows_our_sequence() -> None:
    end = End()
    end.connection.open(b"")
    end.hear(tcp.RST | tcp.ACK, 0, 2)
    end.hear(tcp.RST, 0, 1)
    assert end.outcome() is Outcome.PENDING
    end.hear(tcp.RST | tcp.ACK, 0, 1)
    assert end.outcome() is Outcome.REFUSED


def test_a_reset_ends_a_conversation_if_it_is_in_sequence() -> None:
    end = End().opened(b"abc")
    end.hear(tcp.RST, 9, 1)
    assert end.state() is State.OPEN
    end.hear(tcp.RST, 1, 1)
    assert end.outcome() is Outcome.RESET
    end.connection.send(b"more")
    end.connection.close()
    end.clock.run(100.0)
    assert end.take() == []


def test_the_called_end_answers_a_syn_each_time() -> None:
    end = End()
    octets = tcp.build(
        THEIRS.ip, OURS.ip, THEIRS.port, OURS.port,
        sequence=THEIR_FIRST, acknowledgement=0, flags=tcp.SYN,
    )  # fmt: skip
    header = tcp.parse(Cursor(octets))
    end.connection.accept(header)
    end.connection.receive(header, b"")
    assert end.take() == [("SA", 0, b"")] * 2
    end.hear(tcp.ACK, 1, 0)
    assert end.state() is State.SYN_RECEIVED
    end.hear(tcp.ACK, 1, 1)
    assert end.state() is State.OPEN
    end.connection.receive(header, b"")  # a copy that came late
    assert end.take() == [("A", 1, b"")]


def test_a_syn_that_answers_something_else_is_ignored() -> None:
    end = End()
    end.connection.open(b"")
    end.hear(tcp.SYN | tcp.ACK, 0, 7)
    end.hear(tcp.ACK, 0, 1)
    assert end.state() is State.SYN_SENT


def test_who_is_done_still_acknowledges_what_comes_twice() -> None:
    end = End().opened()
    end.hear(tcp.ACK | tcp.FIN, 1, 1)
    end.hear(tcp.ACK, 2, 2)
    assert end.outcome() is Outcome.ANSWERED
    end.take()
    end.hear(tcp.ACK | tcp.FIN, 1, 1)
    end.hear(tcp.ACK, 2, 2)
    assert end.take() == [("A", 2, b"")]


def test_who_closes_first_waits_for_the_other() -> None:
    end = End().opened()
    end.connection.close()
    end.connection.close()
    end.connection.send(b"too late")
    assert end.take() == [("FA", 1, b"")]
    end.hear(tcp.ACK, 1, 2)
    assert end.outcome() is Outcome.PENDING
    end.hear(tcp.ACK | tcp.FIN, 1, 2, b"bye")
    assert end.outcome() is Outcome.ANSWERED
    assert end.connection.received == b"bye"
    assert end.take() == [("A", 2, b"")]


def test_nothing_follows_their_fin() -> None:
    end = End().opened()
    end.hear(tcp.ACK | tcp.FIN, 1, 1)
    end.hear(tcp.ACK, 2, 1, b"more")
    assert end.connection.received == b""
    assert end.state() is State.OPEN  # until our FIN is acknowledged


def test_a_stream_without_end_is_reset() -> None:
    end = End().opened()
    chunk = bytes(1 << 20)
    for number in range(STREAM // len(chunk)):
        end.hear(tcp.ACK, 1 + number * len(chunk), 1, chunk)
    assert end.outcome() is Outcome.PENDING
    end.take()
    end.hear(tcp.ACK, 1 + STREAM, 1, b"x")
    assert end.outcome() is Outcome.RESET
    assert [flags for flags, _, _ in end.take()] == ["RA"]


def test_segment_sizes_fit_their_paths() -> None:
    assert SEGMENT == {4: 1500 - 40, 16: 1280 - 60}
    assert module.WINDOW < 1 << 16


numbers = st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1))


@given(st.lists(st.tuples(st.integers(0, 255), numbers, numbers, st.binary(max_size=3))))
def test_hostile_segments_raise_nothing_and_cost_little(
    segments: list[tuple[int, int, int, bytes]],
) -> None:
    end = End()
    end.connection.open(b"request")
    for flags, position, acknowledged, data in segments:
        end.hear(flags, position, acknowledged, data)
    end.clock.run(200.0)
    assert end.connection.state is not State.SYN_SENT
    assert len(end.segments) <= 10 * (len(segments) + RETRANSMISSIONS + 1)
