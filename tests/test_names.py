"""Look-ups of tunnels' names on their way from a capture to the report."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from sensor.capture.files import CaptureFile
from sensor.capture.writer import PcapWriter
from sensor.config import load
from sensor.data.known import name_role
from sensor.decode.located import located
from sensor.decode.lookups import witnesses
from sensor.decode.names import NameHashes, holds_name, name_hashes, name_service
from sensor.decode.scalar import Frame
from sensor.decode.settings import DecodeSettings
from sensor.pipeline import Replay, Source
from sensor.schema.records import SensorRecord
from sensor.track.limits import LOOKUPS_PER_SECOND
from sensor.track.settings import TrackLimits, TrackSettings
from sensor.wire import dns, nbns
from sensor.wire.addresses import packed, text
from tests import build
from tests.build import End
from tests.captures import demo
from tests.command import call_sensor
from tests.fragments import ipv4_fragments, spans

SECOND = 1_000_000_000
START = 1_795_244_514 * SECOND
SETTINGS = load(None).decode
A = dns.TYPE_A
TEREDO = "teredo.ipv6.microsoft.com"
HOST, RESOLVER, ROGUE = map(packed, ("192.168.1.20", "192.168.1.1", "192.168.1.66"))
GROUP, BROADCAST = packed("224.0.0.252"), packed("192.168.1.255")
MDNS_GROUP = packed("224.0.0.251")
SERVERS = tuple(map(packed, ("65.55.158.118", "94.245.121.253")))

Timed = Sequence[tuple[int, bytes]]
Short = tuple[str, bool, str, str, str, tuple[str, ...], int]


def named(data: bytes, link_type: int, wire_length: int, settings: DecodeSettings) -> bool:
    """Whether the innermost datagram of a frame holds a listed name."""
    found = located(Frame(data, link_type, wire_length), settings)
    if found is None:
        return False
    outer, payload = found
    port = name_service(outer.source_port, outer.destination_port)
    return port > 0 and holds_name(payload, port, settings.names)


def capture(path: Path, frames: Timed) -> str:
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for time, frame in frames:
            writer.write(frame, time)
    return str(path)


def replayed(*paths: str, names: int = 4_096) -> tuple[Replay, SensorRecord]:
    track = TrackSettings(limits=TrackLimits(names=names))
    sources = [Source(path) for path in paths]
    replay = Replay(sources, SETTINGS, track, name_role=name_role)
    record = list(replay.changes())[-1].record
    assert isinstance(record, SensorRecord)
    return replay, record


def short(replay: Replay) -> list[Short]:
    return [
        (
            found.protocol,
            found.answer,
            found.name,
            text(found.asker),
            text(found.teller),
            tuple(map(text, found.addresses)),
            found.frame,
        )
        for found in replay.witnesses
    ]


def said(source: End, destination: End, payload: bytes) -> bytes:
    return build.udp_frame(source, destination, payload)


def aliased(name: str) -> bytes:
    """The answer that Microsoft's servers gave: an alias and its addresses."""
    target = dns.build_name(name + ".nsatc.net")
    head = struct.pack("!HH4H", 0x6000, 0x8180, 1, 1 + len(SERVERS), 0, 0)
    asked = dns.build_name(name) + struct.pack("!HH", A, 1)
    alias = b"\xc0\x0c" + struct.pack("!HHIH", dns.TYPE_CNAME, 1, 60, len(target)) + target
    at = struct.pack("!H", 0xC000 | len(head) + len(asked) + 12)
    told = b"".join(at + struct.pack("!HHIH", A, 1, 60, 4) + server for server in SERVERS)
    return head + asked + alias + told


def mdns_questions(*names: str) -> bytes:
    asked = b"".join(dns.build_name(name) + struct.pack("!HH", A, 0x8001) for name in names)
    return struct.pack("!HH4H", 0, 0, len(names), 0, 0, 0) + asked


