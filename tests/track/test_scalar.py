"""The table: attribution, joining of views, limits, expiry."""

from __future__ import annotations

import sys

import pytest

from sensor.schema.rows import Observation, pack
from sensor.schema.words import (
    Anomaly,
    Confidence,
    EventType,
    Evidence,
    Kind,
    TeredoPacket,
    Transport,
    Vantage,
)
from sensor.track import peers, scalar
from sensor.track.interface import NEVER
from sensor.track.limits import MINUTE
from sensor.track.scalar import Table
from sensor.track.settings import TrackSettings, Zone, network
from sensor.wire.addresses import packed
from tests.track.rows import (
    ACK,
    BROKER,
    CLIENT,
    LINK_LOCAL,
    MAPPED,
    NATIVE,
    NATIVE2,
    NEIGHBOUR,
    NONCE2,
    OTHER_MAPPED,
    PRIVATE,
    PUBLIC,
    RELAY,
    SERVER,
    SITE,
    START,
    STRANGER,
    SYN,
    TEREDO,
    End,
    Sensor,
    Shown,
    ack,
    actions,
    address_of,
    advertisement,
    bare,
    bubble,
    connectivity_test,
    direct,
    echo,
    flows,
    gre,
    message,
    named,
    proofs,
    qualified,
    row,
    seconds,
    solicitation,
    syn,
    syn_ack,
    tcp,
    types,
    udp,
    unfollowed,
)

INSIDE, OUTSIDE = 0, 1  # captures


def client(number: int) -> End:
    return packed(f"10.1.{number >> 8}.{number & 255}"), 50000


def outbound(number: int) -> Observation:
    return bubble(client(number), RELAY, address_of((MAPPED[0], number + 1)))


def inbound(number: int) -> Observation:
    return bubble(RELAY, client(number), NATIVE, address_of((MAPPED[0], number + 1)))


# update


def test_it_stops_behind_the_first_frame_with_events_and_before_a_sweep() -> None:
    table = Table(TrackSettings())
    times = [0, 1, 2, 11]
    rows = pack(
        made._replace(time=seconds(at), outer_id=at, frame=at + 1)
        for at, made in zip(times, [outbound(0), outbound(0), inbound(0), outbound(0)], strict=True)
    )
    index, events = table.update(rows, 0, seconds(10))
    assert index == 1
    assert events[0].type == EventType.TUNNEL
    assert {event.row for event in events} == {0}
    assert table.update(rows, 1, seconds(10)) == (3, [])
    assert table.update(rows, 3, seconds(10)) == (3, [])
    assert table.update(rows, 3, NEVER) == (4, [])
    assert table.tunnel(0).packets == 4


def test_a_bubble_alone_is_a_tunnel() -> None:
    sensor = Sensor()
    assert actions(sensor.see(outbound(0))) == ["tunnel-discovered", "tunnel-updated"]
    assert sensor.tunnel().client == client(0)


# nested tunnels

INNER_V4: tuple[End, End] = ((packed("10.9.9.9"), 4000), (packed("198.51.100.99"), 3544))


def nested(first: Observation, second: Observation) -> list[Observation]:
    """One frame with a tunnel in a tunnel."""
    return [first._replace(inner_transport=4, has_transport=0), second._replace(depth=1)]


def test_a_nested_tunnel_names_its_parent_and_has_the_conversation() -> None:
    sensor = qualified(Sensor())
    ask = tcp(INNER_V4[1], INNER_V4[0], NATIVE2, SITE, (4000, 22))
    answer = tcp(*INNER_V4, SITE, NATIVE2, (22, 4000), SYN | ACK, tcp_acknowledgement=1001)
    sensor.see(nested(syn(), ask), nested(syn_ack(), answer))
    outer, inner = sensor.tunnels()
    assert (outer.parent, inner.parent) == (None, outer.id)
    assert inner.inside is not None
    assert inner.inside.mac is None
    sensor.finish()
    (flow,) = flows(sensor.changes)
    assert flow.tunnel_id == inner.id
    exposure = sensor.exposure()
    assert (exposure.tunnel_id, exposure.address, exposure.port) == (inner.id, SITE, 22)
    assert exposure.state.text == "answered"


def test_a_nested_tunnel_lies_the_way_the_one_around_it_does() -> None:
    """Whoever sends from outside may write an inside address into what is nested."""
    sensor = qualified(Sensor())
    forged = tcp(*INNER_V4, SITE, NATIVE2, (22, 4000), SYN | ACK, tcp_acknowledgement=1001)
    sensor.see(nested(syn(), forged))
    assert sensor.exposures() == []
    _, inner = sensor.tunnels()
    assert inner.client == INNER_V4[1]
    assert inner.remote == INNER_V4[0]


def test_what_is_nested_does_not_speak_for_another_tunnel() -> None:
    sensor = qualified(Sensor())
    forged = bubble(CLIENT, RELAY, address_of(OTHER_MAPPED))
    sensor.see(nested(syn(), forged))
    outer, inner = sensor.tunnels()
    assert outer.teredo is not None
    assert outer.teredo.mapped == MAPPED
    assert outer.packets == 4
    assert inner.parent == outer.id


def test_what_is_nested_where_no_inside_end_is_known_does_not_either() -> None:
    sensor = qualified(Sensor())
    around = direct(row(PUBLIC, BROKER, inner_source=NATIVE, inner_destination=SITE))
    sensor.see(nested(around, bubble(CLIENT, RELAY, address_of(OTHER_MAPPED))))
    first, outer, inner = sensor.tunnels()
    assert first.teredo is not None
    assert (first.packets, first.teredo.mapped) == (3, MAPPED)
    assert (inner.client, inner.parent) == (CLIENT, outer.id)


