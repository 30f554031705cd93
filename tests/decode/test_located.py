"""The innermost datagram of a frame, found again."""

from __future__ import annotations

import pytest

from sensor.decode.located import located
from sensor.decode.scalar import Frame
from sensor.decode.settings import DecodeSettings
from sensor.decode.verdict import Outer
from sensor.wire import ipv6, link
from tests import build

HOST, RESOLVER = (build.CLIENT[0], 1025), (build.SERVER[0], 53)
HOST6, RESOLVER6 = (build.NATIVE, 1025), (build.OTHER, 53)
PAYLOAD = b"a question"


def found(frame: bytes, link_type: int = 1) -> tuple[Outer, bytes] | None:
    return located(Frame(frame, link_type, len(frame)), DecodeSettings())


@pytest.mark.parametrize("vlans", [(), (7,), (7, 8)])
def test_over_ipv4(vlans: tuple[int, ...]) -> None:
    frame = build.ethernet(build.udp(HOST, RESOLVER, PAYLOAD), vlans)
    assert found(frame) == (Outer(4, HOST[0], RESOLVER[0], 1025, 53), PAYLOAD)
    # Ethernet fills short frames up.
    assert found(frame + bytes(18)) == found(frame)


def test_over_ipv6() -> None:
    packet = build.udp(HOST6, RESOLVER6, PAYLOAD)
    expected = Outer(6, HOST6[0], RESOLVER6[0], 1025, 53), PAYLOAD
    assert found(build.ethernet(packet)) == expected
    assert found(build.sll(packet, link.ETHERTYPE_IPV6), 113) == expected


def test_the_innermost_of_several_counts() -> None:
    packet = build.udp(HOST6, RESOLVER6, PAYLOAD)
    inside = Outer(6, HOST6[0], RESOLVER6[0], 1025, 53), PAYLOAD
    assert found(build.sixinfour_frame(packet)) == inside
    packet = build.udp((build.TEREDO, 1025), RESOLVER6, PAYLOAD)
    inside = Outer(6, build.TEREDO, RESOLVER6[0], 1025, 53), PAYLOAD
    assert found(build.udp_frame(build.CLIENT, build.SERVER, packet)) == inside
    packet = build.four_in_six(build.udp(HOST, RESOLVER, PAYLOAD))
    assert found(build.ethernet(packet)) == (Outer(4, HOST[0], RESOLVER[0], 1025, 53), PAYLOAD)


def test_of_a_cut_datagram_what_there_is() -> None:
    frame = build.udp_frame(HOST, RESOLVER, PAYLOAD)
    for cut in range(len(PAYLOAD)):
        kept = located(Frame(frame[: len(frame) - cut], 1, len(frame)), DecodeSettings())
        assert kept is not None
        assert kept[1] == PAYLOAD[: len(PAYLOAD) - cut]


def test_a_datagram_put_together_from_fragments_in_a_carrier_of_the_last() -> None:
    packet = build.udp(HOST, RESOLVER, PAYLOAD)
    last = build.ethernet(build.in_four(packet[:24]))
    at = len(last) - 24
    made = Frame(last[:at] + packet, 1, len(last), whole_at=at)
    expected = Outer(4, HOST[0], RESOLVER[0], 1025, 53), PAYLOAD
    assert located(made, DecodeSettings()) == expected


def test_a_length_of_zero_takes_all_there_is() -> None:
    packet = bytearray(build.udp(HOST6, RESOLVER6, PAYLOAD))
    packet[ipv6.HEADER_LENGTH + 4 : ipv6.HEADER_LENGTH + 6] = bytes(2)
    kept = found(build.ethernet(bytes(packet)))
    assert kept is not None
    assert kept[1] == PAYLOAD


@pytest.mark.parametrize(
    "frame",
    [b"", bytes(60), build.ethernet(build.tcp6()), build.sixinfour_frame(build.echo6())],
    ids=["nothing", "zeros", "tcp", "echo"],
)
def test_none_where_there_is_none(frame: bytes) -> None:
    assert found(frame) is None
