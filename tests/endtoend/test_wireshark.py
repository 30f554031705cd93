"""Wireshark finds nothing wrong with what the scenarios' endpoints, hosts and NATs made.

And it reads the same addresses, nonces and origins in it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from sensor.capture.writer import PcapWriter
from sensor.lab.network.tap import Frame
from sensor.lab.scenarios.account import moment
from sensor.lab.scenarios.catalogue import SCENARIOS
from sensor.lab.scenarios.run import tell
from sensor.lab.scenarios.truth import Labelled
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv4, teredo, udp
from sensor.wire.addresses import text
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TEREDO_PORT

# Scenarios follow each other in one capture, so that one run of tshark reads them all.
APART = 3_600 * 1_000_000_000
CHECKED = ("ip", "udp", "tcp", "icmp", "icmpv6")
WRONG = " || ".join(["_ws.malformed", *(f'{name}.checksum.status == "Bad"' for name in CHECKED)])
FIELDS = (
    *("frame.number", "ipv6.src", "ipv6.dst"),
    *("teredo.auth.nonce", "teredo.orig.addr", "teredo.orig.port"),
)
FIRST_ONLY = ("-E", "occurrence=f")  # not of what ICMPv6 errors quote
ETHERNET_LENGTH = 14
OPTIONS = [
    *("-o", "ip.check_checksum:TRUE"),
    *("-o", "udp.check_checksum:TRUE"),
    *("-o", "tcp.check_checksum:TRUE"),
    # Each packet by itself: a NAT that sends packets back shows them twice on the inside, which a
    # reassembled stream takes for damage.
    *("-o", "tcp.desegment_tcp_streams:FALSE"),
    *("-o", "udp.try_heuristic_first:TRUE"),
    *("--enable-heuristic", "teredo_udp"),
]


class Told(NamedTuple):
    """What one side of a scenario's NAT saw, and what was meant."""

    frames: list[Frame]
    labelled: tuple[Labelled, ...]


@pytest.fixture(scope="module", params=["inside", "outside"])
def told(request: pytest.FixtureRequest) -> list[Told]:
    """One side of every scenario."""
    sides = []
    for scenario in SCENARIOS:
        world, truth = tell(scenario)
        frames = world.watched.taps[request.param].frames
        sides.append(Told(frames, truth.captures[request.param].labelled))
    return sides


@pytest.fixture(scope="module")
def capture(told: list[Told], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wireshark") / "all.pcap"
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for number, side in enumerate(told):
            for frame in side.frames:
                writer.write(frame.octets, moment(frame.time) + number * APART)
    return path


def read(tshark: Path, capture: Path, *arguments: str) -> str:
    command = [str(tshark), "-n", "-r", str(capture), *OPTIONS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_no_frame_is_malformed_or_has_a_wrong_checksum(tshark: Path, capture: Path) -> None:
    assert read(tshark, capture, "-Y", WRONG) == ""


def test_tunnel_packets_are_taken_for_teredo_and_nothing_else_is(
    tshark: Path, capture: Path, told: list[Told]
) -> None:
    labelled: dict[int, Labelled] = {}
    before = 0
    for side in told:
        labelled |= {before + frame.number: frame for frame in side.labelled if not frame.quoted}
        before += len(side.frames)
    numbers = read(tshark, capture, "-Y", "teredo && !icmp", "-T", "fields", "-e", "frame.number")
    taken = set(map(int, numbers.split()))
    assert taken <= labelled.keys()
    # Its heuristic knows trailers on Teredo's own port alone.
    missed = [labelled[number] for number in labelled.keys() - taken]
    assert {frame.packet for frame in missed} == {TeredoPacket.BUBBLE}
    assert not any(_by_server(frame) for frame in missed)


def test_it_reads_the_same_addresses_nonces_and_origins(
    tshark: Path, capture: Path, told: list[Told]
) -> None:
    meant: dict[int, list[str]] = {}
    ports: set[int] = set()
    before = 0
    for side in told:
        for frame in side.labelled:
            if not frame.quoted:
                meant[before + frame.number] = _meant(side.frames[frame.number - 1].octets)
                ports |= {end.port for end in (frame.end, frame.destination) if end is not None}
        before += len(side.frames)
    decode_as = [word for port in sorted(ports) for word in ("-d", f"udp.port=={port},teredo")]
    fields = [*FIRST_ONLY, *(word for field in FIELDS for word in ("-e", field))]
    lines = read(tshark, capture, *decode_as, "-Y", "teredo", "-T", "fields", *fields).splitlines()
    seen = {int(number): values for number, *values in (line.split("\t") for line in lines)}
    assert len(meant) > 2_000
    assert {number: seen.get(number) for number in meant} == meant


def _meant(frame: bytes) -> list[str]:
    """What is in a frame of Ethernet, IPv4 and UDP, as tshark prints FIELDS."""
    cursor = Cursor(frame, ETHERNET_LENGTH)
    ipv4.parse(cursor)
    length = udp.parse(cursor).length - udp.HEADER_LENGTH
    found = teredo.parse(cursor.take(length))
    (nonce,) = [header.nonce.hex() for header in found.authentications] or [""]
    (origin,) = [(text(told.ip), str(told.port)) for told in found.origins] or [("", "")]
    return [text(found.header.source), text(found.header.destination), nonce, *origin]


def _by_server(frame: Labelled) -> bool:
    ends = (frame.end, frame.destination)
    return any(end is not None and end.port == TEREDO_PORT for end in ends)
