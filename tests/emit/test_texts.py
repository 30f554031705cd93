from __future__ import annotations

from sensor.emit.texts import (
    endpoint_text,
    mac_text,
    printable,
    protocol_text,
    second_text,
    time_text,
)
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed


def test_times_are_utc() -> None:
    assert time_text(1_795_244_514_937_467_001) == "2026-11-21T07:01:54.937467001Z"
    assert second_text(1_795_244_514_937_467_001) == "2026-11-21T07:01:54Z"
    assert time_text(-1) == "1969-12-31T23:59:59.999999999Z"


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
