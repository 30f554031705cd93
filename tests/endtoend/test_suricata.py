"""Suricata accepts every packet of the scenarios that is meant to be well formed."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.writer import PcapWriter
from sensor.wire import ipv4, udp
from tests.endtoend.gathered import Gathered

RAW_IP = 101
END, OTHER = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
# An alert for each packet that its decoder finds fault with, wrong checksums among them.
RULES = Path("/etc/suricata/rules/decoder-events.rules")


# Well formed, and still nothing that it wants to see, or looks into: those are opinions and limits.
UNWANTED = {
    "SURICATA RH Type 0",
    "SURICATA IPv6 DSTOPTS only padding",
    "SURICATA IPv6 useless Fragment extension header",
    "SURICATA packet with too many layers",
}


@pytest.fixture(scope="module")
def suricata() -> str:
    found = shutil.which("suricata")
    if found is None or not RULES.is_file():
        pytest.skip("suricata and its rules for decoder events are not installed")
    return found


def events(suricata: str, capture: Path, folder: Path, *options: str) -> list[dict[str, Any]]:
    """What it writes of a capture with all checksums looked at."""
    command = [suricata, "-r", str(capture), "-S", str(RULES), "-k", "all", "-l", str(folder)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = (folder / "eve.json").read_text().splitlines()
    return [json.loads(line) for line in lines]


def at(event: dict[str, Any]) -> int:
    """Microseconds since 1970."""
    told = datetime.fromisoformat(event["timestamp"])
    return microsecond(int(told.timestamp()) * 1_000_000_000 + told.microsecond * 1_000)


def microsecond(time: int) -> int:
    return time // 1_000


@pytest.mark.parametrize(
    "options",
    [(), ("--set", "decoder.teredo.ports.0=any")],
    ids=["stock", "teredo-on-any-port"],
)
def test_it_finds_fault_with_nothing_that_is_meant_well(
    suricata: str, gathered: Gathered, tmp_path: Path, options: tuple[str, ...]
) -> None:
    told = events(suricata, gathered.path, tmp_path, *options)
    # Of inner packets it does not tell the number, but the time to the microsecond.
    excused = {microsecond(gathered.times[number - 1]) for number in gathered.flawed}
    faults = {at(each): each["alert"]["signature"] for each in told if "alert" in each}
    unexcused = {when: why for when, why in faults.items() if when not in excused}
    assert {when: why for when, why in unexcused.items() if why not in UNWANTED} == {}
    (stats,) = [each["stats"] for each in told if each["event_type"] == "stats"][-1:]
    assert stats["decoder"]["pkts"] >= len(gathered.frames)


def test_it_would_tell_of_damage(suricata: str, tmp_path: Path) -> None:
    """What the other test finds nothing of is there to be found."""
    payload = udp.build(END, OTHER, 3_544, 40_000, b"x")
    packet = ipv4.build(END, OTHER, udp.PROTOCOL, payload)
    with (tmp_path / "damaged.pcap").open("wb") as stream:
        writer = PcapWriter(stream, RAW_IP)
        for number, octets in enumerate((packet, packet[:-1] + b"y", packet[:10])):
            writer.write(octets, number)
    told = events(suricata, tmp_path / "damaged.pcap", tmp_path)
    assert {each["pcap_cnt"] for each in told if "alert" in each} == {2, 3}
