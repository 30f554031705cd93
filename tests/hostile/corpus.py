"""Frames to damage: of every public capture, and generated ones of every kind of tunnel."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sensor.capture.files import CaptureFile
from sensor.wire import ipv4, ipv6, sixinfour, teredo
from sensor.wire.addresses import build_isatap, build_sixover4, build_sixtofour, packed

from .. import build
from ..build import CLIENT, NATIVE, OTHER, RELAY, TEREDO, V4A, V4B, ethernet, tcp6, udp_frame


class Whole(NamedTuple):
    """A frame as it was before anyone damaged it."""

    name: str
    data: bytes
    link_type: int = 1


def captured(folder: Path) -> list[Whole]:
    found = []
    for path in sorted(folder.rglob("*.pcap")):
        with CaptureFile(str(path)) as capture:
            for batch in capture.batches():
                for i in range(len(batch)):
                    name = f"{path.name} frame {batch.first_frame + i}"
                    found.append(Whole(name, batch.frame(i), int(batch.linktypes[i])))
    assert len(found) > 1000
    return found


def generated() -> list[Whole]:
    found = [Whole(f"exchange {i}", data) for i, data in enumerate(build.exchange())]
    for name, source, destination in (
        ("6to4", build_sixtofour(V4A), build_sixtofour(V4B)),
        ("isatap", build_isatap(NATIVE[:8], V4A), NATIVE),
        ("6over4", build_sixover4(V4A), packed("ff02::1")),
        ("compatible", bytes(12) + V4A, NATIVE),
        ("teredo in 41", TEREDO, NATIVE),
    ):
        packet = sixinfour.encapsulate(V4A, V4B, tcp6(source, destination, payload=b"data"))
        found.append(Whole(name, ethernet(packet)))
        found.append(Whole(f"{name} tagged", ethernet(packet, (7, 9))))
        found.append(Whole(f"{name} raw", packet, 101))
        found.append(Whole(f"{name} cooked", build.sll(packet), 113))
        found.append(Whole(f"{name} cooked 2", build.sll2(packet), 276))
        found.append(Whole(f"{name} null", b"\2\0\0\0" + packet, 0))
    return found + [Whole(f"odd {i}", data) for i, data in enumerate(_odd())]


def _odd() -> list[bytes]:
    """Frames with nesting, indicators, trailers, extension headers and fragments."""
    trailers = teredo.build_trailer_nonce(b"abcd") + teredo.build_trailer_random_port(9)
    chain = (
        ipv6.build_extension(60, 43, bytes(6))
        + ipv6.build_extension(43, 44, bytes(6))
        + ipv6.build_fragment(6, 1, 0, True)
    )
    extended = ipv6.build(TEREDO, NATIVE, 60, chain + tcp6()[40:])
    nested = build.udp((NATIVE, 1), (OTHER, 2), extended)
    deep = tcp6()
    for _ in range(9):
        deep = build.six_in_six(deep)
    front = build.authentication(b"id", b"value") + build.origin() + build.origin()
    return [
        udp_frame(CLIENT, RELAY, front + build.bubble() + trailers),
        udp_frame(CLIENT, RELAY, extended),
        udp_frame(CLIENT, RELAY, tcp6(payload=b"bare")),
        udp_frame(CLIENT, RELAY, build.bubble() + b"\xff junk"),
        udp_frame(CLIENT, RELAY, build.six_in_six(tcp6())),
        build.sixinfour_frame(nested),
        build.sixinfour_frame(deep),
        ethernet(ipv4.build(V4A, V4B, 4, build.four_in_six(build.sixinfour_frame(tcp6())[14:]))),
        ethernet(build.four_in_six(udp_frame(CLIENT, RELAY, tcp6(TEREDO))[14:])),
        ethernet(ipv4.build(V4A, V4B, 41, tcp6(payload=bytes(64))[:96], more_fragments=True)),
        udp_frame(CLIENT, RELAY, bytes.fromhex("000086dd00004200") + tcp6()),
    ]
