"""Whom a tunnel met, counted and bounded; both tables tell each once."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import EventType, Kind, Transport
from sensor.track.peers import INNER, Peers, embedding_ends
from sensor.track.slots import TunnelSlot
from sensor.track.tunnels import EMBEDDED_LIMIT
from sensor.wire.addresses import build_isatap, build_sixover4, build_sixtofour, packed
from tests.track.rows import MAPPED, NATIVE, RELAY, Sensor, Shown, row

ALICE, BOB = packed("198.51.100.7"), packed("198.51.100.8")
SIXTOFOUR, ISATAP = build_sixtofour(ALICE), build_isatap(packed("2001:db8::")[:8], BOB)


def carried(
    source: bytes, destination: bytes, kind: Kind, transport: Transport = Transport.IPV6
) -> Observation:
    ends = (RELAY[0], 0), (MAPPED[0], 0)
    return row(
        *ends,
        kind=kind,
        kinds=1 << kind,
        outer_transport=transport,
        inner_source=source,
        inner_destination=destination,
    )


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (SIXTOFOUR, Kind.SIXTOFOUR),
        (ISATAP, Kind.ISATAP),
        (build_isatap(packed("fe80::")[:8], BOB, universal=True), Kind.ISATAP),
        (build_sixover4(BOB), Kind.SIXOVERFOUR),
        (packed("::198.51.100.7"), Kind.IPV4_COMPATIBLE),
        (packed("2001:db8:1::1"), Kind.SIXRD),
    ],
)
def test_an_embedding_address_is_met_at_either_end(address: bytes, kind: Kind) -> None:
    other = address if kind is Kind.SIXRD else NATIVE
    assert (address, INNER) in embedding_ends(carried(address, other, kind))
    assert (address, INNER) in embedding_ends(carried(other, address, kind))


def test_others_are_not() -> None:
    assert embedding_ends(carried(SIXTOFOUR, NATIVE, Kind.SIXTOFOUR)) == [(SIXTOFOUR, INNER)]
    assert embedding_ends(carried(SIXTOFOUR, NATIVE, Kind.SIXINFOUR)) == []
    assert embedding_ends(carried(SIXTOFOUR, NATIVE, Kind.SIXTOFOUR, Transport.GRE)) == []
    for address in ("::", "::1", "fe80::1", "fe80::1:c633:6407", "2001:db8::c633:6407"):
        assert embedding_ends(carried(packed(address), NATIVE, Kind.SIXTOFOUR)) == []


def test_each_is_met_once_and_no_more_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sensor.track.peers.PEERS_KEPT", 3)
    hit: Counter[str] = Counter()
    peers = Peers(2, hit)
    first, second = (TunnelSlot.__new__(TunnelSlot) for _ in range(2))
    first.peers, second.peers = set(), set()
    ends = [(ALICE, 1), (ALICE, 1), (ALICE, 2), (ALICE, 3)]
    assert [peers.meet(first, end) for end in ends] == [True, False, True, False]
    assert [peers.meet(second, end) for end in ends] == [True, False, False, False]
    assert hit == {"peers": 3}
    peers.forget(first)
    assert peers.meet(second, (BOB, 1))


def test_every_embedded_address_of_a_tunnel_is_told_up_to_the_limit() -> None:
    sensor = Sensor()
    froms = [build_sixtofour(ALICE, number) for number in range(EMBEDDED_LIMIT + 6)]
    for source in froms:
        packet = carried(source, NATIVE, Kind.SIXTOFOUR)
        sensor.see(packet, packet)
    assert [found.address for found in sensor.tunnel().embedded] == froms[:EMBEDDED_LIMIT]


def test_the_table_tells_each_once_and_counts_what_it_forgets() -> None:
    table = Shown(peers=4)
    made = [carried(build_sixtofour(ALICE, n), ISATAP, Kind.SIXTOFOUR) for n in (0, 1, 1, 2, 3)]
    peers = [event for event in table.see(*made) if event.type == EventType.PEER]
    assert len(peers) == 2, "the far end with two addresses, and another one"
    assert table.hits == {"peers": 2}
