"""Copies and second views: what is remembered of recent packets."""

from __future__ import annotations

from sensor.schema.words import TeredoPacket
from sensor.track.recent import Recent, Sighting, copy_key, signature, view_key
from tests.track.rows import (
    CLIENT,
    MAPPED,
    NATIVE,
    RELAY,
    SERVER,
    TEREDO,
    advertisement,
    bubble,
    message,
    solicitation,
    syn,
)

LIMIT = 100


def sighting(time: int, frame: int = 1) -> Sighting:
    return Sighting(time, frame)


def test_a_sighting_is_found_within_the_window_and_not_after() -> None:
    seen = Recent(50, LIMIT)
    assert not seen.add(b"a", sighting(100, 7))
    assert seen.find(b"a", 150) == sighting(100, 7)
    assert seen.find(b"a", 151) is None
    assert seen.find(b"a", 50) == sighting(100, 7)
    assert seen.find(b"a", 49) is None
    assert seen.find(b"b", 100) is None


def test_what_left_the_window_is_forgotten() -> None:
    seen = Recent(50, LIMIT)
    for time in range(0, 1000, 10):
        seen.add(b"%d" % time, sighting(time))
    assert len(seen) == 6


def test_a_newer_sighting_replaces_the_older() -> None:
    seen = Recent(50, LIMIT)
    seen.add(b"a", sighting(0, 1))
    seen.add(b"a", sighting(40, 2))
    assert seen.find(b"a", 80) == sighting(40, 2)
    assert len(seen) == 1


def test_the_number_is_bounded_and_the_oldest_goes() -> None:
    seen = Recent(50, 3)
    full = [seen.add(b"%d" % number, sighting(number)) for number in range(5)]
    assert full == [False, False, False, True, True]
    assert len(seen) == 3
    assert seen.find(b"1", 5) is None
    assert seen.find(b"2", 5) is not None


def test_time_that_runs_back_leaves_the_number_bounded() -> None:
    seen = Recent(50, 10)
    seen.add(b"future", sighting(1 << 62))
    for number in range(100):
        seen.add(b"%d" % number, sighting(number * 1000))
    assert len(seen) <= 10


def test_copies_agree_in_everything_but_the_hop_limit() -> None:
    made = syn(outer_id=5)
    assert copy_key(made) == copy_key(made._replace(hop_limit=3, frame=99, vlan=8))
    for other in (
        made._replace(outer_id=6),
        made._replace(inner_digest=1),
        made._replace(outer_source=MAPPED[0].ljust(16, b"\0")),
        made._replace(outer_destination_port=1),
        made._replace(nonce=b"12345678"),
        made._replace(inner_source=TEREDO),
    ):
        assert copy_key(made) != copy_key(other)


def test_a_signature_tells_packets_of_one_digest_apart() -> None:
    made = syn()
    assert signature(made) == signature(made._replace(inner_digest=0, outer_id=4))
    for other in (
        made._replace(tcp_sequence=1),
        made._replace(inner_length=61),
        made._replace(has_origin=1),
        made._replace(depth=1),
    ):
        assert signature(made) != signature(other)
        assert copy_key(made) != copy_key(other)
        assert view_key(made, RELAY, False) != view_key(other, RELAY, False)


def test_a_view_keeps_what_a_nat_does_not_rewrite() -> None:
    inside, outside = bubble(CLIENT, RELAY), bubble(MAPPED, RELAY)
    assert view_key(inside, RELAY, True) == view_key(outside, RELAY, True)
    assert view_key(inside, RELAY, True) != view_key(inside, RELAY, False)
    assert view_key(inside, RELAY, True) != view_key(inside, SERVER, True)
    other = bubble(CLIENT, RELAY, TEREDO, TEREDO)
    assert view_key(inside, RELAY, True) != view_key(other, RELAY, True)


def test_setup_is_told_apart_by_its_nonce_alone() -> None:
    assert view_key(solicitation(nonce=None), SERVER, True) is None
    assert view_key(solicitation(nonce=bytes(8)), SERVER, True) is None
    first = view_key(solicitation(), SERVER, True)
    assert first is not None
    assert first == view_key(solicitation(client=MAPPED)._replace(inner_digest=3), SERVER, True)
    assert first != view_key(solicitation(nonce=b"87654321"), SERVER, True)
    assert first != view_key(advertisement(), SERVER, True)
    assert solicitation().teredo_packet == TeredoPacket.ROUTER_SOLICITATION
    assert NATIVE not in first


def test_without_an_inner_packet_no_view_is_told_from_another() -> None:
    """Every client of a broker begins with the same words."""
    assert view_key(message(CLIENT, SERVER), SERVER, True) is None
    assert view_key(message(CLIENT, SERVER, inner_length=40), SERVER, True) is not None
