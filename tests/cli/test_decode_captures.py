"""What a person reads of a real exchange; the counts of all captures are in test_acceptance."""

from __future__ import annotations

from pathlib import Path

from ..command import call_sensor


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