FRAMES = [
    said((HOST, 1025), (RESOLVER, 53), dns.build_query(0x6000, "Teredo.IPv6.Microsoft.COM", A)),
    said((RESOLVER, 53), (HOST, 1025), aliased(TEREDO)),
    said((HOST, 1026), (RESOLVER, 53), dns.build_query(2, "isatap.corp.example", A)),
    said((RESOLVER, 53), (HOST, 1026), dns.build_response(2, "isatap.corp.example", A, [])),
    said((HOST, 1027), (GROUP, 5355), dns.build_query(3, "isatap", A)),
    said((ROGUE, 5355), (HOST, 1027), dns.build_response(3, "isatap", A, [ROGUE])),
    said((HOST, 5353), (MDNS_GROUP, 5353), mdns_questions("printer.local", "isatap.local")),
    said((HOST, 137), (BROADCAST, 137), nbns.build_query(4, "ISATAP")),
    said((ROGUE, 137), (HOST, 137), nbns.build_response(4, "ISATAP", [ROGUE])),
    said((HOST, 1028), (RESOLVER, 53), dns.build_query(5, TEREDO + ".evil.example", A)),
    said((HOST, 1029), (RESOLVER, 5300), dns.build_query(6, TEREDO, A)),
    said((HOST, 1030), (RESOLVER, 53), dns.build_query(7, "www.ipv6.microsoft.com", A)),
]
TIMED = [(START + i * SECOND, frame) for i, frame in enumerate(FRAMES)]
TRUTH: list[Short] = [
    ("dns", False, TEREDO, "192.168.1.20", "192.168.1.1", (), 1),
    ("dns", True, TEREDO, "192.168.1.20", "192.168.1.1", ("65.55.158.118", "94.245.121.253"), 2),
    ("dns", False, "isatap.corp.example", "192.168.1.20", "192.168.1.1", (), 3),
    ("dns", True, "isatap.corp.example", "192.168.1.20", "192.168.1.1", (), 4),
    ("llmnr", False, "isatap", "192.168.1.20", "224.0.0.252", (), 5),
    ("llmnr", True, "isatap", "192.168.1.20", "192.168.1.66", ("192.168.1.66",), 6),
    ("mdns", False, "isatap.local", "192.168.1.20", "224.0.0.251", (), 7),
    ("nbns", False, "isatap", "192.168.1.20", "192.168.1.255", (), 8),
    ("nbns", True, "isatap", "192.168.1.20", "192.168.1.66", ("192.168.1.66",), 9),
]


MDNS_ANSWER = said(
    (ROGUE, 5353), (MDNS_GROUP, 5353), dns.build_response(0, "isatap.local", A, [ROGUE])
)
CLAIM = said(
    (ROGUE, 137),
    (BROADCAST, 137),
    struct.pack("!HH4H", 7, 0x2910, 1, 0, 0, 1)
    + nbns.build_query(7, "ISATAP")[12:]
    + b"\xc0\x0c"
    + struct.pack("!HHIHH", 0x20, 1, 300, 6, 0)
    + ROGUE,
)


@pytest.mark.parametrize("cuts", [(8,), (40, 120)])
def test_an_answer_in_fragments_is_read_whole(cuts: tuple[int, ...], tmp_path: Path) -> None:
    answer = FRAMES[1]
    parts = ipv4_fragments(answer[14:], spans(len(answer) - 34, *cuts))
    frames = [(START + i, answer[:14] + part) for i, part in enumerate(parts)]
    observed, _ = replayed(capture(tmp_path / "cut.pcap", frames))
    assert short(observed) == [(*TRUTH[1][:-1], len(parts))]


def test_every_protocol_tells_who_asked_whom_and_what_was_told(tmp_path: Path) -> None:
    replay, record = replayed(capture(tmp_path / "a.pcap", TIMED))
    assert short(replay) == TRUTH
    assert {found.role for found in replay.witnesses} == {"teredo-server", "isatap-router"}
    # The last look-up has a hash that is looked for and a name that is not.
    assert record.reasons["name"] == 10
    assert (record.read, record.other, replay.limits_hit) == (12, 12, {})