def test_the_host_of_a_nested_tunnel_is_who_carries_it() -> None:
    sensor = qualified(Sensor())
    sensor.see(nested(syn(), bubble(INNER_V4[0], INNER_V4[1])))
    outer, inner = sensor.tunnels()
    assert outer.inside is not None
    assert inner.inside == outer.inside._replace(address=None)
    assert inner.inside.ip == CLIENT[0]


def test_the_same_ends_inside_themselves_are_two_tunnels() -> None:
    sensor = Sensor()
    around = direct(row(PRIVATE, BROKER, inner_source=NATIVE, inner_destination=SITE))
    sensor.see(nested(around, around._replace(depth=1)))
    outer, inner = sensor.tunnels()
    assert inner.parent == outer.id != inner.id


def test_in_a_tunnel_without_inside_end_a_nested_one_is_judged_by_itself() -> None:
    sensor = Sensor()
    around = direct(row(PUBLIC, BROKER, inner_source=NATIVE, inner_destination=SITE))
    sensor.see(nested(around, bubble(INNER_V4[0], INNER_V4[1])))
    sensor.see(nested(around, bubble(INNER_V4[1], INNER_V4[0], NATIVE, TEREDO)))
    outer, inner = sensor.tunnels()
    assert outer.inside is None
    assert inner.inside is not None
    assert (inner.client, inner.packets) == (INNER_V4[0], 2)


def test_ipv6_in_ipv6_is_no_tunnel_of_its_own() -> None:
    sensor = qualified(Sensor())
    inner = syn(port=22)._replace(kind=Kind.IP6_IN_IP6, kinds=1 << Kind.IP6_IN_IP6)
    sensor.see(nested(syn(), inner))
    assert sensor.tunnel().packets == 4
    assert sensor.exposure().port == 22


def test_a_weak_row_inside_takes_nothing_from_the_one_around_it() -> None:
    """Forty octets like an IPv6 header in a datagram do not hide the datagram."""
    sensor = qualified(Sensor())
    question = udp(RELAY, CLIENT, NATIVE, TEREDO, (5000, 161))
    sensor.see([question, bare(row((NATIVE, 5000), (TEREDO, 161), depth=1))])
    assert sensor.exposure().port == 161


def test_what_is_nested_in_a_weak_row_counts_for_nothing() -> None:
    sensor = Sensor()
    sensor.see(nested(bare(row(CLIENT, RELAY)), row((NATIVE, 5000), (TEREDO, 161))))
    assert sensor.changes == []


# two views of one tunnel


def both(sensor: Sensor, inside: Observation, outside: Observation) -> None:
    """Seen inside first, and outside a moment later."""
    sensor.see(inside._replace(source=INSIDE))
    sensor.see(outside._replace(source=OUTSIDE))


def joined() -> Sensor:
    sensor = Sensor()
    both(sensor, solicitation(), solicitation(client=MAPPED))
    return sensor


def test_two_views_are_joined_by_the_nonce() -> None:
    sensor = joined()
    tunnel = sensor.tunnel()
    assert (tunnel.client, tunnel.packets) == (CLIENT, 1)
    assert tunnel.scope.vantage is Vantage.BOTH
    assert actions(sensor.changes) == ["tunnel-discovered", "tunnel-updated"]


def test_after_that_every_packet_counts_once_whichever_side_comes_first() -> None:
    sensor = joined()
    sensor.see(
        advertisement(client=MAPPED),
        advertisement(),
        bubble(CLIENT, RELAY),
        bubble(MAPPED, RELAY),
        tcp(RELAY, MAPPED, NATIVE, TEREDO, (49138, 8080)),
        syn(),
        syn_ack(),
        tcp(MAPPED, RELAY, TEREDO, NATIVE, (8080, 49138), SYN | ACK, tcp_sequence=5000,
            tcp_acknowledgement=1001),
    )  # fmt: skip
    tunnel = sensor.tunnel()
    assert tunnel.packets == 5
    assert tunnel.state == "qualified"
    exposure = sensor.exposure()
    assert exposure.state.text == "answered"
    assert [what for _, what in proofs(exposure)] == ["SYN in", "SYN-ACK out"]
    assert exposure.inside is not None
    assert exposure.inside.ip == CLIENT[0]
    sensor.finish()
    (flow,) = flows(sensor.changes)
    assert (flow.source_packets, flow.destination_packets) == (1, 1)


def test_two_views_are_joined_by_a_packet_that_names_the_mapping() -> None:
    sensor = Sensor()
    both(sensor, bubble(CLIENT, RELAY), bubble(MAPPED, RELAY))
    assert sensor.tunnel().packets == 1


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        # the mapping in the packet is not the public end
        (bubble(CLIENT, RELAY), bubble(OTHER_MAPPED, RELAY)),
        # another nonce, or none
        (solicitation(), solicitation(client=MAPPED, nonce=NONCE2)),
        (solicitation(nonce=None), solicitation(client=MAPPED, nonce=None)),
        # nothing in the packet names the client
        (
            bubble(CLIENT, RELAY, LINK_LOCAL, NATIVE),
            bubble(MAPPED, RELAY, LINK_LOCAL, NATIVE),
        ),
        # both inside, both outside
        (solicitation(), solicitation(client=NEIGHBOUR)),
        (solicitation(client=OTHER_MAPPED), solicitation(client=MAPPED)),
        # another far end, the other direction
        (bubble(CLIENT, RELAY), bubble(MAPPED, STRANGER)),
        # the origin names another client
        (advertisement(), advertisement(client=OTHER_MAPPED)),
        # same digest, other packet
        (syn_ack(inner_digest=5), tcp(MAPPED, RELAY, TEREDO, NATIVE, (8080, 49138), ACK,
                                      inner_digest=5)),
    ],
)  # fmt: skip
def test_other_packets_join_nothing(inside: Observation, outside: Observation) -> None:
    sensor = Sensor()
    both(sensor, inside, outside)
    assert [tunnel.packets for tunnel in sensor.tunnels()] == [1, 1]


