"""Wireshark finds nothing wrong with what the scenarios' endpoints, hosts and NATs made.

And it reads the same addresses, nonces and origins in it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from sensor.lab.scenarios.truth import Labelled
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import ipv4, teredo, udp
from sensor.wire.addresses import text
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TEREDO_PORT
from tests.endtoend.gathered import Gathered

CHECKED = ("ip", "udp", "tcp", "icmp", "icmpv6")
WRONG = " || ".join(["_ws.malformed", *(f'{name}.checksum.status == "Bad"' for name in CHECKED)])
FIELDS = (
    *("frame.number", "ipv6.src", "ipv6.dst"),
    *("teredo.auth.nonce", "teredo.orig.addr", "teredo.orig.port"),
)
BARE = {Kind.TEREDO, Kind.TSP, Kind.SIXA44, Kind.SIXBED4, Kind.IP6_IN_UDP}
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


def read(tshark: Path, capture: Path, *arguments: str) -> str:
    command = [str(tshark), "-n", "-r", str(capture), *OPTIONS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def numbers(tshark: Path, capture: Path, condition: str) -> set[int]:
    """The frames that fit a display filter."""
    found = read(tshark, capture, "-Y", condition, "-T", "fields", "-e", "frame.number")
    return set(map(int, found.split()))


def test_no_frame_that_is_meant_well_is_malformed_or_has_a_wrong_checksum(
    tshark: Path, gathered: Gathered
) -> None:
    wrong = numbers(tshark, gathered.path, WRONG)
    assert wrong - gathered.flawed - gathered.deceiving == set()


def test_teredo_packets_are_taken_for_it_and_nothing_else_is(
    tshark: Path, gathered: Gathered
) -> None:
    teredo = honest(gathered)
    taken = numbers(tshark, gathered.path, "teredo && !icmp") - gathered.flawed
    # Its heuristic takes any bare IPv6 in UDP for Teredo.
    bare = {
        number for number, frame in gathered.labelled.items() if BARE & {frame.kind, *frame.within}
    }
    assert taken - gathered.deceiving <= bare
    # It knows trailers on Teredo's own port alone.
    missed = [teredo[number] for number in teredo.keys() - taken]
    assert {frame.packet for frame in missed} == {TeredoPacket.BUBBLE}
    assert not any(_by_server(frame) for frame in missed)


def test_it_reads_the_same_addresses_nonces_and_origins(tshark: Path, gathered: Gathered) -> None:
    teredo = honest(gathered)
    meant = {number: _meant(gathered.frames[number - 1].octets) for number in teredo}
    ends = (end for frame in teredo.values() for end in (frame.end, frame.destination))
    ports = {end.port for end in ends if end is not None}
    decode_as = [word for port in sorted(ports) for word in ("-d", f"udp.port=={port},teredo")]
    fields = [*FIRST_ONLY, *(word for field in FIELDS for word in ("-e", field))]
    lines = read(tshark, gathered.path, *decode_as, "-Y", "teredo", "-T", "fields", *fields)
    split = (line.split("\t") for line in lines.splitlines())
    seen = {int(number): values for number, *values in split}
    assert len(meant) > 2_000
    assert {number: seen.get(number) for number in meant} == meant


def honest(gathered: Gathered) -> dict[int, Labelled]:
    """Teredo's packets that are meant to be well formed."""
    return {
        number: frame
        for number, frame in gathered.labelled.items()
        if frame.kind is Kind.TEREDO
        and not (frame.quoted or frame.flawed or _is_later_fragment(frame))
    }


def _meant(frame: bytes) -> list[str]:
    """What is in a frame of Ethernet, IPv4 and UDP, as tshark prints FIELDS."""
    cursor = Cursor(frame, ETHERNET_LENGTH)
    ipv4.parse(cursor)
    length = udp.parse(cursor).length - udp.HEADER_LENGTH
    found = teredo.parse(cursor.take(length))
    (nonce,) = [header.nonce.hex() for header in found.authentications] or [""]
    (origin,) = [(text(told.ip), str(told.port)) for told in found.origins] or [("", "")]
    return [text(found.header.source), text(found.header.destination), nonce, *origin]


def _is_later_fragment(frame: Labelled) -> bool:
    return frame.end is not None and not frame.end.port


def _by_server(frame: Labelled) -> bool:
    ends = (frame.end, frame.destination)
    return any(end is not None and end.port == TEREDO_PORT for end in ends)