def test_tunnels_are_not_disturbed(tmp_path: Path) -> None:
    shifted = [(demo.frames()[0][0] + i, frame) for i, frame in enumerate(FRAMES)]
    both = sorted([*demo.frames(), *shifted], key=lambda timed: timed[0])
    replay, record = replayed(capture(tmp_path / "a.pcap", both))
    assert len(replay.witnesses) == len(TRUTH)
    assert (record.read, record.tunnelled, record.other) == (61, 36, 25)


def test_a_look_up_inside_a_tunnel_belongs_to_the_tunnel(tmp_path: Path) -> None:
    packet = build.udp((build.NATIVE, 1025), (build.OTHER, 53), dns.build_query(1, TEREDO, A))
    replay, record = replayed(
        capture(tmp_path / "a.pcap", [(START, build.sixinfour_frame(packet))])
    )
    assert (record.tunnelled, replay.witnesses) == (1, [])


def test_what_is_said_over_and_over_is_kept_once(tmp_path: Path) -> None:
    again = [(time + hour * 3_600 * SECOND, frame) for hour in range(5) for time, frame in TIMED]
    replay, record = replayed(capture(tmp_path / "a.pcap", again))
    assert short(replay) == TRUTH
    assert record.reasons["name"] == 50


def test_frames_are_those_of_their_capture(tmp_path: Path) -> None:
    first = capture(tmp_path / "first.pcap", TIMED[:4])
    second = capture(tmp_path / "second.pcap", TIMED[4:])
    replay, _ = replayed(second, first)
    places = [(found.source, found.frame) for found in replay.witnesses]
    assert places == [(1, 1), (1, 2), (1, 3), (1, 4), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5)]


def test_a_flood_is_bounded_in_memory_and_in_time(tmp_path: Path) -> None:
    count = LOOKUPS_PER_SECOND + 44
    flood = [
        (START + i, said((HOST, 1025), (RESOLVER, 53), dns.build_query(i, f"isatap.n{i}", A)))
        for i in range(count)
    ]
    later = [(START + 2 * SECOND, FRAMES[0])]
    replay, record = replayed(capture(tmp_path / "a.pcap", [*flood, *later]), names=8)
    assert record.reasons["name"] == count + 1
    assert replay.limits_hit == {"lookups": 44, "names": LOOKUPS_PER_SECOND + 1 - 8}
    assert [found.name for found in replay.witnesses] == [
        *(f"isatap.n{i}" for i in range(LOOKUPS_PER_SECOND - 7, LOOKUPS_PER_SECOND)),
        TEREDO,
    ]


def test_without_roles_nothing_is_kept(tmp_path: Path) -> None:
    replay = Replay([Source(capture(tmp_path / "a.pcap", TIMED))], SETTINGS, TrackSettings())
    list(replay.changes())
    assert replay.witnesses == []


# the report


def test_the_report_names_them_behind_the_tunnels(tmp_path: Path) -> None:
    out = call_sensor("replay", capture(tmp_path / "a.pcap", TIMED)).out
    lines = out[out.index("TUNNELS: none") :].splitlines()
    assert lines[2] == "NAMES LOOKED UP: 5"
    assert [line.split()[3:] for line in lines[4:9]] == [
        ["dns", TEREDO, "65.55.158.118", "+1", "2"],
        ["dns", "isatap.corp.example", "no", "address", "4"],
        ["llmnr", "isatap", "192.168.1.66", "6"],
        ["mdns", "isatap.local", "none", "seen", "7"],
        ["nbns", "isatap", "192.168.1.66", "9"],
    ]
    assert len({len(line) for line in lines[3:9]}) == 1


