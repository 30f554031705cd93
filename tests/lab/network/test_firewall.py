"""What a firewall blocks, by the port outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.network.firewall import Firewall
from sensor.wire import ipv4, tcp, udp
from sensor.wire.addresses import packed

A, B = packed("192.168.0.2"), packed("198.51.100.1")
PORT = 3544


def blocking() -> Firewall:
    firewall = Firewall()
    firewall.block(PORT)
    return firewall


def datagram(source: int, destination: int, *, offset: int = 0, options: bytes = b"") -> bytes:
    payload = udp.build(A, B, source, destination, b"data")
    return ipv4.build(A, B, udp.PROTOCOL, payload, fragment_offset=offset, options=options)


@pytest.mark.parametrize("options", [b"", bytes(40)])
@pytest.mark.parametrize("outward", [True, False])
def test_only_the_port_of_the_outside_end_counts(outward: bool, options: bytes) -> None:
    firewall = blocking()
    to, back = datagram(PORT + 1, PORT, options=options), datagram(PORT, PORT + 1, options=options)
    assert firewall.blocks(to, outward=outward) is outward
    assert firewall.blocks(back, outward=outward) is not outward
    assert firewall.blocks(datagram(PORT, PORT, options=options), outward=outward)


def test_ports_add_up() -> None:
    firewall = blocking()
    assert not firewall.blocks(datagram(1, PORT + 1), outward=True)
    firewall.block(PORT + 1)
    assert firewall.blocks(datagram(1, PORT + 1), outward=True)
    assert firewall.blocks(datagram(1, PORT), outward=True)


def test_what_is_no_udp_with_ports_passes() -> None:
    segment = tcp.build(A, B, PORT, PORT, sequence=1, acknowledgement=0, flags=tcp.SYN)
    first = blocking()
    assert not first.blocks(ipv4.build(A, B, tcp.PROTOCOL, segment), outward=True)
    assert not first.blocks(datagram(PORT, PORT, offset=8), outward=True)
    assert not first.blocks(ipv4.build(A, B, udp.PROTOCOL, datagram(1, PORT)[20:23]), outward=True)


@given(st.binary(max_size=80), st.booleans())
def test_hostile_octets_are_judged_and_an_empty_one_blocks_nothing(
    octets: bytes, outward: bool
) -> None:
    firewall = blocking()
    for packet in (octets, ipv4.build(A, B, udp.PROTOCOL, octets)):
        at = (packet[0] & 0x0F) * 4 + (2 if outward else 0) if packet else 0
        ports = packet[at : at + 2]
        if firewall.blocks(packet, outward=outward):
            assert ports == PORT.to_bytes(2)
        assert not Firewall().blocks(packet, outward=outward)