def test_the_clocks_of_two_captures_may_differ_by_two_seconds() -> None:
    for later, tunnels in ((2.0, 1), (2.001, 2)):
        sensor = Sensor()
        sensor.see(solicitation(), at=0)
        sensor.see(solicitation(client=MAPPED), at=later)
        assert len(sensor.tunnels()) == tunnels


def test_a_server_that_forwards_a_bubble_is_no_second_view() -> None:
    sensor = qualified(Sensor())
    other = address_of(OTHER_MAPPED)
    sensor.see(
        bubble(CLIENT, SERVER, TEREDO, other),
        bubble(SERVER, NEIGHBOUR, TEREDO, other),
    )
    first, second = sensor.tunnels()
    assert (first.client, first.packets) == (CLIENT, 4)
    assert (second.client, second.packets) == (NEIGHBOUR, 1)


def test_a_repeated_packet_is_no_second_view() -> None:
    sensor = Sensor()
    sensor.see(*[bubble(CLIENT, RELAY)] * 3)
    assert sensor.tunnel().packets == 3


def test_views_of_protocol_41_are_joined_by_their_packets() -> None:
    sensor = Sensor()
    made = row(PRIVATE, BROKER, inner_source=NATIVE, inner_destination=SITE)
    outside = row(PUBLIC, BROKER, inner_source=NATIVE, inner_destination=SITE)
    both(sensor, direct(made), direct(outside))
    assert sensor.tunnel().client == PRIVATE
    assert sensor.tunnel().packets == 1
    assert sensor.tunnel().scope.vantage is Vantage.BOTH


def test_the_named_side_of_a_capture_goes_before_what_addresses_tell() -> None:
    sensor = Sensor(vantages=(Vantage.OUTSIDE,))
    sensor.see(bubble(CLIENT, RELAY))
    assert sensor.tunnel().scope.vantage is Vantage.OUTSIDE
    sensor.see(bubble(CLIENT, RELAY)._replace(source=OUTSIDE))
    assert sensor.tunnel().scope.vantage is Vantage.BOTH


OUTSIDE_SYN = tcp(RELAY, MAPPED, NATIVE, TEREDO, (49138, 8080))


def started_outside() -> Sensor:
    """Outside has seen all of it; inside begins with the client's next packet."""
    sensor = Sensor()
    sensor.see(solicitation(client=MAPPED), advertisement(client=MAPPED), OUTSIDE_SYN)
    sensor.see(bubble(CLIENT, RELAY), at=5)
    assert len(sensor.tunnels()) == 2
    return sensor


def test_a_view_that_was_a_tunnel_already_ends_in_the_other() -> None:
    sensor = started_outside()
    inside, outside = sensor.tunnels()[1], sensor.tunnels()[0]
    changes = sensor.see(bubble(MAPPED, RELAY))
    assert actions(changes) == ["tunnel-closed", "tunnel-updated"]
    closed = changes[0].record
    assert closed.id == outside.id  # type: ignore[union-attr]
    assert closed.closed_reason == "joined"  # type: ignore[union-attr]
    tunnel = sensor.tunnel()
    assert (tunnel.id, tunnel.state) == (inside.id, "qualified")
    assert tunnel.teredo is not None
    assert tunnel.teredo.mapped == MAPPED
    assert "nonce-matches" in tunnel.teredo.qualified_reasons
    assert not tunnel.scope.midstream


def test_conversations_and_exposures_go_on_in_the_tunnel_that_stays() -> None:
    sensor = started_outside()
    sensor.see(bubble(MAPPED, RELAY))
    sensor.see(syn_ack(), ack())
    sensor.finish()
    (flow,) = flows(sensor.changes)
    assert (flow.history, flow.tunnel_id) == ("ShA", sensor.tunnel().id)
    exposure = sensor.exposure()
    assert (exposure.tunnel_id, exposure.state.text) == (sensor.tunnel().id, "answered")
    assert [frame for frame, _ in proofs(exposure)] == [3, 6, 7]
    assert "exposure-closed" not in actions(sensor.changes)


def test_a_conversation_that_both_have_seen_is_two_flows() -> None:
    """The views were far apart in time: nobody could tell that their packets were the same."""
    sensor = Sensor()
    sensor.see(solicitation(client=MAPPED), OUTSIDE_SYN, at=0)
    sensor.see(solicitation(nonce=NONCE2), syn(), at=5)
    both(sensor, bubble(CLIENT, RELAY), bubble(MAPPED, RELAY))
    assert [flow.history for flow in flows(sensor.changes)] == ["S"]
    assert len(flows(sensor.finish())) == 1


def test_a_local_service_goes_on_in_the_tunnel_that_stays() -> None:
    local = packed("fd00::22")
    sensor = Sensor()
    sensor.see(solicitation(client=MAPPED), tcp(RELAY, MAPPED, NATIVE, local, (49138, 22)))
    sensor.see(bubble(CLIENT, RELAY), at=5)
    sensor.see(bubble(MAPPED, RELAY))
    sensor.see(tcp(RELAY, CLIENT, NATIVE, local, (49139, 22)), at=9)
    assert len(sensor.exposures()) == 1
    assert "exposure-closed" not in actions(sensor.changes)
    answer = tcp(CLIENT, RELAY, local, NATIVE, (22, 49139), SYN | ACK, tcp_acknowledgement=1001)
    sensor.see(answer)
    assert sensor.exposure().state.text == "answered"


def test_an_answered_local_service_moves_too() -> None:
    local = packed("fd00::22")
    sensor = Sensor()
    answer = tcp(MAPPED, RELAY, local, NATIVE, (22, 49138), SYN | ACK, tcp_acknowledgement=1001)
    sensor.see(solicitation(client=MAPPED), tcp(RELAY, MAPPED, NATIVE, local, (49138, 22)), answer)
    sensor.see(bubble(CLIENT, RELAY), at=5)
    sensor.see(bubble(MAPPED, RELAY))
    assert sensor.exposure().closed_reason is None
    assert len(sensor.tracker.exposures) == 1


