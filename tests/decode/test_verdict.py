from __future__ import annotations

from dataclasses import replace

import pytest

from sensor.decode.inner import Inner, summarize
from sensor.decode.verdict import inner_anomalies, joined
from sensor.schema.words import Anomaly, Evidence
from sensor.wire import ipv6
from sensor.wire.cursor import Cursor

from .. import build


def inner_of(packet: bytes) -> Inner:
    return summarize(packet, 0, ipv6.parse(Cursor(packet)), len(packet))


def test_what_holds_is_joined_to_what_is_there() -> None:
    found = {Evidence.GRAMMAR: True, Evidence.CHECKSUM: False, Evidence.BUBBLE: True}
    assert joined(found, Evidence(0)) == Evidence.GRAMMAR | Evidence.BUBBLE
    assert joined({Anomaly.TRUNCATED: False}, Anomaly.BAD_CHECKSUM) == Anomaly.BAD_CHECKSUM


def test_a_sound_packet_has_no_anomaly() -> None:
    packet = build.tcp6()
    assert inner_anomalies(inner_of(packet), len(packet)) == Anomaly(0)
    assert inner_anomalies(inner_of(packet), len(packet) + 1) == Anomaly(0)


def test_a_packet_longer_than_its_carrier_lies() -> None:
    packet = build.tcp6()
    assert inner_anomalies(inner_of(packet), len(packet) - 1) == Anomaly.LENGTH_MISMATCH


@pytest.mark.parametrize(
    ("packet", "anomaly"),
    [
        (build.bubble(hop_limit=0), Anomaly.HOP_LIMIT_ZERO),
        (build.tcp6()[:-1] + b"\x01", Anomaly.BAD_CHECKSUM),
        (ipv6.build(build.NATIVE, build.OTHER, 253, b"what is this"), Anomaly.EXTENSION_HEADERS),
        (
            ipv6.build(
                build.NATIVE,
                build.OTHER,
                ipv6.ROUTING,
                ipv6.build_extension(ipv6.ROUTING, ipv6.NO_NEXT_HEADER, bytes(6)),
            ),
            Anomaly.ROUTING_HEADER,
        ),
    ],
)
def test_an_oddity_of_the_inner_packet_is_named(packet: bytes, anomaly: Anomaly) -> None:
    assert inner_anomalies(inner_of(packet), len(packet)) == anomaly


def test_a_checksum_that_cannot_be_known_is_not_bad() -> None:
    inner = replace(inner_of(build.tcp6()), checksum=None)
    assert inner_anomalies(inner, inner.length) == Anomaly(0)
