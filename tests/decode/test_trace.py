from __future__ import annotations

from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.decode.trace import SILENCE, Trace, TracedCheck, TracedLayer
from sensor.wire.ipv4 import IPv4Header

from .. import build


def traced(data: bytes) -> Trace:
    trace = Trace()
    frame = Frame(data, 1, len(data))
    assert decode_frame(frame, DecodeSettings(), trace) == decode_frame(frame, DecodeSettings())
    return trace


def layers(trace: Trace) -> list[tuple[str, int]]:
    return [(step.name, step.offset) for step in trace.steps if isinstance(step, TracedLayer)]


def checks(trace: Trace) -> dict[str, bool]:
    return {step.name: step.passed for step in trace.steps if isinstance(step, TracedCheck)}


def test_layers_and_checks_are_kept_in_the_order_of_the_walk() -> None:
    trace = Trace()
    trace.layer("ipv4", 14, "header")
    assert trace.check("has a tunnel", True) is True
    assert trace.check("is exact", False) is False
    assert trace.steps == [
        TracedLayer("ipv4", 14, "header"),
        TracedCheck("has a tunnel", True),
        TracedCheck("is exact", False),
    ]


def test_silence_answers_checks_and_keeps_nothing() -> None:
    SILENCE.layer("ipv4", 14)
    assert SILENCE.check("a", True) is True
    assert SILENCE.check("a", False) is False
    assert SILENCE.steps == []


def test_every_layer_of_a_teredo_frame_has_its_offset() -> None:
    trace = traced(build.exchange()[0])
    assert layers(trace) == [
        ("link", 0),
        ("ipv4", 14),
        ("udp", 34),
        ("teredo", 42),
        ("inner ipv6", 55),
    ]
    header = trace.steps[1]
    assert isinstance(header, TracedLayer)
    assert isinstance(header.header, IPv4Header)
    assert header.header.source == build.CLIENT[0]


def test_every_check_of_a_teredo_frame_has_its_outcome() -> None:
    assert checks(traced(build.exchange()[0])) == {
        "authentication or origin header in its right place": True,
        "inner packet or well-formed trailers end with the datagram": True,
        "inner checksum is right": True,
        "inner source or destination is a Teredo address": False,
        "embedded mapping equals the outer end": False,
        "server link-local address embeds the outer source": False,
        "Teredo router solicitation": True,
        "router advertisement of a Teredo prefix": False,
        "bubble": False,
        "an outer end is a known Teredo server": False,
        "inner length fits the datagram": True,
        "inner headers make sense": True,
    }


def test_every_check_of_a_protocol_41_frame_has_its_outcome() -> None:
    assert checks(traced(build.sixinfour_frame(build.tcp6()))) == {
        "inner length fits the packet": True,
        "6to4 address": False,
        "isatap address": False,
        "ipv4-compatible address": False,
        "6rd address": False,
    }


def test_a_frame_without_a_tunnel_says_why() -> None:
    short = traced(build.udp_frame(build.CLIENT, build.PEER, b"hello"))
    assert short.steps[-1] == TracedCheck("datagram is long enough for IPv6", False)
    other = traced(build.udp_frame(build.CLIENT, build.PEER, bytes([0x45]) * 60))
    assert other.steps[-2:] == [
        TracedCheck("payload is [authentication] [origin] IPv6", False),
        TracedCheck("is an IPv4 packet in UDP", False),
    ]
    cut = traced(b"\x00" * 9)
    assert cut.steps == [TracedCheck("link-layer header can be read (truncated)", False)]