def test_a_local_service_that_both_have_seen_is_closed_with_the_view_that_ends() -> None:
    local = packed("fd00::22")
    sensor = Sensor()
    sensor.see(solicitation(client=MAPPED), tcp(RELAY, MAPPED, NATIVE, local, (49138, 22)))
    sensor.see(bubble(CLIENT, RELAY), tcp(RELAY, CLIENT, NATIVE, local, (49139, 22)), at=5)
    changes = sensor.see(bubble(MAPPED, RELAY))
    assert actions(changes) == ["exposure-closed", "tunnel-closed", "tunnel-updated"]
    assert len(sensor.tracker.exposures) == 1


def test_a_new_mapping_is_one_more_view() -> None:
    sensor = joined()
    both(
        sensor,
        bubble(CLIENT, RELAY, address_of(OTHER_MAPPED)),
        bubble(OTHER_MAPPED, RELAY, address_of(OTHER_MAPPED)),
    )
    assert sensor.tunnel().packets == 2
    assert len(sensor.table.slots) == 3


def test_views_end_with_their_tunnel() -> None:
    sensor = joined()
    sensor.see(bubble(MAPPED, RELAY), at=250)
    assert sensor.tunnel().packets == 2
    sensor.sweep(400)
    assert len(sensor.tunnels()) == 1
    sensor.sweep(551)
    assert sensor.tunnels() == []
    assert len(sensor.table.slots) == 0


def test_a_silent_view_is_forgotten_while_its_tunnel_lives() -> None:
    sensor = joined()
    sensor.see(bubble(CLIENT, RELAY), at=290)
    sensor.sweep(310)
    assert len(sensor.table.slots) == 1
    assert sensor.table.slots[0].views == {}
    assert sensor.tunnel().packets == 2


def test_views_that_join_while_neither_is_a_tunnel() -> None:
    sensor = Sensor(promotions_per_minute=0)
    both(sensor, solicitation(), solicitation(client=MAPPED))
    assert sensor.changes == []
    assert sensor.table.unpromoted == 1
    changes = sensor.see(advertisement())
    assert actions(changes) == ["tunnel-discovered", "tunnel-qualified"]
    assert sensor.tunnel().client == CLIENT


def test_a_view_that_joins_views_brings_them_along() -> None:
    """A public zone: the view in it is the inside one, whenever it is met."""
    zone = TrackSettings(zones=(Zone("office", (network("203.0.113.0/24"),)),))
    sensor = Sensor(zone)
    second: End = (packed("198.18.0.9"), 41658)
    third: End = (packed("198.18.0.10"), 41658)
    sensor.see(bubble(MAPPED, RELAY, address_of(second)), bubble(second, RELAY, address_of(second)))
    sensor.see(bubble(MAPPED, RELAY, address_of(third)), bubble(third, RELAY, address_of(third)))
    assert sensor.tunnel().client == MAPPED
    assert sensor.tunnel().packets == 2


# limits


def test_unanswered_candidates_make_room_before_answered_tunnels() -> None:
    sensor = Sensor(tunnels=3)
    sensor.see(outbound(0), inbound(0), outbound(1), outbound(2))
    sensor.see(outbound(1), outbound(3), at=1)
    assert sensor.hits == {"tunnels": 1}
    assert [tunnel.client for tunnel in sensor.tunnels()] == [client(0), client(1), client(3)]
    closed = [change.record for change in sensor.changes if change.action == "tunnel-closed"]
    assert [record.closed_reason for record in closed] == ["evicted"]  # type: ignore[union-attr]
    assert closed[0].client == client(2)  # type: ignore[union-attr]


def test_where_all_are_answered_the_longest_silent_makes_room() -> None:
    sensor = Sensor(tunnels=2)
    sensor.see(outbound(0), inbound(0), outbound(1), inbound(1))
    sensor.see(outbound(0), outbound(2), at=1)
    assert [tunnel.client for tunnel in sensor.tunnels()] == [client(0), client(2)]


def test_within_a_second_tunnels_keep_their_order() -> None:
    """Moving one for every packet would cost more than the order is worth."""
    shown = Shown(tunnels=2)
    shown.see(outbound(0), inbound(0), outbound(1), inbound(1))
    shown.see(outbound(0), at=0.9)
    assert ended_for(shown, outbound(2)) == client(0)
    shown.see(inbound(2))
    shown.see(outbound(1), at=1)
    assert ended_for(shown, outbound(3)) == client(2)


def test_within_a_second_candidates_keep_their_order_too() -> None:
    shown = Shown(tunnels=2)
    shown.see(outbound(0), outbound(1))
    shown.see(outbound(0), at=0.9)
    assert ended_for(shown, outbound(2)) == client(0)
    shown.see(outbound(1), at=1)
    assert ended_for(shown, outbound(3)) == client(2)


def ended_for(shown: Shown, made: Observation) -> End:
    """The client of the tunnel that makes room."""
    (gone,) = [event for event in shown.see(made) if event.type == EventType.END]
    state = shown.table.tunnel(gone.tunnel)
    return state.client[:4], state.client_port


def test_a_new_tunnel_never_makes_room_for_itself() -> None:
    sensor = Sensor(tunnels=1)
    for number in range(5):
        sensor.see(outbound(number), inbound(number))
        assert sensor.tunnel().client == client(number)
    assert sensor.hits == {"tunnels": 4}


