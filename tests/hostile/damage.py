"""Damaged and odd captures, and what the commands must say of each; every octet is made here.

    python -m tests.hostile.damage

runs ``sensor replay`` and ``sensor decode`` on all of them and prints a table.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

from sensor.capture.batch import MAX_CAPTURED
from sensor.capture.pcapng import MAX_INTERFACES
from sensor.capture.records import MAX_BLOCK
from sensor.wire import sixinfour, wlan

from .. import build
from ..capture import build as made
from ..capture.build import (
    KUZNETZOV,
    MICROSECONDS,
    NANOSECONDS,
    block,
    enhanced,
    interface,
    obsolete,
    option,
    pcap_header,
    pcap_record,
    section,
    simple,
)
from ..command import Outcome, call_sensor

TUNNELLED = build.exchange()[:3]
PACKET = sixinfour.encapsulate(build.V4A, build.V4B, build.tcp6(payload=b"data"))
FRAME = build.ethernet(PACKET)
NAVTEL = 0xA12B3C4D
START = section() + interface()
NAME = "made.pcap"

CLEAN, DAMAGED, USAGE = 0, 3, 2


@dataclass(frozen=True)
class Error:
    """What must stand on standard error: exactly this place, and a reason with these words."""

    frame: int
    offset: int
    words: str
    name: str = NAME


@dataclass(frozen=True)
class Case:
    """Files to make in a folder, the arguments that name them, and what must come of it.

    ``frames`` are those that can be read, ``tunnelled`` how many of them ``decode`` prints where
    that is not for the tests of the decoder to say.
    """

    group: str
    name: str
    write: Callable[[Path], Sequence[str]]
    frames: int
    error: Error | None = None
    code: int = CLEAN
    tunnelled: int | None = None

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


def one(
    group: str,
    name: str,
    content: bytes,
    frames: int,
    error: tuple[int, int, str] | None = None,
    tunnelled: int | None = None,
) -> Case:
    """A case of a single file."""

    def write(folder: Path) -> Sequence[str]:
        return [str(made.write(folder, content, NAME))]

    where = None if error is None else Error(*error)
    return Case(group, name, write, frames, where, CLEAN if error is None else DAMAGED, tunnelled)


def sound(group: str, name: str, content: bytes, frames: int = 3) -> Case:
    """All of it is read, and each frame is a tunnel's."""
    return one(group, name, content, frames, tunnelled=frames)


def pcap(frames: Sequence[bytes] = TUNNELLED, order: str = "<", magic: int = MICROSECONDS) -> bytes:
    return made.pcap(frames, order, magic)


# pcap: the file header

ORDERS = {"<": "little", ">": "big"}
MAGICS = {
    MICROSECONDS: "microseconds",
    NANOSECONDS: "nanoseconds",
    KUZNETZOV: "Kuznetzov's records",
}


def headers() -> Iterator[Case]:
    group = "pcap header"
    for order, endian in ORDERS.items():
        for magic, meaning in MAGICS.items():
            yield sound(group, f"{meaning}, {endian} endian", pcap(order=order, magic=magic))
        refused = struct.pack(order + "I", NAVTEL) + bytes(40)
        yield one(group, f"Navtel's magic, {endian} endian", refused, 0, (0, 0, "Navtel's variant"))
    records = b"".join(pcap_record(frame) for frame in TUNNELLED)
    turned = b"".join(
        pcap_record(frame, captured=len(frame) + 40, wire=len(frame)) for frame in TUNNELLED
    )
    yield sound(group, "version 2.3, lengths in its order", pcap_header(version=(2, 3)) + turned)
    yield sound(
        group, "version 2.3, lengths in the new order", pcap_header(version=(2, 3)) + records
    )
    yield sound(group, "version 2.2", pcap_header(version=(2, 2)) + turned)
    for version in ((1, 0), (3, 0), (0x0200, 0x0400)):
        content = pcap_header(version=version) + records
        reason = f"pcap version {version[0]}.{version[1]} is not known"
        yield one(group, f"version {version[0]}.{version[1]}", content, 0, (0, 0, reason))
    for snaplen in (0, 1, 0xFFFFFFFF):
        yield sound(group, f"snap length {snaplen:#x}", pcap_header(snaplen=snaplen) + records)
    checked = b"".join(pcap_record(frame + b"\xde\xad\xbe\xef") for frame in [FRAME] * 3)
    for bits in (0x24000000, 0xFC000000):
        content = pcap_header(linktype=1 | bits) + checked
        yield sound(group, f"FCS bits {bits:#x} in the link type", content)
    yield one(group, "header only", pcap_header(), 0)
    yield one(group, "empty", b"", 0, (0, 0, "the file is empty"))
    yield one(group, "one byte", b"\xd4", 0, (0, 0, "starts with d4 (no known format)"))
    yield one(group, "three bytes", b"\xd4\xc3\xb2", 0, (0, 0, "starts with d4 c3 b2"))
    for size in (4, 23):
        reason = f"the file ends here: {size} of 24 bytes are left"
        yield one(group, f"header cut at {size}", pcap_header()[:size], 0, (0, 0, reason))
    for name, content, words in OTHERS:
        yield one(group, name, content, 0, (0, 0, words))


