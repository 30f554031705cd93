"""What the sensor must find in captures that others made, and must not see where nothing is."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.command import Outcome, call_sensor

# Capture -> tunnelled frames by kind, as an independent dissector counts them.
TUNNELS = {
    "miredo/nat-inside.pcap": {"teredo": 22},
    "miredo/nat-outside.pcap": {"teredo": 22},
    "zeek/Teredo.pcap": {"teredo": 29},
    "zeek/gtp8_teredo.pcap": {"teredo": 10},
    "zeek/ayiya3.pcap": {"ayiya": 35},
    "ndpi/teredo.pcap": {"teredo": 24},
    "zeek/6in4.pcap": {"6in4": 1},
    "zeek/ping6-in-ipv4.pcap": {"6in4": 10},
    "ndpi/6in4tunnel.pcap": {"6in4": 127},
    "suricata-verify/ipv6_over_ipv4.pcap": {"6in4": 1},
    "junkie/v6inv4.pcap": {"isatap": 1},
    "pcapplusplus/IPv4-encapsulated-IPv6.pcap": {"6to4": 1},
}
SILENT = (
    "zeek/geneve-ipv6.pcap",
    "zeek/mount-unmount.pcap",
    "ndpi/telegram.pcap",
    "suricata-verify/dns-bug-990.pcap",
    "zeek/4in6.pcap",
    "zeek/6in6.pcap",
    "zeek/6in6in6.pcap",
)
MIREDO = ("miredo/nat-inside.pcap", "miredo/nat-outside.pcap")


def objects(done: Outcome) -> list[dict[str, Any]]:
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def rows(path: Path) -> list[dict[str, Any]]:
    return objects(call_sensor("decode", "--format", "ndjson", str(path)))


def exposures(*arguments: str) -> list[dict[str, Any]]:
    """The last word on each exposure."""
    found = {
        each["v6tunnel"]["exposure"]["id"]: each
        for each in objects(call_sensor("replay", "--format", "ndjson", *arguments))
        if each["event"]["dataset"] == "v6tunnel.exposure"
    }
    return list(found.values())


@pytest.mark.parametrize("name", TUNNELS)
def test_every_tunnelled_frame_is_found(name: str, captures: Path) -> None:
    assert Counter(row["kind"] for row in rows(captures / name)) == TUNNELS[name]


@pytest.mark.parametrize("name", SILENT)
def test_look_alikes_give_no_row(name: str, captures: Path) -> None:
    assert rows(captures / name) == []


@pytest.mark.parametrize("name", [*TUNNELS, *SILENT])
def test_replay_counts_the_same_frames(name: str, captures: Path) -> None:
    *_, ledger = objects(call_sensor("replay", "--format", "ndjson", str(captures / name)))
    assert ledger["v6tunnel"]["sensor"].get("kinds", {}) == TUNNELS.get(name, {})


def test_every_trailer_in_a_mobile_network_is_read(captures: Path) -> None:
    """Nonce, alternate address and random port of frame 1, as RFC 6081 has them on the wire."""
    found = rows(captures / "zeek/gtp8_teredo.pcap")
    assert all("gtpu" in row["stack"] for row in found)
    assert found[0]["teredo"]["trailers"] == [
        {"type": 1, "name": "nonce", "value": "77a05e76"},
        {
            "type": 3,
            "name": "alternate-address",
            "addresses": [{"ip": "172.24.204.200", "port": 56528}],
        },
        {"type": 5, "name": "random-port", "port": 57208},
    ]
    names = Counter(
        trailer["name"] for row in found for trailer in row["teredo"].get("trailers", ())
    )
    assert names == {"nonce": 7, "alternate-address": 7, "random-port": 5}


@pytest.mark.parametrize("name", MIREDO)
def test_a_real_exposure_is_found_from_either_side(name: str, captures: Path) -> None:
    (found,) = exposures(str(captures / name))
    assert found["v6tunnel"]["exposure"]["state"] == "answered"
    assert (found["network"]["transport"], found["destination"]["port"]) == ("tcp", 8080)


def test_both_sides_together_are_one_exposure(captures: Path) -> None:
    inside, outside = (captures / name for name in MIREDO)
    (found,) = exposures(f"--vantage=inside={inside}", f"--vantage=outside={outside}")
    assert found["v6tunnel"]["exposure"]["state"] == "answered"
    assert found["v6tunnel"]["inside"]["ip"] == "192.168.0.2"
    assert found["v6tunnel"]["teredo"]["mapped"]["ip"] == "203.0.113.2"


def test_clients_that_only_browse_expose_nothing(captures: Path) -> None:
    assert exposures(str(captures / "zeek/Teredo.pcap")) == []