def test_an_evicted_tunnel_leaves_its_flows_and_exposures_closed() -> None:
    sensor = Sensor(tunnels=1)
    sensor.see(syn())
    changes = sensor.see(outbound(7))
    assert actions(changes)[:3] == ["inner-flow", "exposure-closed", "tunnel-closed"]
    assert "tunnel-discovered" in actions(changes)
    assert len(sensor.table._conversations) == 0


def test_a_tunnel_may_be_found_and_evicted_within_one_frame() -> None:
    sensor = Sensor(tunnels=1)
    sensor.see(nested(row(CLIENT, RELAY), bubble(INNER_V4[0], INNER_V4[1])))
    assert actions(sensor.changes) == [
        "tunnel-discovered", "tunnel-updated", "tunnel-closed",
        "tunnel-discovered", "tunnel-updated",
    ]  # fmt: skip
    assert sensor.tunnel().client == INNER_V4[0]


def test_conversations_are_bounded_and_the_longest_silent_ends() -> None:
    sensor = qualified(Sensor(conversations=2))
    sensor.see(syn(remote=1), syn(remote=2))
    sensor.see(syn(remote=1), at=1)
    assert sensor.see(syn(remote=3)) == []
    assert [flow.source.port for flow in flows(sensor.sweep(10))] == [2]
    assert len(sensor.table._conversations) == 2
    assert sensor.hits == {"conversations": 1}


def test_exposures_are_bounded_and_answered_ones_stay() -> None:
    sensor = qualified(Sensor(exposures=2))
    sensor.see(syn(port=1), syn_ack(port=1), syn(port=2))
    changes = sensor.see(syn(port=3))
    assert actions(changes) == ["exposure-closed", "exposure-opened"]
    closed = changes[0].record
    assert closed.closed_reason == "evicted"  # type: ignore[union-attr]
    assert closed.port == 2  # type: ignore[union-attr]
    sensor.see(syn_ack(port=3))
    assert sensor.see(syn(port=4)) == []
    assert {exposure.state.port for exposure in sensor.tracker.exposures.values()} == {1, 3}
    assert sensor.hits == {"exposures": 2}


def test_peers_are_bounded() -> None:
    sensor = qualified(Sensor(peers=3))
    for number in range(5):
        sensor.see(bubble(CLIENT, (RELAY[0], 1000 + number)))
    assert sensor.tunnel().teredo is not None
    assert sensor.tunnel().teredo.peers == 3  # type: ignore[union-attr]
    assert sensor.hits == {"peers": 4}


def test_unanswered_candidates_are_promoted_within_a_budget_of_packet_time() -> None:
    sensor = Sensor(promotions_per_minute=2)
    sensor.see(outbound(0), outbound(1), outbound(2), outbound(2), outbound(3))
    assert [tunnel.client for tunnel in sensor.tunnels()] == [client(0), client(1)]
    assert sensor.hits == {"promotions": 2}
    assert sensor.table.unpromoted == 2
    sensor.see(inbound(2))
    assert sensor.tunnels()[-1].client == client(2)
    assert sensor.tunnels()[-1].packets == 3
    assert sensor.table.unpromoted == 1
    sensor.see(outbound(4), at=60)
    assert sensor.tunnels()[-1].client == client(4)
    sensor.sweep(1000)
    assert sensor.table.unpromoted == 1


def test_a_solicitation_before_the_promotion_is_not_forgotten() -> None:
    sensor = Sensor(promotions_per_minute=0)
    sensor.see(solicitation())
    changes = sensor.see(advertisement(nonce=NONCE2))
    assert "tunnel-qualified" not in actions(changes)
    sensor.see(advertisement())
    teredo = sensor.tunnel().teredo
    assert teredo is not None
    assert teredo.qualified_reasons[:2] == ("nonce-mismatch", "nonce-matches")


def test_recent_packets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.track.views.VIEWS_KEPT", 2)
    sensor = Sensor()
    sensor.see(outbound(0), outbound(1), outbound(2))
    assert sensor.hits == {"sightings": 1}
    assert len(sensor.table._views) == 2


def test_a_view_whose_tunnel_was_evicted_joins_nothing() -> None:
    sensor = Sensor(tunnels=1)
    both(sensor, bubble(CLIENT, RELAY), bubble(MAPPED, RELAY))
    assert sensor.tunnel().client == MAPPED


# expiry


def test_teredo_ends_after_five_minutes_of_silence() -> None:
    sensor = Sensor()
    sensor.see(bubble(CLIENT, RELAY))
    assert sensor.sweep(300) == []
    changes = sensor.sweep(300.001)
    assert actions(changes) == ["tunnel-closed"]
    record = changes[0].record
    assert (record.state, record.closed_reason) == ("closed", "idle")  # type: ignore[union-attr]
    assert changes[0].time == seconds(0)


def test_protocol_41_ends_after_an_hour_of_silence() -> None:
    sensor = Sensor()
    sensor.see(direct(row(PRIVATE, BROKER)))
    sensor.sweep(3600)
    assert len(sensor.tunnels()) == 1
    sensor.sweep(3600.001)
    assert sensor.tunnels() == []


def test_a_candidate_ends_without_a_word() -> None:
    sensor = Sensor(promotions_per_minute=0)
    sensor.see(syn())
    sensor.sweep(400)
    assert sensor.changes == []
    assert len(sensor.table.slots) == 0
    assert len(sensor.table._conversations) == 0


def test_packet_time_alone_sweeps_wherever_the_rows_are_cut() -> None:
    sensor = qualified(Sensor())
    ask = echo(RELAY, CLIENT, NATIVE, TEREDO, 128)
    rows = pack(
        ask._replace(frame=10 + number, time=seconds(at), outer_id=number + 1)
        for number, at in enumerate((1, 62, 70, 200))
    )
    sensor.tracker.update(rows, lambda _: b"")
    found = flows(sensor.tracker.take_changes())
    assert [(flow.first_seen, flow.source_packets) for flow in found] == [
        (seconds(1), 1),
        (seconds(62), 2),
    ]