OTHERS = [
    ("bad magic", b"\xd4\xc3\xb2\xa2" + pcap_header()[4:], "no known format"),
    ("text", b"no capture at all\n", "not a capture: starts with 6e 6f 20 63"),
    ("zeros", bytes(4096), "not a capture: starts with 00 00 00 00"),
    ("bzip2", bz2.compress(pcap()), "bzip2; unpack it first"),
    ("zip", b"PK\x03\x04" + bytes(60), "zip; unpack it first"),
    ("snoop", b"snoop\0\0\0" + bytes(60), "snoop; convert it"),
]


# pcap: records


def records() -> Iterator[Case]:
    group = "records"
    whole = pcap()
    last = len(whole) - len(TUNNELLED[2]) - 16
    for kept in (1, 8, 15):
        error = (3, last, f"the file ends here: {kept} of 16 bytes are left")
        yield one(group, f"cut after {kept} of the record header", whole[: last + kept], 2, error)
    needed = 16 + len(TUNNELLED[2])
    for kept in (16, 17, 16 + len(TUNNELLED[2]) // 2, needed - 1):
        error = (3, last, f"the file ends here: {kept} of {needed} bytes are left")
        yield one(group, f"cut after {kept - 16} of the data", whole[: last + kept], 2, error)
    for size in (MAX_CAPTURED + 1, 300_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        for order, endian in ORDERS.items():
            content = pcap(order=order)
            content += pcap_record(bytes(64), captured=size, wire=64, order=order) + content[24:]
            error = (4, len(whole), f"captured length {size} is over the limit of {MAX_CAPTURED}")
            yield one(group, f"captured {size:#x}, {endian} endian", content, 3, error)
    yield from _odd_records(group)


def _odd_records(group: str) -> Iterator[Case]:
    start = pcap_header()

    def thrice(name: str, record: bytes, tunnelled: int = 3) -> Case:
        return one(group, name, start + record * 3, 3, tunnelled=tunnelled)

    large = FRAME + bytes(MAX_CAPTURED - len(FRAME))
    yield sound(group, "the largest frame there is", start + pcap_record(large), 1)
    snapped = pcap_header(snaplen=64) + pcap_record(FRAME) * 3
    yield sound(group, "captured over the snap length", snapped)
    yield thrice("captured over the length on the wire", pcap_record(FRAME, wire=1))
    yield thrice("length on the wire 0", pcap_record(FRAME, wire=0))
    yield thrice("length on the wire 0xffffffff", pcap_record(FRAME, wire=0xFFFFFFFF))
    yield thrice("captured 0", pcap_record(b"", wire=60), 0)
    yield thrice("both lengths 0", pcap_record(b""), 0)
    yield thrice("time zero", pcap_record(FRAME, seconds=0))
    yield thrice("a million microseconds", pcap_record(FRAME, fraction=1_000_000))
    yield thrice("microseconds 0xffffffff", pcap_record(FRAME, fraction=0xFFFFFFFF))
    yield thrice("year 2106", pcap_record(FRAME, 0xFFFFFFFF, 999_999))
    backwards = b"".join(pcap_record(frame, 9 - i) for i, frame in enumerate(TUNNELLED))
    yield sound(group, "time backwards", start + backwards)
    nano = pcap_header(magic=NANOSECONDS) + pcap_record(FRAME, fraction=4_000_000_000) * 3
    yield sound(group, "four thousand million nanoseconds", nano)
    padded = pcap() + bytes(16 * 4)
    yield one(group, "zeros behind the last record", padded, 7, tunnelled=3)
    ragged = pcap() + bytes(16 * 4 + 7)
    error = (8, len(padded), "the file ends here: 7 of 16 bytes are left")
    yield one(group, "a ragged end of zeros", ragged, 7, error, 3)
    patched = pcap(magic=KUZNETZOV)[:-1]
    offset = len(patched) + 1 - 24 - len(TUNNELLED[2])
    yield one(group, "cut in Kuznetzov's record", patched, 2, (3, offset, "the file ends here"))


# snapped packets

MOST_CUT = 128


def snapped() -> Iterator[Case]:
    """One capture holds every cut of a packet, so that its frames are counted exactly."""
    front = build.authentication(b"id", b"value") + build.origin()
    packets = {
        "Teredo with authentication and origin": build.udp_frame(
            build.SERVER, build.CLIENT, front + build.advertisement()
        ),
        "6in4": FRAME + bytes(MOST_CUT),
    }
    for name, packet in packets.items():
        assert len(packet) > MOST_CUT
        cuts = [pcap_record(packet[:cut], cut, wire=len(packet)) for cut in range(MOST_CUT + 1)]
        content = pcap_header(snaplen=MOST_CUT) + b"".join(cuts)
        yield one("snapped packets", f"{name}, every cut to {MOST_CUT}", content, MOST_CUT + 1)
        blocks = [enhanced(packet[:cut], cut, wire=len(packet)) for cut in range(MOST_CUT + 1)]
        content = START + b"".join(blocks)
        yield one("snapped packets", f"{name}, the same in pcapng", content, MOST_CUT + 1)


# pcapng


def blocks() -> Iterator[Case]:
    group = "pcapng"
    for order, endian in ORDERS.items():
        yield sound(group, f"{endian} endian", pcapng(order))
    yield sound(group, "sections of both byte orders", pcapng("<") + pcapng(">") + pcapng("<"), 9)
    yield sound(group, "a hundred sections", pcapng() * 100, 300)
    yield one(group, "a section of nothing", section(), 0)
    yield sound(group, "a wrong length of the section", _section_of(4) + pcapng()[28:])
    yield sound(group, "simple packets", START + b"".join(simple(f) for f in TUNNELLED))
    short = section() + interface(snaplen=len(FRAME)) + simple(FRAME, len(FRAME) + 400) * 3
    yield one(group, "simple packets, snapped", short, 3)
    yield sound(group, "obsolete packets", START + b"".join(obsolete(f) for f in TUNNELLED))
    kinds = {
        "unknown": 0x7777,
        "custom": 0xBAD,
        "custom, not to be copied": 0x40000BAD,
        "name resolution": 4,
        "interface statistics": 5,
        "journal export": 9,
        "decryption secrets": 10,
        "of private use": 0x80000001,
    }
    for name, kind in kinds.items():
        other = block(kind, b"\xff" * 61)
        content = section() + other + interface() + other
        content += b"".join(enhanced(frame) + other for frame in TUNNELLED)
        yield sound(group, f"block {name}", content)
    largest = START + block(0x7777, bytes(MAX_BLOCK - 12)) + enhanced(FRAME)
    yield sound(group, "block length 16 MiB", largest, 1)
    yield from _clocks(group)
    yield from _interfaces(group)
    yield from _damaged_blocks(group)


def pcapng(order: str = "<", frames: Sequence[bytes] = TUNNELLED) -> bytes:
    packets = [enhanced(frame, i * 1_000_000, order=order) for i, frame in enumerate(frames)]
    return section(order) + interface(order) + b"".join(packets)


def _section_of(length: int) -> bytes:
    return block(0x0A0D0D0A, struct.pack("<IHHq", made.BYTE_ORDER, 1, 0, length))


def _clocks(group: str) -> Iterator[Case]:
    for resolution in (0, 6, 9, 12, 19, 0x80 | 1, 0x80 | 20, 0x80 | 63):
        content = section() + interface(options=option(9, bytes([resolution])))
        content += b"".join(enhanced(frame, 5) for frame in TUNNELLED)
        yield sound(group, f"if_tsresol {resolution:#04x}", content)
    for resolution in (20, 127, 0x80 | 64, 0xFF):
        content = START + enhanced(FRAME) + interface(options=option(9, bytes([resolution])))
        error = (2, len(START + enhanced(FRAME)), "finer than any clock")
        yield one(group, f"absurd if_tsresol {resolution:#04x}", content, 1, error)
    for offset in (-(1 << 63), -3600, (1 << 63) - 1):
        content = section() + interface(options=option(14, struct.pack("<q", offset)))
        content += enhanced(FRAME, 1)
        yield sound(group, f"if_tsoffset {offset}", content, 1)
    latest = START + enhanced(FRAME, (1 << 64) - 1)
    yield sound(group, "the last time that a packet can have", latest, 1)


def _interfaces(group: str) -> Iterator[Case]:
    many = section() + interface(options=option(9, b"\x09")) * 100_000
    packets = b"".join(enhanced(FRAME, number=number) for number in (0, 65_536, 99_999))
    yield sound(group, "100,000 interfaces", many + packets)
    over = section() + interface() * (MAX_INTERFACES + 1)
    limit = f"more than {MAX_INTERFACES} interfaces"
    yield one(group, "too many interfaces", over, 0, (1, 28 + 20 * MAX_INTERFACES, limit))
    for name, packet in {
        "packet": enhanced(FRAME),
        "simple packet": simple(FRAME),
        "obsolete packet": obsolete(FRAME),
    }.items():
        error = (1, 28, "interface 0, which was not described")
        yield one(group, f"{name} without an interface", section() + packet, 0, error)
    offset = len(pcapng())
    for name, packet in {
        "packet": enhanced(FRAME, number=1),
        "obsolete packet": obsolete(FRAME, number=0xFFFF),
    }.items():
        error = (4, offset, "which was not described")
        yield one(group, f"{name} of an unknown interface", pcapng() + packet + START, 3, error)
    later = pcapng() + section() + enhanced(FRAME)
    error = (4, offset + 28, "interface 0, which was not described")
    yield one(group, "interface of an earlier section", later, 3, error)
    unended = interface(options=option(2, b"eth0"))
    content = (
        section() + unended + b"".join(enhanced(f, options=option(1, b"x")) for f in TUNNELLED)
    )
    yield sound(group, "options without end", content)
    for name, options in {
        "runs past the block": struct.pack("<HH", 2, 400),
        "if_tsresol of two bytes": option(9, b"\x06\x06"),
        "if_tsoffset of four bytes": option(14, bytes(4)),
    }.items():
        content = pcapng() + interface(options=options)
        error = (4, offset, "of the interface has a wrong length")
        yield one(group, f"option: {name}", content, 3, error)


def _damaged_blocks(group: str) -> Iterator[Case]:
    whole = pcapng()
    offset = len(whole)

    def behind(name: str, bad: bytes, words: str) -> Case:
        return one(group, name, whole + bad + whole, 3, (4, offset, words))

    for length in (0, 4, 8):
        bad = struct.pack("<II", 0x7777, length) + bytes(56)
        yield behind(f"block length {length}", bad, f"cannot have length {length}")
    for length in (13, 30, 31):
        bad = struct.pack("<II", 0x7777, length) + bytes(56)
        yield behind(
            f"block length {length}, no multiple of 4", bad, f"cannot have length {length}"
        )
    for name, length in {"over 16 MiB": MAX_BLOCK + 4, "4 GiB": 0xFFFFFFFC}.items():
        bad = struct.pack("<II", 0x7777, length) + bytes(56)
        yield behind(f"block length {name}", bad, f"block length {length} is over the limit")
    sound_block = enhanced(FRAME)
    for trailer in (0, len(sound_block) + 4):
        bad = sound_block[:-4] + struct.pack("<I", trailer)
        words = f"the block starts with length {len(sound_block)}, ends with {trailer}"
        yield behind(f"block ends with length {trailer}", bad, words)
    for kind, size in {"interface": (1, 16), "packet": (6, 28), "simple packet": (3, 12)}.values():
        words = f"block of type {kind:#x} cannot have length {size}"
        yield behind(
            f"block of type {kind} with {size} bytes", block(kind, bytes(size - 12)), words
        )
    past = enhanced(FRAME, captured=len(FRAME) + 9)
    yield behind("captured past the block", past, f"captured length {len(FRAME) + 9} runs past")
    for captured in (MAX_CAPTURED + 1, 0xFFFFFFFF):
        words = f"captured length {captured} is over the limit"
        yield behind(f"captured {captured:#x}", enhanced(FRAME, captured=captured), words)
    yield behind("a section of unknown byte order", section(magic=0), "byte-order magic is")
    yield behind("a section of version 2.0", section(version=(2, 0)), "version 2.0 is not known")
    yield one(group, "the first of unknown byte order", section(magic=1), 0, (0, 0, "byte-order"))
    yield one(group, "the first of version 2.0", section(version=(2, 0)), 0, (0, 0, "version 2.0"))
    yield from _cut_blocks(group, whole)


def _cut_blocks(group: str, whole: bytes) -> Iterator[Case]:
    last = len(whole) - len(enhanced(TUNNELLED[2]))
    needed = len(enhanced(TUNNELLED[2]))
    cuts = {"its type": (3, 12), "its length": (7, 12), "its head": (20, needed)}
    cuts |= {"the data": (needed - 20, needed), "the length at the end": (needed - 1, needed)}
    for name, (kept, wanted) in cuts.items():
        error = (3, last, f"the file ends here: {kept} of {wanted} bytes are left")
        yield one(group, f"block cut in {name}", whole[: last + kept], 2, error)
    error = (0, 0, "the file ends here: 20 of 28 bytes are left")
    yield one(group, "section header cut", section()[:20], 0, error)
    error = (1, 28, "the file ends here: 10 of 12 bytes are left")
    yield one(group, "interface cut", START[:38], 0, error)


# link types


def link_types() -> Iterator[Case]:
    group = "link types"
    readable = {
        "NULL, little endian": (0, b"\x02\0\0\0" + PACKET),
        "NULL, big endian": (0, b"\0\0\0\x02" + PACKET),
        "Ethernet": (1, FRAME),
        "802.1Q": (1, build.ethernet(PACKET, (7,))),
        "QinQ 0x88a8": (1, build.ethernet(PACKET, (7, 9))),
        "QinQ 0x9100": (1, _tagged(0x9100, 0x8100)),
        "three tags": (1, build.ethernet(PACKET, (7, 8, 9))),
        "SLL": (113, build.sll(PACKET)),
        "SLL2": (276, build.sll2(PACKET)),
        "RAW": (101, PACKET),
        "RAW of BSD": (12, PACKET),
        "RAW of OpenBSD": (14, PACKET),
        "IPv4": (228, PACKET),
        "LOOP, big endian": (108, build.loop(PACKET)),
        "LOOP, little endian": (108, b"\x02\0\0\0" + PACKET),
        "SNAP": (1, build.snap(PACKET)),
        "PPP": (9, build.ppp(PACKET)),
        "PPP, bare and compressed": (9, build.ppp(PACKET, address_control=False, compressed=True)),
        "PPP in HDLC framing": (50, build.ppp(PACKET)),
        "PPPoE alone": (51, build.ppp_ether(PACKET)),
        "Cisco HDLC": (104, build.cisco_hdlc(PACKET)),
        "802.11": (105, build.wlan(PACKET)),
        "802.11 with QoS": (105, build.wlan(PACKET, qos=True)),
        "802.11 with radiotap": (127, build.radiotap(PACKET)),
        "802.11 with radiotap and check sequence": (127, build.radiotap(PACKET, wlan.FLAG_FCS)),
    }
    for name, (link_type, frame) in readable.items():
        yield sound(
            group, f"{name} in pcap", pcap_header(linktype=link_type) + _records([frame] * 3)
        )
    yield one(group, "IPv6 in pcap", pcap_header(linktype=229) + _records([build.tcp6()] * 3), 3)
    described = [interface(linktype=link_type) for link_type, _ in readable.values()]
    packets = [enhanced(frame, i, i) for i, (_, frame) in enumerate(readable.values())]
    content = section() + b"".join(described + packets * 2)
    yield sound(group, "all of these mixed in one pcapng", content, 2 * len(readable))
    for link_type in (147, 162, 300, 65_535):
        words = f"link type {link_type} is none that this sensor can read"
        content = pcap_header(linktype=link_type) + _records(TUNNELLED)
        yield one(group, f"unknown {link_type} in pcap", content, 3, (1, 24, words), 0)
    yield from _mixed(group)
    for labels in (1, 8):
        for version, inner in {4: PACKET, 6: build.tcp6()}.items():
            content = pcap_header() + _records([_labelled(labels, inner)] * 3)
            tunnels = 3 if version == 4 else 0
            name = f"MPLS, {labels} labels above IPv{version}"
            yield one(group, name, content, 3, tunnelled=tunnels)
    for name, tags in {"PPPoE": (), "PPPoE over QinQ": (7, 9)}.items():
        yield sound(group, name, pcap_header() + _records([_pppoe(tags)] * 3))


def _mixed(group: str) -> Iterator[Case]:
    """Frames of an unknown link type among others are named once, and none is lost."""
    start = section() + interface() + interface(linktype=147) + interface(linktype=101)
    unknown = [enhanced(b"\xff" * 60, i, 1) for i in range(5)]
    content = start + enhanced(FRAME) + b"".join(unknown) + enhanced(PACKET, 9, 2)
    offset = len(start + enhanced(FRAME))
    error = (2, offset, "link type 147 is none that this sensor can read")
    yield one(group, "unknown 147 mixed in one pcapng", content, 7, error, 2)
    unused = start + enhanced(FRAME) + enhanced(PACKET, 9, 2)
    yield sound(group, "unknown 147 without a frame", unused, 2)


def _records(frames: Sequence[bytes]) -> bytes:
    return b"".join(pcap_record(frame, seconds=i) for i, frame in enumerate(frames))


def _tagged(*types: int) -> bytes:
    """An Ethernet frame with these tag types."""
    tags = b"".join(struct.pack("!HH", tag, i + 1) for i, tag in enumerate(types))
    return FRAME[:12] + tags + FRAME[12:]


def _labelled(labels: int, packet: bytes) -> bytes:
    stack = [struct.pack("!I", (16 + i) << 12 | (i == labels - 1) << 8 | 64) for i in range(labels)]
    return FRAME[:12] + b"\x88\x47" + b"".join(stack) + packet


def _pppoe(tags: tuple[int, ...]) -> bytes:
    front = build.ethernet(PACKET, tags)[: 12 + 4 * len(tags)]
    header = struct.pack("!BBHHH", 0x11, 0, 7, len(PACKET) + 2, 0x0021)
    return front + b"\x88\x64" + header + PACKET


# compressed captures

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "zstd": lambda content: zstandard.ZstdCompressor(write_checksum=True).compress(content),
    "xz": lzma.compress,
}
PADDED = ("gzip", "xz")
# Where the checksum of what was packed stands: these bytes from the end.
CHECKSUM = {"gzip": 8, "zstd": 1, "xz": 29}


def compressed() -> Iterator[Case]:
    group = "compressed"
    whole = pcap()
    cut = len(whole) - len(TUNNELLED[2]) - 16
    for name, pack in PACKERS.items():
        packed = pack(whole)
        yield sound(group, f"{name} of a pcap", packed)
        yield sound(group, f"{name} of a pcapng", pack(pcapng()))
        yield sound(group, f"{name}, two members", pack(whole[:70]) + pack(whole[70:]))
        if name in PADDED:
            padded = pack(whole[:70]) + bytes(8) + pack(whole[70:]) + bytes(4)
            yield sound(group, f"{name}, padded members", padded)
        twice = pack(packed)
        yield one(group, f"{name} twice", twice, 0, (0, 0, "inside a compressed file"))
        yield one(group, f"{name} of text", pack(b"text\n"), 0, (0, 0, "not a capture"))
        yield one(group, f"{name} of nothing", pack(b""), 0, (0, 0, "the file is empty"))
        short = f"the {name} stream ends early"
        yield one(group, f"{name}, head only", packed[:6], 0, (0, 0, short))
        # The first member holds two frames and a part of the third.
        first = pack(whole[: cut + 20])
        second = pack(whole[cut + 20 :])
        early = first + second[:6]
        yield one(group, f"{name}, second member cut", early, 2, (3, cut, short))
        broken = first + second[:3] + bytes(len(second) - 3)
        damage = f"the {name} stream is damaged"
        yield one(group, f"{name}, second member damaged", broken, 2, (3, cut, damage))
        rubbish = packed + b"rubbish, but of some length"
        yield one(group, f"{name}, rubbish behind", rubbish, 3, (4, len(whole), damage))
        wrong = bytearray(packed)
        wrong[-CHECKSUM[name]] ^= 1
        yield one(group, f"{name}, wrong checksum", bytes(wrong), 3, (4, len(whole), damage))
        capture = pack(whole[: cut + 20])
        error = (3, cut, "the file ends here: 20 of ")
        yield one(group, f"{name} of a cut pcap", capture, 2, error)


# the file system


def files() -> Iterator[Case]:
    yield from _names()
    yield from _folders()
    yield from _unusable()
    yield from _special()


def _names() -> Iterator[Case]:
    names = {
        "with spaces": "two words.pcap",
        "with a line end": "new\nline.pcap",
        "with quotes": "'\".pcap",
        "with $(...)": "$(touch x).pcap",
        "with a dash in front": "-n.pcap",
        "that is not UTF-8": "\udcff\udcfe.pcap",
        "with escapes of a terminal": "\x1b[31m.pcap",
    }
    for name, file in names.items():

        def write(folder: Path, file: str = file) -> Sequence[str]:
            made.write(folder, pcap(), file)
            os.chdir(folder)
            return ["--", file]

        yield Case("files", f"a name {name}", write, 3, tunnelled=3)


def _folders() -> Iterator[Case]:
    def nested(folder: Path) -> Sequence[str]:
        (folder / "b/deep").mkdir(parents=True)
        for name in ("a.pcap", "b/c.pcap", "b/deep/d"):
            made.write(folder, pcap(), name)
        made.write(folder, lzma.compress(pcap()), "b/packed")
        made.write(folder, gzip.compress(b"a log"), "b/log.gz")
        made.write(folder, b"notes", "notes.txt")
        os.mkfifo(folder / "pipe.pcap")
        return [str(folder)]

    def looped(folder: Path) -> Sequence[str]:
        (folder / "b").mkdir()
        made.write(folder, pcap(), "b/c.pcap")
        (folder / "b/up").symlink_to(folder)
        (folder / "self").symlink_to(folder / "self")
        (folder / "again.pcap").symlink_to(folder / "b/c.pcap")
        return [str(folder)]

    def spoiled(folder: Path) -> Sequence[str]:
        made.write(folder, pcap(), "good.pcap")
        made.write(folder, bytes(100), "lost.pcap")
        return [str(folder)]

    def empty(folder: Path) -> Sequence[str]:
        return [str(folder)]

    lost = Error(0, 0, "not a capture: starts with 00", "lost.pcap")
    yield Case("files", "a folder, recursive", nested, 12, tunnelled=12)
    yield Case("files", "loops of links", looped, 3, tunnelled=3)
    yield Case("files", "a folder with a spoiled capture", spoiled, 3, lost, DAMAGED, 3)
    yield Case("files", "an empty folder", empty, 0, code=USAGE)


def _unusable() -> Iterator[Case]:
    def missing(folder: Path) -> Sequence[str]:
        return [str(folder / "none.pcap")]

    def broken(folder: Path) -> Sequence[str]:
        (folder / NAME).symlink_to(folder / "none")
        return [str(folder / NAME)]

    def looped(folder: Path) -> Sequence[str]:
        (folder / NAME).symlink_to(folder / NAME)
        return [str(folder / NAME)]

    yield Case("files", "a file that is not there", missing, 0, code=USAGE)
    yield Case("files", "a link that leads nowhere", broken, 0, code=USAGE)
    yield Case("files", "a link to itself", looped, 0, code=USAGE)


def _special() -> Iterator[Case]:
    def piped(content: bytes) -> Callable[[Path], Sequence[str]]:
        def write(folder: Path) -> Sequence[str]:
            pipe = folder / NAME
            os.mkfifo(pipe)
            threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True).start()
            return [str(pipe)]

        return write

    def sparse(head: bytes) -> Callable[[Path], Sequence[str]]:
        def write(folder: Path) -> Sequence[str]:
            path = made.write(folder, head, NAME)
            os.truncate(path, 4 << 30)
            return [str(path)]

        return write

    def device(folder: Path) -> Sequence[str]:
        (folder / NAME).symlink_to("/dev/null")
        return [str(folder / NAME)]

    yield Case("files", "a pipe", piped(pcap()), 3, tunnelled=3)
    yield Case("files", "a pipe of gzip", piped(gzip.compress(pcap())), 3, tunnelled=3)
    end = len(pcap()) - 16 - len(TUNNELLED[2])
    cut = Error(3, end, "the file ends here")
    yield Case("files", "a pipe that is cut", piped(pcap()[:-5]), 2, cut, DAMAGED, 2)
    nothing = Error(0, 0, "the file is empty")
    yield Case("files", "the null device", device, 0, nothing, DAMAGED)
    zeros = Error(0, 0, "starts with 00 00 00 00")
    yield Case("files", "4 GiB sparse", sparse(b""), 0, zeros, DAMAGED)
    huge = pcap() + pcap_record(b"", captured=3 << 30)
    limit = Error(4, len(pcap()), f"captured length {3 << 30} is over the limit")
    yield Case("files", "4 GiB sparse behind a record", sparse(huge), 3, limit, DAMAGED, 3)
    length = Error(4, len(pcapng()), "block of type 0x0 cannot have length 0")
    yield Case("files", "4 GiB sparse behind a pcapng", sparse(pcapng()), 3, length, DAMAGED, 3)


