"""Connectivity tests that nobody answered yet."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.track import connectivity
from sensor.track.connectivity import ConnectivityTests
from sensor.wire import icmpv6
from tests.track.rows import (
    CLIENT,
    NATIVE,
    NATIVE2,
    OTHER_MAPPED,
    RELAY,
    TEREDO,
    address_of,
    connectivity_test,
    echo,
)

HOST = CLIENT[0].ljust(16, b"\0")
REPLY = echo(RELAY, CLIENT, NATIVE, TEREDO, icmpv6.ECHO_REPLY)


def test_a_test_is_answered_once_and_to_its_own_client() -> None:
    tests = ConnectivityTests(Counter())
    tests.ask(HOST, connectivity_test())
    assert not tests.answer(HOST, echo(RELAY, CLIENT, NATIVE, address_of(OTHER_MAPPED), 129))
    assert not tests.answer(HOST, echo(RELAY, CLIENT, NATIVE2, TEREDO, icmpv6.ECHO_REPLY))
    assert not tests.answer(HOST, REPLY._replace(icmp_sequence=10))
    assert not tests.answer(OTHER_MAPPED[0].ljust(16, b"\0"), REPLY)
    assert tests.answer(HOST, REPLY)
    assert not tests.answer(HOST, REPLY)


def test_behind_a_symmetric_nat_the_answer_comes_to_another_end() -> None:
    tests = ConnectivityTests(Counter())
    tests.ask(HOST, connectivity_test())
    assert tests.answer(HOST, echo(RELAY, OTHER_MAPPED, NATIVE, TEREDO, icmpv6.ECHO_REPLY))


@pytest.mark.parametrize(
    "other",
    [
        REPLY._replace(icmp_type=icmpv6.ECHO_REQUEST),
        REPLY._replace(has_transport=0),
        REPLY._replace(inner_transport=17),
    ],
)
def test_other_packets_answer_nothing(other: object) -> None:
    tests = ConnectivityTests(Counter())
    tests.ask(HOST, connectivity_test())
    assert not tests.answer(HOST, other)  # type: ignore[arg-type]
    assert len(tests) == 1


def test_the_oldest_makes_room_and_a_repeated_one_is_as_old_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connectivity, "TESTS_KEPT", 2)
    hits: Counter[str] = Counter()
    tests = ConnectivityTests(hits)
    for sequence in (1, 2, 1):
        tests.ask(HOST, connectivity_test(sequence=sequence))
    assert hits == {}
    tests.ask(HOST, connectivity_test(sequence=3))
    assert (hits, len(tests)) == ({"tests": 1}, 2)
    assert not tests.answer(HOST, REPLY._replace(icmp_sequence=1))
    assert tests.answer(HOST, REPLY._replace(icmp_sequence=2))
