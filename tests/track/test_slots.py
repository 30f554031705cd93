"""Per-tunnel counters."""

from __future__ import annotations

from sensor.schema.words import Anomaly, Confidence, Evidence, Kind
from sensor.track.slots import TunnelSlot
from tests.track.rows import (
    BROKER,
    CLIENT,
    PRIVATE,
    PUBLIC,
    RELAY,
    bare,
    bubble,
    direct,
    row,
    seconds,
    solicitation,
)


def slot_of(first: object) -> TunnelSlot:
    return TunnelSlot(3, first, CLIENT, RELAY)  # type: ignore[arg-type]


def test_counts_packets_octets_directions_and_bubbles() -> None:
    first = bubble(CLIENT, RELAY)._replace(time=seconds(5), wire_length=90)
    slot = slot_of(first)
    assert not slot.answered
    slot.count(first, True)
    assert not slot.answered
    slot.count(row(RELAY, CLIENT, time=seconds(3), wire_length=110), False)
    assert slot.answered
    assert (slot.packets, slot.bytes, slot.statistics.bubbles) == (2, 200, 1)
    assert (slot.inbound, slot.outbound) == (1, 1)
    assert (slot.first, slot.last, slot.last_outbound) == (seconds(5), seconds(5), seconds(5))


def test_gathers_reasons_kinds_and_the_best_confidence() -> None:
    slot = slot_of(row(CLIENT, RELAY))
    slot.count(row(CLIENT, RELAY, confidence=Confidence.CERTAIN, reasons=1), True)
    slot.count(row(CLIENT, RELAY, confidence=Confidence.STRONG, reasons=2), True)
    assert slot.confidence == Confidence.CERTAIN
    assert Evidence(slot.reasons) == Evidence.GRAMMAR | Evidence.EXACT_LENGTH
    assert slot.kinds == 1 << Kind.TEREDO


def test_began_in_mid_life_unless_with_a_solicitation() -> None:
    assert slot_of(row(CLIENT, RELAY)).midstream
    assert not slot_of(solicitation()).midstream


def test_the_vlan_is_that_of_the_first_packet() -> None:
    assert slot_of(row(CLIENT, RELAY, vlan=8)).vlan == 8
    assert slot_of(row(CLIENT, RELAY)).vlan == 0


def test_a_sign_of_teredo_upgrades_bare_ipv6_in_udp() -> None:
    slot = slot_of(bare(row(CLIENT, RELAY)))
    slot.count(bare(row(CLIENT, RELAY)), True)
    assert slot.kind == Kind.IP6_IN_UDP
    slot.count(row(CLIENT, RELAY), True)
    assert slot.kind == Kind.TEREDO
    slot.count(bare(row(CLIENT, RELAY)), True)
    assert slot.kind == Kind.TEREDO


def test_the_first_packet_that_agrees_with_its_ends_names_the_kind() -> None:
    made = direct(row(PUBLIC, BROKER), Kind.SIXTOFOUR)
    slot = TunnelSlot(0, made, PUBLIC, BROKER)
    slot.count(made._replace(anomalies=int(Anomaly.EMBEDDED_MISMATCH)), True)
    slot.count(direct(row(PRIVATE, BROKER), Kind.ISATAP), True)
    slot.count(direct(row(PRIVATE, BROKER), Kind.SIXINFOUR), True)
    assert slot.kind == Kind.ISATAP
    assert slot.kinds == 1 << Kind.SIXTOFOUR | 1 << Kind.ISATAP | 1 << Kind.SIXINFOUR
