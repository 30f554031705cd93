"""Learned flows and mirrored copies."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import Confidence, Evidence, Kind, TeredoPacket, Transport
from sensor.track import marks
from sensor.track.marks import Marks, accepted, counts, is_traffic, shown
from sensor.track.settings import TrackLimits
from tests.track.rows import (
    BROKER,
    CLIENT,
    LINK_LOCAL,
    MAPPED,
    NEIGHBOUR,
    PUBLIC,
    RELAY,
    STRANGER,
    TEREDO,
    Sensor,
    actions,
    bare,
    bubble,
    direct,
    gre,
    message,
    named,
    qualified,
    row,
    seconds,
    syn,
    unfollowed,
)


class Marked:
    """Rows marked one after another."""

    def __init__(self, **limits: int) -> None:
        self.hits: Counter[str] = Counter()
        self.marks = Marks(TrackLimits()._replace(**limits), self.hits)
        self.frame = 0

    def __call__(self, made: Observation, at: float = 0.0) -> Observation:
        self.frame += 1
        stamped = made._replace(frame=self.frame, time=seconds(at))
        return self.marks.mark(stamped, stamped)


WEAK = bare(row(CLIENT, RELAY))
STRONG = bare(row(CLIENT, RELAY), Confidence.STRONG)


def other(made: Observation) -> Observation:
    """Another packet of the same flow."""
    return made._replace(outer_id=made.outer_id + 1)


# learned flows


def test_a_weak_row_counts_only_after_its_flow_was_seen_to_tunnel() -> None:
    mark = Marked()
    before = mark(WEAK)
    assert not accepted(before)
    assert not before.reasons & Evidence.LEARNED_FLOW
    mark(row(RELAY, CLIENT))
    after = mark(WEAK)
    assert accepted(after)
    assert (after.kind, after.kinds) == (Kind.TEREDO, 1 << Kind.TEREDO)
    assert after.teredo_packet == TeredoPacket.DATA
    assert after.reasons & Evidence.LEARNED_FLOW
    assert after.confidence == Confidence.WEAK
    assert not accepted(before)


def test_another_flow_of_the_same_client_is_not_learned() -> None:
    mark = Marked()
    mark(row(CLIENT, RELAY))
    assert not accepted(mark(bare(row(CLIENT, STRANGER))))


def test_a_flow_without_a_sign_of_teredo_stays_ipv6_in_udp() -> None:
    mark = Marked()
    assert mark(STRONG).kind == Kind.IP6_IN_UDP
    after = mark(other(WEAK))
    assert (after.kind, after.teredo_packet) == (Kind.IP6_IN_UDP, TeredoPacket.NONE)
    assert accepted(after)


def test_ipv6_in_udp_is_upgraded_by_a_sign_of_teredo() -> None:
    mark = Marked()
    assert mark(STRONG).kind == Kind.IP6_IN_UDP
    mark(row(CLIENT, RELAY))
    assert mark(other(STRONG)).kind == Kind.TEREDO


@pytest.mark.parametrize(
    "kind", [Kind.AYIYA, Kind.TSP, Kind.L2TP6, Kind.SIXA44, Kind.SIXBED4, Kind.TEREDO]
)
def test_a_flow_is_learned_from_each_kind_over_udp(kind: Kind) -> None:
    """From a message without an inner packet, and of more than weak rows."""
    mark = Marked()
    assert mark(message(CLIENT, RELAY, kind)).kind == kind
    for bare_one in (WEAK, STRONG):
        after = mark(other(bare_one))
        data = 1 << Kind.V6UDPV4 if kind is Kind.TSP else 0
        assert (after.kind, after.kinds) == (kind, 1 << kind | data)
        assert accepted(after)
        assert after.reasons & Evidence.LEARNED_FLOW
        assert (after.teredo_packet == TeredoPacket.DATA) == (kind is Kind.TEREDO)


def test_a_weak_message_teaches_nothing() -> None:
    mark = Marked()
    assert not accepted(mark(message(CLIENT, RELAY, confidence=Confidence.WEAK)))
    assert not accepted(mark(WEAK))


def test_the_first_kind_that_is_named_stays_the_kind_of_a_flow() -> None:
    """A tunnel of TSP leads to Teredo peers too."""
    mark = Marked()
    mark(message(CLIENT, RELAY, Kind.TSP))
    teredo = mark(row(CLIENT, RELAY))
    assert teredo.kind == Kind.TEREDO
    assert not teredo.reasons & Evidence.LEARNED_FLOW
    assert mark(other(STRONG)).kind == Kind.TSP


def test_a_weak_row_of_another_kind_is_believed_on_a_learned_flow() -> None:
    mark = Marked()
    mark(message(CLIENT, RELAY, Kind.TSP))
    after = mark(named(row(CLIENT, RELAY), Kind.AYIYA)._replace(confidence=Confidence.WEAK))
    assert (after.kind, accepted(after)) == (Kind.AYIYA, True)


def test_what_met_no_tunnel_is_shown_and_nothing_else() -> None:
    mark = Marked()
    first, second = mark(unfollowed()), mark(unfollowed())
    for made in (first, second):
        assert shown(made)
        assert not accepted(made)
        assert not counts(made)
        assert not is_traffic(made)
        assert made.copy_of == 0
    over_udp = unfollowed()._replace(outer_transport=Transport.UDP)
    mark(over_udp)
    assert len(mark.marks._flows) == 0


def test_quotations_are_shown_and_no_traffic() -> None:
    quoted = row(CLIENT, RELAY, quoted=1)
    assert (shown(quoted), accepted(quoted)) == (True, True)
    assert not is_traffic(quoted)
    assert not shown(WEAK)
    assert not shown(WEAK._replace(quoted=1))


def test_a_weak_row_with_a_sign_of_its_own_keeps_it() -> None:
    mark = Marked()
    mark(STRONG)
    after = mark(bubble(RELAY, CLIENT, LINK_LOCAL, LINK_LOCAL)._replace(confidence=Confidence.WEAK))
    assert (after.kind, after.teredo_packet) == (Kind.TEREDO, TeredoPacket.BUBBLE)
    assert accepted(after)


def test_a_flow_is_forgotten_after_the_idle_time_exactly() -> None:
    limit = TrackLimits().teredo_idle_ns / 1e9
    mark = Marked()
    mark(row(CLIENT, RELAY))
    assert accepted(mark(WEAK, limit))
    assert not accepted(mark(other(WEAK), 2 * limit + 0.001))
    assert mark(other(STRONG), 3 * limit).kind == Kind.IP6_IN_UDP


def test_silent_flows_make_room() -> None:
    mark = Marked()
    mark(row(CLIENT, RELAY))
    mark(row(NEIGHBOUR, RELAY), 200)
    mark.marks.expire(seconds(301))
    assert len(mark.marks._flows) == 1
    mark.marks.expire(seconds(600))
    assert len(mark.marks._flows) == 0
    assert mark.hits == {}


def test_flows_are_bounded_and_the_longest_silent_goes() -> None:
    mark = Marked(flows=2)
    mark(row(CLIENT, RELAY))
    mark(row(NEIGHBOUR, RELAY))
    mark(other(WEAK), 1)
    mark(row(CLIENT, STRANGER), 1)
    assert mark.hits == {"flows": 1}
    assert accepted(mark(WEAK._replace(outer_id=9), 1))
    assert not accepted(mark(bare(row(NEIGHBOUR, RELAY)), 1))


def test_within_a_second_flows_keep_their_order() -> None:
    mark = Marked(flows=2)
    mark(row(CLIENT, RELAY), 5)
    mark(row(NEIGHBOUR, RELAY), 5)
    assert accepted(mark(other(WEAK), 5.999))
    mark(row(CLIENT, STRANGER), 5.999)
    assert not accepted(mark(WEAK._replace(outer_id=9), 5.999))
    assert accepted(mark(bare(row(NEIGHBOUR, RELAY)), 5.999))


def test_quoted_packets_teach_nothing_and_count_nowhere() -> None:
    mark = Marked()
    quoted = mark(row(CLIENT, RELAY, quoted=1))
    assert not counts(quoted)
    assert not accepted(mark(WEAK))
    assert mark(row(CLIENT, RELAY)).copy_of == 0


def test_only_udp_has_flows_to_learn() -> None:
    mark = Marked()
    made = direct(row(PUBLIC, BROKER))
    assert mark(made) == made._replace(frame=1, time=seconds(0))
    assert made.outer_transport == Transport.IPV6
    mark(gre(made))
    mark(message(CLIENT, RELAY, Kind.TSP, outer_transport=Transport.TCP))
    assert len(mark.marks._flows) == 0


def test_weak_packets_on_a_learned_flow_are_traffic_and_earlier_ones_are_not() -> None:
    sensor = Sensor()
    sensor.see(WEAK, WEAK)
    assert sensor.changes == []
    sensor.see(row(CLIENT, RELAY), WEAK)
    assert sensor.tunnel().packets == 2
    assert "learned-flow" in sensor.tunnel().reasons


# mirrored copies


@pytest.mark.parametrize(("later", "copy"), [(0.0, True), (0.050, True), (0.051, False)])
def test_a_copy_follows_within_fifty_milliseconds(later: float, copy: bool) -> None:
    mark = Marked()
    made = syn(outer_id=77)
    assert mark(made).copy_of == 0
    again = mark(made._replace(hop_limit=9), later)
    assert again.copy_of == (1 if copy else 0)
    assert counts(again) is not copy


@pytest.mark.parametrize(
    "changed",
    [
        {"outer_id": 78},
        {"outer_source": MAPPED[0].ljust(16, b"\0")},
        {"outer_destination_port": 1},
        {"tcp_sequence": 1},
        {"payload_length": 0, "inner_length": 61},
        {"inner_digest": 5},
    ],
)
def test_other_packets_are_no_copies(changed: dict[str, int]) -> None:
    mark = Marked()
    made = syn(outer_id=77)
    mark(made)
    assert mark(Observation._make({**made._asdict(), **changed}.values())).copy_of == 0


def test_the_window_begins_with_the_original() -> None:
    mark = Marked()
    made = syn(outer_id=77)
    marks = [mark(made, at).copy_of for at in (0, 0.04, 0.08, 0.1)]
    assert marks == [0, 1, 0, 3]


def test_what_is_nested_in_a_copy_is_a_copy() -> None:
    mark = Marked()
    copy = syn(copy_of=4)
    nested = row(CLIENT, RELAY, depth=1)
    assert mark.marks.mark(nested, copy).copy_of == 4
    assert mark.marks.mark(nested, syn()).copy_of == 0


def test_copies_are_marked_and_never_counted_as_traffic() -> None:
    sensor = qualified(Sensor())
    before = sensor.tunnel().packets
    sensor.see(syn(outer_id=900), syn(outer_id=900))
    assert sensor.seen[0].copy_of == 4
    assert sensor.tunnel().packets == before + 1
    assert actions(sensor.see(syn(outer_id=900))) == []
    flow = sensor.finish()[0].record
    assert flow.source_packets == 1  # type: ignore[union-attr]


def test_copies_beyond_the_limit_are_missed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "COPIES_KEPT", 2)
    mark = Marked()
    mark(syn(outer_id=1))
    mark(syn(outer_id=2))
    mark(syn(outer_id=3))
    assert mark.hits == {"sightings": 1}
    assert mark(syn(outer_id=3)).copy_of == 3
    assert mark(syn(outer_id=1)).copy_of == 0


def test_a_weak_row_is_no_original() -> None:
    mark = Marked()
    mark(WEAK)
    mark(bubble(CLIENT, RELAY, TEREDO))
    assert mark(WEAK).copy_of == 0
    assert mark(WEAK).copy_of == 3


def test_a_message_repeated_at_once_is_a_copy_by_its_digest() -> None:
    mark = Marked()
    made = message(CLIENT, RELAY, outer_id=7)
    mark(made)
    assert mark(made, 0.05).copy_of == 1
    assert mark(made._replace(inner_digest=5), 0.05).copy_of == 0
    assert mark(made._replace(outer_id=8), 0.05).copy_of == 0
