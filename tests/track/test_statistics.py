"""Statistics for covert channels."""

from __future__ import annotations

from typing import Any

from sensor.track.layout import TunnelState
from sensor.track.sketch import bit64, signed
from sensor.track.statistics import Statistics
from tests.track.rows import (
    CLIENT,
    NONCE,
    RELAY,
    Shown,
    advertisement,
    bubble,
    row,
    solicitation,
)


def state_after(*rows: Any) -> TunnelState:
    shown = Shown()
    shown.see(*rows)
    return shown.table.tunnel(0)


def test_bubbles_should_be_empty_and_alike() -> None:
    first, second = (
        bubble(CLIENT, RELAY),
        bubble(CLIENT, RELAY)._replace(inner_length=52, inner_digest=77),
    )
    state = state_after(first, first, second)
    assert (state.bubbles, state.bubble_octets) == (3, 12)
    assert state.bubble_sketch == signed(bit64(first.inner_digest) | bit64(77))


def test_trailers_tails_and_labels_of_every_packet() -> None:
    state = state_after(
        row(CLIENT, RELAY, trailer_count=2, tail_length=7, flow_label=5),
        row(RELAY, CLIENT, trailer_count=1, flow_label=6),
    )
    assert (state.trailers, state.tail_octets) == (3, 7)
    assert state.label_sketch == signed(bit64(5) | bit64(6))


def test_nonces_and_their_nibbles() -> None:
    nonce = bytes.fromhex("00112f20f0f1f200")
    answer = advertisement(nonce=nonce)
    state = state_after(solicitation(nonce=nonce), answer, bubble(CLIENT, RELAY))
    assert state.nonces == 2
    assert state.nonce_sketch == signed(bit64(int.from_bytes(nonce, "little")))
    assert state.nonce_nibbles_0 == 2 * (2 | 1 << 16 | 2 << 32)
    assert (state.nonce_nibbles_1, state.nonce_nibbles_2) == (0, 0)
    assert state.nonce_nibbles_3 == 2 * 3 << 48


def test_counters_of_nibbles_stay_full() -> None:
    counted = Statistics()
    counted.nibbles[0] = 65_530
    counted.count(solicitation(nonce=NONCE))
    counted.count(solicitation(nonce=NONCE))
    assert counted.nibbles[0] == 65_535
    assert counted.packed_nibbles == 65_535


def test_a_joined_view_counts_for_the_tunnel_that_stays() -> None:
    shown = Shown()
    shown.see(solicitation(), solicitation(client=(bytes([203, 0, 113, 2]), 41658)))
    assert [shown.table.tunnel(place).nonces for place in (0, 1)] == [1, 0]