def test_the_report_tells_askers_of_a_group_announcements_and_claims_apart(tmp_path: Path) -> None:
    frames = [MDNS_ANSWER, FRAMES[6], MDNS_ANSWER, CLAIM]
    timed = [(START + i * SECOND, frame) for i, frame in enumerate(frames)]
    out = call_sensor("replay", capture(tmp_path / "a.pcap", timed)).out
    lines = out[out.index("NAMES LOOKED UP: 3") :].splitlines()[1:6]
    assert max(map(len, lines)) <= 100
    assert [" ".join(line.split()[1:]) for line in lines[1:]] == [
        "nobody mdns isatap.local told to everybody by 192.168.1.66 1",
        "192.168.1.20 mdns isatap.local 192.168.1.66 3",
        "192.168.1.66",  # asked
        "nobody nbns isatap claimed by 192.168.1.66 4",
    ]


def test_a_report_without_look_ups_has_no_such_section(tmp_path: Path) -> None:
    assert "NAMES" not in call_sensor("replay", capture(tmp_path / "a.pcap", TIMED[9:])).out


def test_documents_stay_as_they_are(tmp_path: Path) -> None:
    path = capture(tmp_path / "a.pcap", TIMED)
    out = call_sensor("replay", "--format", "ndjson", path).out
    assert [line.count('"event"') for line in out.splitlines()] == [1]
    assert "isatap" not in out


# public captures, with Wireshark as referee

LOOKUPS = "dns || mdns || llmnr || nbns"
FRAME = re.compile(r"Frame (\d+):")
SECTION = re.compile(r"    (Queries|Answers|Authoritative nameservers|Additional records)$")
ADDRESS = re.compile(r" class IN, addr (\S+)$")


def wireshark(path: Path, tshark: Path, *output: str) -> list[str]:
    command = [str(tshark), "-n", "-r", str(path), "-Y", LOOKUPS, *output]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def names_of(path: Path, tshark: Path) -> dict[int, str]:
    """By frame: the name that a look-up is about."""
    fields = ("-e", "frame.number", "-e", "dns.qry.name", "-e", "nbns.name")
    lines = (line.split("\t") for line in wireshark(path, tshark, "-T", "fields", *fields))
    return {
        int(frame): (name or encoded.partition("<")[0]).lower() for frame, name, encoded in lines
    }


def answers_of(path: Path, tshark: Path) -> dict[int, set[str]]:
    """By frame: the addresses in the answers, without those of name servers."""
    told: dict[int, set[str]] = {}
    frame, section = 0, ""
    for line in wireshark(path, tshark, "-O", "dns"):
        if found := FRAME.match(line):
            frame, section = int(found[1]), ""
        elif found := SECTION.match(line):
            section = found[1]
        elif section == "Answers" and (found := ADDRESS.search(line)):
            told.setdefault(frame, set()).add(found[1])
    return told


def frames_of(path: Path) -> list[Frame]:
    with CaptureFile(str(path), 0) as opened:
        return [
            Frame(
                batch.frame(i),
                int(batch.linktypes[i]),
                int(batch.wire[i]),
                batch.first_frame + i,
            )
            for batch in opened.batches()
            for i in range(len(batch))
        ]


def numbers(frames: Sequence[Frame], hashes: NameHashes) -> set[int]:
    settings = DecodeSettings(names=hashes)
    return {f.number for f in frames if named(f.data, f.link_type, f.wire_length, settings)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "lookups", "answers"), [("zeek/Teredo.pcap", 13, 2), ("ndpi/teredo.pcap", 0, 0)]
)
def test_every_look_up_of_a_capture_is_found_by_its_name(
    path: str, lookups: int, answers: int, captures: Path, tshark: Path
) -> None:
    truth, told = names_of(captures / path, tshark), answers_of(captures / path, tshark)
    assert (len(truth), len(told)) == (lookups, answers)
    frames = frames_of(captures / path)
    for name in {*truth.values(), "www.example"}:
        expected = {number for number, other in truth.items() if other == name}
        assert numbers(frames, name_hashes([name], [], [])) == expected
        for frame in frames:
            if frame.number in expected:
                (found,) = witnesses(frame, DecodeSettings(), {name: "any"}.get)
                assert set(map(text, found.addresses)) == told.get(frame.number, set())
    # Neither of them looks up what is listed.
    assert numbers(frames, SETTINGS.names) == set()
    assert not any(map(name_role, truth.values()))
