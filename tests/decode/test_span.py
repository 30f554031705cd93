from __future__ import annotations

import pytest

from sensor.decode.span import Span
from sensor.errors import DecodeError
from sensor.schema.words import Anomaly, Reason

NOTHING = Anomaly(0)
WHOLE = Span(10, 50, 50, NOTHING)
CUT = Span(10, 30, 50, Anomaly.TRUNCATED)


def test_a_whole_span_misses_nothing() -> None:
    assert (WHOLE.length, WHOLE.present, WHOLE.missing, WHOLE.fragment) == (40, 40, NOTHING, False)


def test_a_cut_span_says_why() -> None:
    assert (CUT.length, CUT.present, CUT.missing) == (40, 20, Anomaly.TRUNCATED)


def test_a_header_that_announces_less_ends_the_span_there() -> None:
    assert WHOLE.announce(15) == Span(10, 25, 25, NOTHING)
    assert CUT.announce(15) == Span(10, 25, 25, Anomaly.TRUNCATED)
    assert CUT.announce(15).missing == NOTHING
    assert CUT.announce(25) == Span(10, 30, 35, Anomaly.TRUNCATED)


def test_a_header_that_announces_more_lies() -> None:
    assert WHOLE.announce(41) == Span(10, 50, 51, Anomaly.LENGTH_MISMATCH)
    assert WHOLE.announce(41).missing == Anomaly.LENGTH_MISMATCH
    assert CUT.announce(41).missing == Anomaly.TRUNCATED | Anomaly.LENGTH_MISMATCH


def test_of_a_fragment_more_is_to_come() -> None:
    fragment = WHOLE.first_fragment()
    assert fragment == Span(10, 50, 50, Anomaly.FRAGMENT_INCOMPLETE)
    assert fragment.fragment
    assert fragment.missing == Anomaly.FRAGMENT_INCOMPLETE
    assert fragment.announce(99) == Span(10, 50, 109, Anomaly.FRAGMENT_INCOMPLETE)
    assert fragment.announce(9).missing == Anomaly.FRAGMENT_INCOMPLETE


def test_what_an_error_quotes_may_go_on_as_far_as_a_packet_can() -> None:
    quote = Span(10, 30, 31, Anomaly.LENGTH_MISMATCH).quote(30)
    assert quote == Span(10, 30, 10 + 40 + 65535, Anomaly.TRUNCATED)
    assert Span(10, 30, 31, NOTHING).quote(20) == Span(10, 20, 10 + 40 + 65535, Anomaly.TRUNCATED)
    assert quote.announce(20).missing == NOTHING
    assert quote.announce(21).missing == Anomaly.TRUNCATED


def test_a_header_is_cut_only_where_its_octets_are_missing() -> None:
    cut, damaged = DecodeError("truncated"), DecodeError("GRE version 2")
    assert CUT.unread(cut, Reason.GRE) is Reason.TRUNCATED_PAYLOAD
    assert CUT.unread(damaged, Reason.GRE) is Reason.GRE
    assert WHOLE.unread(cut, Reason.GRE) is Reason.GRE


def test_a_span_begins_anew_behind_a_header() -> None:
    assert CUT.after(14) == Span(14, 30, 50, Anomaly.TRUNCATED)


def test_octets_and_cursor_stay_within_what_can_be_read() -> None:
    data = bytes(range(100))
    assert CUT.octets(data) == data[10:30]
    cursor = CUT.cursor(data)
    assert (cursor.position, cursor.end) == (10, 30)


@pytest.mark.parametrize("start", [30, 31, 99, 4000])
def test_behind_its_end_a_span_has_no_octets(start: int) -> None:
    """A header may be said to end behind what was announced around it."""
    span = CUT.after(start)
    assert span.octets(bytes(100)) == b""
    with pytest.raises(DecodeError, match="truncated"):
        span.cursor(bytes(100)).u8()


def test_up_to_a_packet_put_together_announcements_count_for_nothing() -> None:
    span = Span(10, 50, 50, NOTHING, whole_at=20)
    for start in (10, 20):
        assert span.after(start).widened
        assert span.after(start).announce(5) == span.after(start).announce(500) == span.after(start)
    behind = span.after(21)
    assert not behind.widened
    assert behind.announce(5) == Span(21, 26, 26, NOTHING, whole_at=20)
    assert not WHOLE.widened
