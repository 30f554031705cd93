from __future__ import annotations

import errno

import pytest

from sensor.lab.live.totals import Totals


def test_packets_and_octets_are_told_for_each_way() -> None:
    totals = Totals()
    totals.received.add(48)
    totals.sent.add(61)
    totals.sent.add(40)
    totals.taken.add(1_280)
    assert totals.lines({}) == [
        "UDP datagrams: 1 (48 bytes) in, 2 (101 bytes) out;"
        " IPv6 packets: 1 (1280 bytes) into the tunnel, 0 (0 bytes) out of it",
        "dropped: nothing",
    ]


def test_packets_of_another_sort_are_told_as_what_they_are() -> None:
    assert Totals("IPv4 packets").lines({})[0].startswith("IPv4 packets: 0 (0 bytes) in, ")


def test_what_the_kernel_refused_stands_beside_what_the_machine_dropped() -> None:
    totals = Totals()
    for code in (errno.ENETUNREACH, errno.ENETUNREACH, errno.EPERM):
        totals.refuse("send", OSError(code, "text"))
    line = totals.lines({"queue-full": 3})[-1]
    assert line == "dropped: queue-full 3, send-enetunreach 2, send-eperm 1"


@pytest.mark.parametrize("error", [OSError(), OSError(99_999, "none")])
def test_an_error_without_a_known_number_is_counted_too(error: OSError) -> None:
    totals = Totals()
    totals.refuse("bind", error)
    assert totals.refused == {"bind-error": 1}
