"""Which service an ICMPv6 error refuses."""

from __future__ import annotations

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import ExposureState
from sensor.track.conversation import TCP, UDP
from sensor.track.unreachable import refused_service
from sensor.wire import icmpv6, ipv6
from tests.track.rows import (
    CLIENT,
    NATIVE,
    RELAY,
    TEREDO,
    Sensor,
    datagram,
    decoded,
    proofs,
    qualified,
    rst,
    syn,
    syn_ack,
    tcp_packet,
    udp,
    udp_packet,
    unreachable_frame,
)


def only(frame: bytes) -> Observation:
    (made,) = decoded(frame)
    return made


@pytest.mark.parametrize(
    ("packet", "transport", "ports"),
    [(tcp_packet(), TCP, (49138, 8080)), (udp_packet(), UDP, (5000, 161))],
)
def test_the_quoted_opening_names_service_and_remote(
    packet: bytes, transport: int, ports: tuple[int, int]
) -> None:
    frame = unreachable_frame(packet)
    refused = refused_service(only(frame), frame)
    assert refused is not None
    assert refused.transport == transport
    assert refused.remote == (NATIVE, ports[0])
    assert refused.service == (TEREDO, ports[1])


def test_four_octets_behind_the_header_are_enough() -> None:
    frame = unreachable_frame(tcp_packet()[: ipv6.HEADER_LENGTH + 4])
    assert refused_service(only(frame), frame) is not None


def _echo() -> bytes:
    message = icmpv6.build_echo_request(NATIVE, TEREDO, icmpv6.Echo(1, 1, b""))
    return ipv6.build(NATIVE, TEREDO, icmpv6.PROTOCOL, message)


def _fragment(offset: int) -> bytes:
    segment = tcp_packet()[ipv6.HEADER_LENGTH :]
    header = ipv6.build_fragment(6, 1, offset, False)
    return ipv6.build(NATIVE, TEREDO, ipv6.FRAGMENT, header + segment)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        tcp_packet()[:39],
        tcp_packet()[:41],
        tcp_packet()[:43],
        _echo(),
        _fragment(0),
        _fragment(8),
        _fragment(0)[:44],
        b"\x45" + bytes(39),
    ],
)
def test_other_quotations_refuse_nothing(packet: bytes) -> None:
    frame = unreachable_frame(packet)
    assert refused_service(only(frame), frame) is None


def test_every_cut_is_answered() -> None:
    frame = unreachable_frame(tcp_packet())
    made = only(frame)
    answers = [refused_service(made, frame[:length]) for length in range(len(frame) + 1)]
    assert answers[-1] is not None
    assert answers[0] is None


# in a tunnel


def test_an_error_from_inside_refuses_the_opening_it_quotes() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn())
    sensor.see_frame(unreachable_frame(tcp_packet()))
    exposure = sensor.exposure()
    assert (exposure.state, exposure.last_state) == (ExposureState.REFUSED,) * 2
    assert proofs(exposure) == [(4, "SYN in"), (5, "unreachable out")]
    assert exposure.remote == (NATIVE, 49138)


def test_a_datagram_is_refused_in_the_same_way() -> None:
    sensor = qualified(Sensor())
    sensor.see(udp(RELAY, CLIENT, NATIVE, TEREDO, (5000, 161)))
    sensor.see_frame(unreachable_frame(udp_packet()))
    assert sensor.exposure().state is ExposureState.REFUSED
    assert proofs(sensor.exposure()) == [(4, "datagram in"), (5, "unreachable out")]


def test_an_error_alone_opens_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see_frame(unreachable_frame(tcp_packet()))
    sensor.see_frame(unreachable_frame(b""))
    assert sensor.exposures() == []


def test_an_error_from_outside_refuses_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn())
    message = icmpv6.build_error(NATIVE, TEREDO, icmpv6.UNREACHABLE, 4, tcp_packet())
    packet = ipv6.build(NATIVE, TEREDO, icmpv6.PROTOCOL, message)
    assert sensor.see_frame(datagram(RELAY, CLIENT, packet)) == []
    assert sensor.exposure().state is ExposureState.ATTEMPTED


def test_other_errors_refuse_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn())
    message = icmpv6.build_error(TEREDO, NATIVE, icmpv6.TOO_BIG, 0, tcp_packet(), parameter=1280)
    packet = ipv6.build(TEREDO, NATIVE, icmpv6.PROTOCOL, message)
    assert sensor.see_frame(datagram(CLIENT, RELAY, packet)) == []


def test_an_error_behind_a_reset_is_evidence_and_no_document() -> None:
    """Another service waits: without one nobody looks at the error."""
    sensor = qualified(Sensor())
    sensor.see(syn(), rst(), syn(port=9))
    assert sensor.see_frame(unreachable_frame(tcp_packet())) == []
    sensor.finish()
    exposure = next(one for one in sensor.exposures() if one.port == 8080)
    assert proofs(exposure) == [(4, "SYN in"), (5, "RST out"), (7, "unreachable out")]


def test_an_error_that_quotes_something_else_refuses_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn())
    assert sensor.see_frame(unreachable_frame(tcp_packet((49138, 9)))) == []
    assert sensor.see_frame(unreachable_frame(b"")) == []
    assert sensor.exposure().state is ExposureState.ATTEMPTED


def test_an_answered_service_stays_answered() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack())
    assert sensor.see_frame(unreachable_frame(tcp_packet())) == []
    assert sensor.exposure().state is ExposureState.ANSWERED


def test_a_reset_refuses_too() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), rst())
    assert sensor.exposure().state is ExposureState.REFUSED
    assert proofs(sensor.exposure()) == [(4, "SYN in"), (5, "RST out")]
