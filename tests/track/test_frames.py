"""Reading a row's frame again."""

from __future__ import annotations

import pytest

from sensor.errors import DecodeError
from sensor.track.frames import icmpv6_body
from sensor.track.unreachable import refused_service
from sensor.wire import icmpv6, ipv6
from tests.track.rows import CLIENT, NATIVE, RELAY, TEREDO, datagram, decoded, tcp_packet

REFUSAL = icmpv6.build_error(TEREDO, NATIVE, icmpv6.UNREACHABLE, 4, tcp_packet())
OPTIONS = ipv6.build_extension(ipv6.DESTINATION, icmpv6.PROTOCOL, b"\x01\x04" + bytes(4))
PLAIN = ipv6.build(TEREDO, NATIVE, icmpv6.PROTOCOL, REFUSAL)
BEHIND_OPTIONS = ipv6.build(TEREDO, NATIVE, ipv6.DESTINATION, OPTIONS + REFUSAL)


@pytest.mark.parametrize("packet", [PLAIN, BEHIND_OPTIONS])
def test_a_message_is_read_behind_extension_headers(packet: bytes) -> None:
    frame = datagram(CLIENT, RELAY, packet)
    (row,) = decoded(frame)
    assert icmpv6_body(row, frame) == REFUSAL[4:]
    refused = refused_service(row, frame)
    assert refused is not None
    assert refused.service == (TEREDO, 8080)


def test_octets_behind_the_packet_are_not_read() -> None:
    frame = datagram(CLIENT, RELAY, PLAIN + b"junk")
    (row,) = decoded(frame)
    assert icmpv6_body(row, frame) == REFUSAL[4:]


def test_a_frame_that_was_cut_meanwhile() -> None:
    frame = datagram(CLIENT, RELAY, BEHIND_OPTIONS)
    (row,) = decoded(frame)
    for length in range(row.inner_offset + ipv6.HEADER_LENGTH + len(OPTIONS) + 4):
        with pytest.raises(DecodeError):
            icmpv6_body(row, frame[:length])