GROUPS = (headers, records, snapped, blocks, link_types, compressed, files)


def cases() -> list[Case]:
    return [case for group in GROUPS for case in group()]


# what comes of them


@dataclass(frozen=True)
class Seen:
    """What the two commands said of a case."""

    replay: Outcome
    decode: Outcome

    @property
    def frames(self) -> int:
        """As the report counts them; nothing is reported where nothing could be opened."""
        return int(self.replay.out.split()[0]) if self.replay.out else 0

    @property
    def rows(self) -> int:
        return len(self.decode.out.splitlines())


def look(case: Case, folder: Path) -> Seen:
    """Each command finds files of its own: a pipe can be read once."""
    seen = {}
    before = os.getcwd()
    for command in ("replay", "decode"):
        place = folder / command
        place.mkdir()
        try:
            seen[command] = call_sensor(command, *case.write(place))
        finally:
            os.chdir(before)
    return Seen(**seen)


def faults(case: Case, seen: Seen) -> Iterator[str]:
    """Everything that is not as it must be."""
    if seen.frames != case.frames:
        yield f"{seen.frames} frames, not {case.frames}"
    if case.tunnelled is not None and seen.rows != case.tunnelled:
        yield f"{seen.rows} rows, not {case.tunnelled}"
    for name, outcome in (("replay", seen.replay), ("decode", seen.decode)):
        if outcome.code != case.code:
            yield f"{name} exits {outcome.code}, not {case.code}: {outcome.err.strip()}"
        yield from (f"{name}: {fault}" for fault in _errors(case, outcome.err.splitlines()))


