from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import DecodeError
from sensor.wire import mpls
from sensor.wire.cursor import Cursor
from sensor.wire.mpls import Label

# Label 1000, class 5, TTL 255, then IPv6 explicit null at the bottom, TTL 1 (RFC 3032 section 2).
STACK = bytes.fromhex("003e8aff 00002101")


def parse(data: bytes) -> tuple[Label, ...]:
    return mpls.parse(Cursor(data))


def test_a_stack_of_two() -> None:
    cursor = Cursor(STACK + b"\x60")
    assert mpls.parse(cursor) == (
        Label(label=1000, traffic_class=5, bottom=False, ttl=255),
        Label(label=2, traffic_class=0, bottom=True, ttl=1),
    )
    assert cursor.rest() == b"\x60"


def test_what_is_built() -> None:
    assert mpls.build([1000, 2], b"\x60") == bytes.fromhex("003e8040 00002140 60")


def test_no_labels_are_no_stack() -> None:
    with pytest.raises(ValueError, match="at least one"):
        mpls.build([], b"\x60")


def test_more_labels_than_the_limit_are_refused() -> None:
    assert len(parse(mpls.build(range(mpls.MAX_LABELS), b""))) == mpls.MAX_LABELS
    with pytest.raises(DecodeError, match="too many labels at offset 64"):
        parse(mpls.build(range(mpls.MAX_LABELS + 1), b""))


def test_cut_at_every_byte(refused: Callable[..., list[int]]) -> None:
    assert refused(parse, STACK + b"\x60") == list(range(8))


@given(
    st.lists(st.integers(0, 0xFFFFF), min_size=1, max_size=mpls.MAX_LABELS), st.binary(max_size=9)
)
def test_round_trip(labels: list[int], payload: bytes) -> None:
    cursor = Cursor(mpls.build(iter(labels), payload))
    stack = mpls.parse(cursor)
    assert [each.label for each in stack] == labels
    assert [each.bottom for each in stack] == [False] * (len(labels) - 1) + [True]
    assert {(each.traffic_class, each.ttl) for each in stack} == {(0, 64)}
    assert cursor.rest() == payload


@given(st.binary(max_size=80))
def test_any_bytes_are_answered_or_refused(answered: Callable[..., bool], data: bytes) -> None:
    if answered(parse, data):
        assert any(octet & 1 for octet in data[2 : 4 * mpls.MAX_LABELS : 4])
