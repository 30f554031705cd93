"""Which packets are answered with an error, and what that quotes."""

from __future__ import annotations

import pytest

from sensor.lab.network.complaint import PORT_UNREACHABLE, complaint
from sensor.lab.network.packet import Label, Packet
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import checksum, icmpv4, ipv4, udp
from sensor.wire.addresses import packed

A, B = packed("192.0.2.1"), packed("192.0.2.2")


def of(packet: Packet) -> Packet | None:
    return complaint(packet, B, "host", icmpv4.UNREACHABLE, PORT_UNREACHABLE, 77)


@pytest.mark.parametrize("size", [0, 100, 1400])
def test_an_error_quotes_as_much_as_every_host_can_take(size: int) -> None:
    octets = ipv4.build(A, B, udp.PROTOCOL, udp.build(A, B, 1, 2, bytes(size)))
    error = of(Packet(octets))
    assert error is not None
    assert error.octets[12:22] == B + A + bytes([icmpv4.UNREACHABLE, PORT_UNREACHABLE])
    assert error.octets[4:6] == b"\x00\x4d"
    assert checksum.verify(error.octets[20:])
    assert octets.startswith(error.octets[28:])
    assert len(error.octets) == min(56 + size, 576)
    assert error.label is None


def test_the_label_tells_that_it_only_quotes() -> None:
    label = Label(Kind.TEREDO, TeredoPacket.DATA, "client")
    octets = ipv4.build(A, B, udp.PROTOCOL, udp.build(A, B, 1, 2, b""))
    error = of(Packet(octets, label))
    assert error is not None
    assert error.label == label.quoted_by("host")


@pytest.mark.parametrize(
    "octets",
    [
        ipv4.build(A, B, icmpv4.PROTOCOL, icmpv4.build_error(icmpv4.UNREACHABLE, 3, b"x")),
        ipv4.build(A, packed("224.0.0.253"), udp.PROTOCOL, bytes(8)),
        ipv4.build(A, B, icmpv4.PROTOCOL, b"cut"),
        b"E",
        b"",
    ],
    ids=["error", "group", "damaged-icmp", "damaged", "empty"],
)
def test_about_these_nobody_complains(octets: bytes) -> None:
    assert of(Packet(octets)) is None