def test_the_same_client_later_is_another_tunnel() -> None:
    sensor = Sensor()
    sensor.see(bubble(CLIENT, RELAY))
    first = sensor.tunnel().id
    sensor.see(bubble(CLIENT, RELAY), at=400)
    assert sensor.tunnel().id != first
    assert sensor.tunnel().packets == 1


def test_icmp_errors_and_odd_protocols_are_no_conversations() -> None:
    sensor = qualified(Sensor())
    sensor.see(
        echo(RELAY, CLIENT, NATIVE, TEREDO, 3),
        echo(RELAY, CLIENT, NATIVE, TEREDO, 128)._replace(has_transport=0),
        row(CLIENT, RELAY, has_transport=1, inner_transport=132),
    )
    assert sensor.tunnel().packets == 6
    assert flows(sensor.finish()) == []


def test_confidence_is_the_best_and_anomalies_are_told_once() -> None:
    sensor = qualified(Sensor())
    made = row(CLIENT, RELAY, confidence=Confidence.CERTAIN, anomalies=2)
    assert actions(sensor.see(made, made)) == ["tunnel-updated"]
    assert sensor.tunnel().confidence is Confidence.CERTAIN
    assert sensor.tunnel().anomalies == ("hop-limit-zero",)


# budgets that all tunnels share, or that a sender could use up


def test_notices_of_a_tunnel_are_bounded_in_each_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scalar, "NOTICES_PER_MINUTE", 3)
    shown = Shown()
    asked = [EventType.TUNNEL, EventType.SOLICITATION]
    assert types(shown.see(solicitation())) == asked
    assert types(shown.see(*[solicitation()] * 4)) == [EventType.SOLICITATION] * 2
    assert shown.hits == {"notices": 2}
    assert shown.table.tunnel(0).notices == 3
    assert types(shown.see(solicitation(), at=61)) == [EventType.SOLICITATION]
    state = shown.table.tunnel(0)
    assert (state.notices, state.minute) == (1, shown.now // MINUTE)
    assert types(shown.see(solicitation(client=NEIGHBOUR))) == asked


def test_each_kind_of_notice_counts_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scalar, "NOTICES_PER_MINUTE", 6)
    shown = Shown()
    answer = echo(RELAY, CLIENT, NATIVE, TEREDO, 129)
    events = shown.see(
        solicitation(), advertisement(), bubble(CLIENT, RELAY), connectivity_test(), answer,
        row(CLIENT, RELAY, trailer_count=1), syn(), echo(CLIENT, RELAY, TEREDO, NATIVE, 1),
        solicitation(), advertisement(), row(CLIENT, RELAY, anomalies=2),
        direct(row(PRIVATE, BROKER)),
    )  # fmt: skip
    noticed = [
        EventType.SOLICITATION, EventType.ADVERTISEMENT, EventType.MAPPING, EventType.TEST_REPLY,
        EventType.TRAILERS, EventType.UNREACHABLE,
    ]  # fmt: skip
    assert [kind for kind in types(events) if kind in noticed] == noticed
    assert {EventType.ANOMALY, EventType.PEER, EventType.OPENING} <= set(types(events))
    assert shown.hits == {"notices": 2}


def test_without_a_notice_the_mapping_stays_and_the_test_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = Shown()
    monkeypatch.setattr(scalar, "NOTICES_PER_MINUTE", 0)
    shown.see(bubble(CLIENT, RELAY))
    assert not shown.table.tunnel(0).has_address
    assert shown.hits == {"notices": 1}
    monkeypatch.setattr(scalar, "NOTICES_PER_MINUTE", 64)
    assert types(shown.see(bubble(CLIENT, RELAY))) == [EventType.MAPPING]
    monkeypatch.setattr(scalar, "NOTICES_PER_MINUTE", 0)
    answer = echo(RELAY, CLIENT, NATIVE, TEREDO, 129)
    shown.see(bubble(CLIENT, RELAY, address_of(OTHER_MAPPED)), connectivity_test(), answer)
    assert shown.table.tunnel(0).address == TEREDO
    assert shown.hits == {"notices": 3}
    monkeypatch.setattr(scalar, "NOTICES_PER_MINUTE", 64)
    assert EventType.TEST_REPLY not in types(shown.see(answer))


def test_trailers_of_others_are_not_told() -> None:
    shown = Shown()
    events = shown.see(
        row(RELAY, CLIENT, inner_source=NATIVE, inner_destination=TEREDO, trailer_count=1),
        row(CLIENT, RELAY, trailer_count=1),
    )
    (trailers,) = [event for event in events if event.type == EventType.TRAILERS]
    assert (trailers.row, trailers.value) == (1, 1)


def test_peers_of_all_tunnels_share_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS_KEPT", 3)
    shown = Shown()
    other = direct(row(PRIVATE, PUBLIC))
    shown.see(outbound(0), bubble(client(0), SERVER), direct(row(PRIVATE, BROKER)))
    assert types(shown.see(other)) == [EventType.TUNNEL]
    assert shown.hits == {"peers": 1}
    assert shown.table.tunnel(2).far == PUBLIC[0].ljust(16, b"\0")
    assert [shown.table.tunnel(place).peers for place in (0, 1, 2)] == [2, 1, 0]
    shown.table.expire(seconds(400))
    assert types(shown.see(other)) == [EventType.PEER]
    assert shown.table.tunnel(2).peers == 1
    assert shown.hits == {"peers": 1}


def test_peers_over_udp_are_counted_and_not_told() -> None:
    """Only the addresses of protocol 41 may embed one that nobody knew."""
    shown = Shown()
    met = shown.see(row(CLIENT, RELAY), row(CLIENT, SERVER))
    assert types(met) == [EventType.TUNNEL, EventType.MAPPING]
    assert shown.table.tunnel(0).peers == 2
    told = direct(row(PRIVATE, BROKER))
    assert types(shown.see(told, told)) == [EventType.TUNNEL, EventType.PEER]


