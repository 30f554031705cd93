"""What captures see, and that Wireshark finds no fault with it."""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.network.clock import Clock
from sensor.lab.network.host import Host
from sensor.lab.network.medium import Faults
from sensor.lab.network.native import Native
from sensor.lab.network.packet import Label
from sensor.lab.network.segment import Segment
from sensor.lab.network.stack6 import Stack6
from sensor.lab.network.tap import MIN_FRAME, Tap
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import teredo
from sensor.wire.addresses import packed
from tests.lab.network.places import FIRST_IP, PROBES, Home

EPOCH = 1_795_334_400_000_000_000
LABEL = Label(Kind.TEREDO, TeredoPacket.BUBBLE, "host")


def test_alone_it_sees_all_as_it_is_sent() -> None:
    home = Home(PORT_RESTRICTED)
    tap = Tap(home.internet)
    home.internet.faults = Faults(loss=1.0)
    home.prober.send_udp(b"x", PROBES[0], Endpoint(packed("192.0.2.7"), 1))
    home.host.send_udp(b"x", home.end, PROBES[0], label=LABEL)
    home.settle()
    assert [frame.label for frame in tap.frames] == [None, LABEL]
    assert [round(frame.time, 4) for frame in tap.frames] == [0.0, 0.0002]


def test_beside_an_interface_it_sees_what_that_one_sees_when_it_does() -> None:
    home = Home(PORT_RESTRICTED)
    tap = Tap(home.internet, beside=home.nat.outside)
    home.prober.send_udp(b"x", PROBES[0], Endpoint(packed("192.0.2.7"), 1))
    home.host.send_udp(b"x", home.end, PROBES[0])
    home.settle()
    home.internet.faults = Faults(doubling=1.0)
    home.prober.send_udp(b"y", PROBES[0], home.probed[0][1])
    home.settle()
    home.internet.faults = Faults(loss=1.0)
    home.prober.send_udp(b"z", PROBES[0], home.probed[0][1])
    home.settle()
    assert [round(frame.time, 4) for frame in tap.frames] == [0.0002, 1.01, 1.01]


def test_a_capture_may_keep_the_beginning_of_each_frame_alone() -> None:
    home = Home(PORT_RESTRICTED)
    tap = Tap(home.inside, snaplen=64)
    home.host.send_udp(bytes(200), home.end, PROBES[0])
    stream = io.BytesIO()
    tap.write(stream, EPOCH)
    kept, wire = struct.unpack_from("<II", stream.getvalue(), 24 + 8)
    assert (kept, wire) == (64, len(tap.frames[0].octets)) == (64, 242)
    assert len(stream.getvalue()) == 24 + 16 + 64


def test_short_frames_are_padded() -> None:
    home = Home(PORT_RESTRICTED)
    tap = Tap(home.inside)
    home.host.send_udp(b"", home.end, PROBES[0])
    home.host.send_udp(bytes(100), home.end, PROBES[0])
    assert [len(frame.octets) for frame in tap.frames] == [MIN_FRAME, 142]


def test_times_in_the_file_are_exact() -> None:
    home = Home(PORT_RESTRICTED)
    tap = Tap(home.inside)
    home.clock.at(12.3456789, lambda: home.host.send_udp(b"", home.end, PROBES[0]))
    home.clock.run(13.0)
    file = io.BytesIO()
    tap.write(file, EPOCH)
    seconds, fraction, length, _ = struct.unpack_from("<IIII", file.getvalue(), 24)
    assert (seconds * 10**9 + fraction, length) == (EPOCH + 12_345_678_900, MIN_FRAME)


def wireshark(tshark: Path, capture: Path, *arguments: str) -> list[str]:
    options = [f"{protocol}.check_checksum:TRUE" for protocol in ("ip", "tcp", "udp")]
    command = [str(tshark), "-n", "-r", str(capture)]
    for option in options:
        command += ["-o", option]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def written(tap: Tap, path: Path) -> Path:
    with path.open("wb") as file:
        tap.write(file, EPOCH)
    return path