def _errors(case: Case, lines: list[str]) -> Iterator[str]:
    if len(lines) != (case.code != CLEAN):
        yield f"{len(lines)} lines on standard error: {lines}"
    elif case.error is not None:
        place = f"/{case.error.name}: frame {case.error.frame}, byte offset {case.error.offset}: "
        _, found, reason = lines[0].partition(place)
        if not (lines[0].startswith("sensor: error: ") and found and case.error.words in reason):
            yield f"{lines[0]!r} is not {place}...{case.error.words}"


def row(case: Case, seen: Seen) -> str:
    """A line of the table."""
    error = seen.replay.err.strip().removeprefix("sensor: error: ")
    place = error[error.find(": frame ") + 2 :] if ": frame " in error else error
    wrong = "; ".join(faults(case, seen))
    verdict = f"WRONG: {wrong}" if wrong else place or "-"
    return f"{case.group:<16}{case.name:<44}{seen.frames:>6}{seen.replay.code:>6}  {verdict}"


HEADING = f"{'group':<16}{'case':<44}{'frames':>6}{'exit':>6}  error"


def main() -> int:
    print(HEADING)
    wrong = 0
    for case in cases():
        with tempfile.TemporaryDirectory() as folder:
            seen = look(case, Path(folder))
        wrong += any(faults(case, seen))
        print(row(case, seen))
    print(f"{len(cases())} cases, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
