"""Ports against the numbers of their specifications, and against an independent dissector."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sensor.wire import ports

# What Wireshark calls what it expects there; the others it knows no port of.
WIRESHARK = {
    "TEREDO_PORT": "teredo",
    "AYIYA_PORT": "ayiya",
    "GENEVE_PORT": "geneve",
    "GRE_PORT": "gre",
    "GTPU_PORT": "gtp",
    "L2TP_PORT": "l2tp",
    "VXLAN_PORT": "vxlan",
    "DNS_PORT": "dns",
    "MDNS_PORT": "mdns",
    "LLMNR_PORT": "llmnr",
    "NETBIOS_PORT": "nbns",
}


def test_wireshark_expects_the_same_there(tshark: Path) -> None:
    command = [str(tshark), "-G", "decodes"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    expected = {tuple(line.split("\t")) for line in lines}
    ours = {("udp.port", str(getattr(ports, name)), theirs) for name, theirs in WIRESHARK.items()}
    assert ours - expected == set()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("AYIYA_OLD_PORT", 8374),  # AICCU's source, before IANA gave 5072
        ("TSP_PORT", 3653),  # RFC 5572
        ("SIXA44_PORT", 1027),  # RFC 6751
        ("SIXBED4_PORT", 25790),  # draft-vanrein-v6ops-6bed4
        ("GUE_PORT", 6080),  # draft-ietf-intarea-gue
        ("VXLAN_LINUX_PORT", 8472),  # the kernel's default, older than IANA's number
    ],
)
def test_those_that_wireshark_does_not_know(name: str, number: int) -> None:
    assert getattr(ports, name) == number


def test_no_port_was_left_out() -> None:
    assert {name for name in vars(ports) if name.endswith("_PORT")} == {
        *WIRESHARK,
        *("AYIYA_OLD_PORT", "TSP_PORT", "SIXA44_PORT"),
        *("SIXBED4_PORT", "GUE_PORT", "VXLAN_LINUX_PORT"),
    }
