"""How many frames of each public capture are tunnelled, and by what."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from ..command import call_sensor

TUNNELLED = [
    ("miredo/nat-inside.pcap", {"teredo": 22}),
    ("miredo/nat-outside.pcap", {"teredo": 22}),
    ("zeek/Teredo.pcap", {"teredo": 29}),
    ("ndpi/teredo.pcap", {"teredo": 24}),
    ("zeek/6in4.pcap", {"6in4": 1}),
    ("zeek/ping6-in-ipv4.pcap", {"6in4": 10}),
    ("ndpi/6in4tunnel.pcap", {"6in4": 127}),
    ("suricata-verify/ipv6_over_ipv4.pcap", {"6in4": 1}),
    ("junkie/v6inv4.pcap", {"isatap": 1}),
    ("pcapplusplus/IPv4-encapsulated-IPv6.pcap", {"6to4": 1}),
]
NOT_TUNNELLED = [
    "zeek/geneve-ipv6.pcap",
    "zeek/mount-unmount.pcap",
    "ndpi/telegram.pcap",
    "suricata-verify/dns-bug-990.pcap",
    "zeek/4in6.pcap",
    "zeek/6in6.pcap",
    "zeek/6in6in6.pcap",
]


@pytest.mark.parametrize(("name", "kinds"), TUNNELLED)
def test_tunnelled_frames(captures: Path, name: str, kinds: dict[str, int]) -> None:
    done = call_sensor("decode", str(captures / name), "--format", "ndjson")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert Counter(row["kind"] for row in rows) == kinds
    text = call_sensor("decode", str(captures / name)).out
    assert len(text.splitlines()) == len(rows)


@pytest.mark.parametrize("name", NOT_TUNNELLED)
def test_look_alikes_and_other_nestings_get_no_row(captures: Path, name: str) -> None:
    done = call_sensor("decode", str(captures / name))
    assert (done.code, done.out, done.err) == (0, "", "")


def test_the_miredo_exchange_reads_line_by_line(captures: Path) -> None:
    lines = call_sensor("decode", str(captures / "miredo" / "nat-outside.pcap")).out.splitlines()
    facts = [
        (1, "IP 203.0.113.2.41658 > 198.51.100.1.3544: Teredo router-solicitation"),
        (2, "(nonce 147731873d74d869, origin 203.0.113.2:41658)"),
        (3, "Teredo connectivity-test (src mapped 203.0.113.2:41658 server 198.51.100.1)"),
        (4, "Teredo bubble (origin 192.0.2.10:3545, dst mapped"),
        (5, "[hop-limit-zero]"),
        (6, "icmp6 echo reply"),
        (14, "8080 > 2a00:db8::2.49138: tcp SA"),
    ]
    for number, fact in facts:
        assert fact in lines[number - 1]