def faultless(tshark: Path, capture: Path) -> bool:
    bad = (
        "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || "
        "tcp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0"
    )
    return wireshark(tshark, capture, "-Y", bad) == []


def traffic(home: Home) -> None:
    """Some of everything that a NAT translates."""
    home.prober.serve_udp(53, lambda query: query)
    home.prober.tcp.serve(80, lambda request: b"x" * 5000)
    home.host.ping(FIRST_IP)
    home.host.ask(Endpoint(FIRST_IP, 54), bytes(range(30)))
    home.host.tcp.connect(FIRST_IP, 80, b"GET /")
    home.host.tcp.connect(FIRST_IP, 81, b"GET /")
    home.host.send_udp(b"", home.end, PROBES[0], ttl=1)
    source, destination = packed("fe80::1"), packed("fe80::2")
    home.host.send_udp(teredo.build_bubble(source, destination), home.end, PROBES[0])
    home.clock.run(5.0)


def test_the_same_seed_writes_the_same_file() -> None:
    def captured(seed: int) -> bytes:
        home = Home(PORT_RESTRICTED, seed)
        home.internet.faults = Faults(0.1, 0.1, 0.1, 0.1)
        tap, file = Tap(home.internet), io.BytesIO()
        traffic(home)
        tap.write(file, EPOCH)
        return file.getvalue()

    assert captured(1) == captured(1)
    assert captured(1) != captured(2)


def test_wireshark_finds_no_fault_on_either_side_of_a_nat(tshark: Path, tmp_path: Path) -> None:
    home = Home(replace(PORT_RESTRICTED, hairpin=True))
    taps = Tap(home.inside), Tap(home.internet)
    traffic(home)
    for name, tap in zip(("inside", "outside"), taps, strict=True):
        capture = written(tap, tmp_path / f"{name}.pcap")
        assert faultless(tshark, capture)
        assert len(wireshark(tshark, capture)) == len(tap.frames) > 20
        errors = "tcp.analysis.flags && !tcp.analysis.window_update"
        assert wireshark(tshark, capture, "-Y", errors) == []


def test_wireshark_finds_no_fault_with_native_ipv6(tshark: Path, tmp_path: Path) -> None:
    clock = Clock()
    native = Native(clock, Random(1))
    a = Stack6("a", clock, Random(2), [packed("2001:db8::a")])
    b = Stack6("b", clock, Random(3), [packed("2001:db8::b")])
    for stack in (a, b):
        native.host(stack)
    tap = Tap(native)
    b.tcp.serve(80, lambda request: b"x" * 5000)
    b.serve_udp(7777, lambda query: query)
    a.ping(b.addresses[0])
    a.ask(b.addresses[0], 7777, b"q")
    a.ask(b.addresses[0], 7778, b"q")
    a.tcp.connect(b.addresses[0], 80, b"GET /")
    a.tcp.connect(b.addresses[0], 81, b"GET /")
    clock.run(5.0)
    capture = written(tap, tmp_path / "native.pcap")
    assert faultless(tshark, capture)
    assert len(wireshark(tshark, capture)) == len(tap.frames) > 20


def test_wireshark_would_find_a_fault(tshark: Path, tmp_path: Path) -> None:
    clock = Clock()
    segment = Segment("net", clock, Random(1))
    host = Host("host", segment, [FIRST_IP], Random(2))
    tap = Tap(segment)
    damage: list[Callable[[], None]] = [
        lambda: host.send(FIRST_IP, 17, bytes.fromhex("0035003500090001") + b"x"),
        lambda: host.send(FIRST_IP, 1, bytes.fromhex("0800000100010001")),
    ]
    for do in damage:
        do()
    assert not faultless(tshark, written(tap, tmp_path / "damaged.pcap"))
