from __future__ import annotations

import pytest

from sensor.emit.texts import (
    aligned,
    base_name,
    clock_text,
    endpoint_text,
    fitted,
    mac_text,
    printable,
    protocol_text,
    second_text,
    since_text,
    spaced_text,
    time_text,
)
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed


def test_times_are_utc() -> None:
    assert time_text(1_795_244_514_937_467_001) == "2026-11-21T07:01:54.937467001Z"
    assert second_text(1_795_244_514_937_467_001) == "2026-11-21T07:01:54Z"
    assert time_text(-1) == "1969-12-31T23:59:59.999999999Z"


def test_times_in_sentences_leave_out_what_was_told() -> None:
    told = 1_795_244_514_937_467_001
    assert spaced_text(told) == "2026-11-21 07:01:54Z"
    assert clock_text(told) == "07:01:54Z"
    assert since_text(told + 1_000_000_000, told) == "07:01:55Z"
    assert since_text(told + 86_400_000_000_000, told) == "2026-11-22 07:01:54Z"


def test_columns_are_as_wide_as_what_they_hold() -> None:
    assert aligned([("ID", "FRAMES"), ("abc", "7")]) == [" ID   FRAMES", " abc       7"]


@pytest.mark.parametrize(
    ("width", "heading", "sentences"),
    [
        (25, " ID  FROM     TO   FRAMES", ["", ""]),
        (24, " ID  TO   FRAMES", ["from 1.2.3.4", ""]),
        (14, " ID  FRAMES", ["from 1.2.3.4, to ::1", "to ::2"]),
        (1, " ID  FRAMES", ["from 1.2.3.4, to ::1", "to ::2"]),
    ],
)
def test_columns_without_room_become_sentences(
    width: int, heading: str, sentences: list[str]
) -> None:
    rows = [("ID", "FROM", "TO", "FRAMES"), ("a", "1.2.3.4", "::1", "7"), ("b", "-", "::2", "8")]
    lines, moved = fitted(rows, width, [1, 2])
    assert lines[0] == heading
    assert moved == sentences


def test_a_file_alone_has_no_folders_and_one_line() -> None:
    assert base_name("x/y\n/a\x1b.pcap") == r"a\x1b.pcap"


def test_endpoints() -> None:
    assert endpoint_text(Endpoint(packed("192.0.2.1"), 80)) == "192.0.2.1:80"
    assert endpoint_text(Endpoint(packed("2001:db8::1"), 80)) == "[2001:db8::1]:80"
    assert endpoint_text(Endpoint(packed("2001:db8::1"), 0)) == "2001:db8::1"


def test_protocols_and_link_addresses() -> None:
    assert [protocol_text(number) for number in (6, 17, 58, 59, 132)] == [
        *("tcp", "udp", "ipv6-icmp", "none", "132")
    ]
    assert mac_text(bytes.fromhex("00005e0053ff")) == "00-00-5E-00-53-FF"


def test_names_that_are_no_text_become_some() -> None:
    assert printable(b"a\xff.pcap".decode(errors="surrogateescape")) == "a\ufffd.pcap"