# second views


def test_another_packet_of_one_digest_hides_no_view() -> None:
    """Whoever makes two packets collide leaves each of them its own entry."""
    shown = Shown()
    made = tcp(CLIENT, RELAY, TEREDO, NATIVE, (8080, 49138), ACK, inner_digest=5)
    other = tcp(MAPPED, RELAY, TEREDO, NATIVE, (8080, 49138), SYN, inner_digest=5)
    shown.see(made, other)
    assert shown.table.tunnel(1).joined == -1
    outside = tcp(MAPPED, RELAY, TEREDO, NATIVE, (8080, 49138), ACK, inner_digest=5)
    assert EventType.JOIN in types(shown.see(outside))
    assert shown.table.tunnel(1).joined == 0


def test_a_packet_of_the_same_tunnel_begins_the_window_anew() -> None:
    shown = Shown()
    made = bubble(CLIENT, RELAY)
    shown.see(made, at=0)
    shown.see(made, at=1.5)
    shown.see(bubble(MAPPED, RELAY), at=3)
    assert shown.table.tunnel(1).joined == 0


def test_a_view_of_a_tunnel_that_ended_is_left_as_it_is() -> None:
    shown = Shown(tunnels=1)
    shown.see(bubble(CLIENT, RELAY), bubble(MAPPED, RELAY), bubble(CLIENT, RELAY))
    state = shown.table.tunnel(2)
    assert (state.client_port, state.joined, state.packets) == (CLIENT[1], -1, 1)


def views(shown: Shown) -> int:
    return len(shown.table._views)


def numbered(digest: int) -> Observation:
    return bubble(CLIENT, RELAY)._replace(inner_digest=digest)


def test_a_tunnel_that_no_packet_joined_is_looked_for_with_every_eighth() -> None:
    shown = Shown()
    shown.see(*(numbered(8 * n + 1) for n in range(64)))
    assert views(shown) == 64
    shown.see(*(numbered(8 * n + 1) for n in range(64, 80)))
    assert views(shown) == 64
    shown.see(numbered(8 * 90))
    assert views(shown) == 65
    assert EventType.JOIN not in types(shown.see(bubble(MAPPED, RELAY)._replace(inner_digest=8001)))
    shown.see(numbered(8001))
    assert shown.table.tunnel(1).joined == -1
    outside = bubble(MAPPED, RELAY)._replace(inner_digest=8 * 90)
    assert EventType.JOIN in types(shown.see(outside))


def test_setup_packets_are_always_looked_for() -> None:
    shown = Shown()
    shown.see(*(numbered(8 * n + 1) for n in range(64)))
    shown.see(solicitation()._replace(inner_digest=1))
    assert views(shown) == 65
    shown.see(solicitation(client=MAPPED)._replace(inner_digest=1))
    assert shown.table.tunnel(1).joined == 0


def test_views_that_were_joined_are_looked_for_with_every_packet() -> None:
    """Or their packets would count twice."""

    def outside(made: Observation) -> Observation:
        return made._replace(outer_source=MAPPED[0].ljust(16, b"\0"))

    shown = Shown()
    made = [numbered(8 * number + 1) for number in range(200)]
    shown.see(*made[:64], *map(outside, made[100:164]))
    shown.see(numbered(8), outside(numbered(8)))
    assert shown.table.tunnel(1).joined == 0
    before = shown.table.tunnel(0).packets
    for one in made[164:180]:
        shown.see(one, outside(one))
    for one in made[180:]:
        shown.see(outside(one), one)
    assert shown.table.tunnel(0).packets == before + 36


# what is read of a tunnel


def test_the_state_of_a_tunnel() -> None:
    shown = Shown()
    shown.see(solicitation(), at=5)
    shown.see(bubble(RELAY, CLIENT, NATIVE, TEREDO)._replace(vlan=8), bubble(CLIENT, RELAY), at=6)
    state = shown.table.tunnel(0)
    assert (state.client[:4], state.client_port) == CLIENT
    assert (state.far[:4], state.far_port) == RELAY
    assert (state.address, state.has_address) == (TEREDO, 1)
    assert (state.serial, state.parent, state.joined) == (0, -1, -1)
    assert (state.first, state.last) == (seconds(5.001), seconds(6.002))
    assert (state.last_outbound, state.has_outbound) == (seconds(6.002), 1)
    assert (state.packets, state.bytes, state.inbound, state.outbound) == (3, 300, 1, 2)
    assert (state.peers, state.vlan, state.version) == (2, 0, 4)
    assert (state.kind, state.kinds) == (Kind.TEREDO, 1 << Kind.TEREDO)
    assert (state.vantages, state.local, state.inside_known) == (1 << Vantage.INSIDE, 1, 1)
    assert (state.promoted, state.refused, state.midstream, state.asked) == (1, 0, 0, 0)
    assert state.answered


def test_what_a_candidate_asked_is_kept() -> None:
    shown = Shown(promotions_per_minute=0)
    shown.see(solicitation(nonce=NONCE2), solicitation(server=STRANGER, nonce=None))
    state = shown.table.tunnel(0)
    assert (state.asked, state.asked_auth, state.asked_nonce) == (1, 0, 0)
    assert (state.asked_server[:4], state.asked_source) == (STRANGER[0], LINK_LOCAL)
    assert (state.promoted, state.refused, state.has_outbound) == (0, 1, 1)
    shown.see(solicitation(nonce=NONCE2))
    state = shown.table.tunnel(0)
    assert state.asked_auth == 1
    assert state.asked_nonce.to_bytes(8, sys.byteorder, signed=True) == NONCE2


def test_a_nested_tunnel_names_its_parent_by_serial() -> None:
    shown = Shown()
    shown.see(outbound(0), *nested(row(CLIENT, RELAY), bubble(*INNER_V4)))
    assert [shown.table.tunnel(place).parent for place in range(3)] == [-1, -1, 1]


def test_a_packet_at_the_end_of_time_is_taken() -> None:
    table = Table(TrackSettings())
    rows = pack([outbound(0)._replace(frame=1, time=NEVER)])
    assert table.update(rows, 0)[0] == 1
    assert table.update(rows, 0, NEVER - 1)[0] == 0


def test_marks_are_written_into_the_rows() -> None:
    table = Table(TrackSettings())
    made = [row(CLIENT, RELAY), bare(row(RELAY, CLIENT)), bare(row(RELAY, CLIENT))]
    rows = pack(one._replace(frame=5 + at, time=START) for at, one in enumerate(made))
    index = 0
    while index < len(rows):
        index, _ = table.update(rows, index)
    assert rows["copy_of"].tolist() == [0, 0, 6]
    assert rows["kind"].tolist() == [Kind.TEREDO] * 3
    assert rows["kinds"].tolist() == [1 << Kind.TEREDO] * 3
    assert rows["teredo_packet"].tolist() == [TeredoPacket.DATA] * 3
    assert (rows["reasons"] & Evidence.LEARNED_FLOW != 0).tolist() == [False, True, True]


# what carries nothing, or is none


def test_messages_without_an_inner_packet_are_traffic_and_no_more() -> None:
    sensor = Sensor()
    broker = (BROKER[0], 5072)
    sensor.see(named(tcp(CLIENT, broker, SITE, NATIVE, (40000, 80)), Kind.AYIYA))
    sensor.see(message(CLIENT, broker), message(broker, CLIENT), at=7)
    tunnel = sensor.tunnel()
    assert (tunnel.packets, tunnel.bytes) == (3, 300)
    assert (tunnel.first_seen, tunnel.last_seen) == (seconds(0), seconds(7.001))
    assert tunnel.scope.both_directions
    assert [flow.source_packets for flow in flows(sensor.finish())] == [1]
    assert sensor.exposures() == []


def test_messages_alone_are_a_tunnel_that_met_nobody() -> None:
    shown = Shown()
    broker = (BROKER[0], 5072)
    events = types(shown.see(message(CLIENT, broker))) + types(shown.see(message(broker, CLIENT)))
    assert events == [EventType.TUNNEL]
    state = shown.table.tunnel(0)
    assert (state.packets, state.peers) == (2, 0)
    assert (state.far_port, state.has_address) == (5072, 0)
    over_tcp = message(CLIENT, broker, Kind.TSP, outer_transport=Transport.TCP)
    assert types(shown.see(over_tcp)) == [EventType.TUNNEL]


def test_anomalies_of_messages_are_told() -> None:
    sensor = Sensor()
    sensor.see(message(CLIENT, (BROKER[0], 5072), anomalies=int(Anomaly.BORROWED_PORT)))
    assert sensor.tunnel().anomalies == ("borrowed-port",)


@pytest.mark.parametrize("made", [unfollowed(), row(CLIENT, RELAY, quoted=1)])
def test_what_is_no_traffic_leaves_no_trace(made: Observation) -> None:
    sensor = Sensor()
    assert sensor.see(made, made) == []
    assert sensor.table.slots == {}
    sensor.see([made, syn()._replace(depth=1)])
    assert sensor.table.slots == {}
    assert {one.copy_of for one in sensor.seen} == {0}


def test_what_an_error_quotes_inside_a_tunnel_is_no_tunnel() -> None:
    sensor = Sensor()
    error = echo(CLIENT, RELAY, TEREDO, NATIVE, 1)
    quoted = direct(syn())._replace(depth=1, quoted=1)
    sensor.see([error, quoted], [error._replace(outer_id=9), quoted])
    assert sensor.tunnel().kind is Kind.TEREDO
    assert sensor.tunnel().packets == 2
    sensor.see([error._replace(outer_id=9), quoted])
    assert [one.copy_of for one in sensor.seen] == [2, 0]


def test_a_message_in_a_tunnel_is_one_of_a_nested_tunnel() -> None:
    sensor = Sensor()
    sensor.see([gre(row(PRIVATE, BROKER)), message(CLIENT, (BROKER[0], 5072), depth=1)])
    around, within = sensor.tunnels()
    assert (within.kind, within.parent) == (Kind.AYIYA, around.id)


# the same tunnel from both sides, of kinds that name no mapping


def test_views_of_other_kinds_over_udp_are_joined_by_their_conversations() -> None:
    sensor = Sensor(vantages=(Vantage.INSIDE, Vantage.OUTSIDE))
    broker = (BROKER[0], 5072)
    made = named(tcp(CLIENT, broker, SITE, NATIVE, (40000, 80)), Kind.AYIYA)
    outside = made._replace(outer_source=MAPPED[0].ljust(16, b"\0"), source=OUTSIDE)
    sensor.see(made, outside)
    assert sensor.tunnel().client == CLIENT
    assert sensor.tunnel().scope.vantage is Vantage.BOTH


def test_views_of_other_kinds_are_not_joined_by_what_any_client_might_say() -> None:
    sensor = Sensor(vantages=(Vantage.INSIDE, Vantage.OUTSIDE))
    broker = (BROKER[0], 3653)
    public = MAPPED[0].ljust(16, b"\0")
    asks = named(echo(CLIENT, broker, LINK_LOCAL, NATIVE, 133), Kind.TSP)
    begins = message(CLIENT, broker, Kind.TSP, outer_transport=Transport.TCP)
    for made in (asks, begins):
        sensor.see(made, made._replace(outer_source=public, source=OUTSIDE))
    assert len(sensor.tunnels()) == 4
