"""Services of inside hosts that a tunnel made reachable."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.schema.records import ExposureRecord, Proof
from sensor.schema.rows import Observation
from sensor.schema.words import Confidence, ExposureState, Kind, Transport
from sensor.track import exposures
from sensor.track.conversation import TCP
from sensor.track.exposure import REMOTES_SHOWN
from sensor.track.settings import Service, TrackSettings
from sensor.wire.addresses import packed
from tests.track.rows import (
    ACK,
    BROKER,
    CLIENT,
    MAPPED,
    NATIVE,
    NATIVE2,
    NEIGHBOUR,
    NONCE2,
    OTHER_MAPPED,
    PRIVATE,
    PUBLIC,
    RELAY,
    RST,
    SITE,
    SYN,
    TEREDO,
    End,
    Sensor,
    ack,
    actions,
    address_of,
    advertisement,
    bare,
    bubble,
    direct,
    gre,
    latest,
    message,
    named,
    proofs,
    qualified,
    rst,
    seconds,
    solicitation,
    syn,
    syn_ack,
    tcp,
    udp,
)

ANSWERED, REFUSED = ExposureState.ANSWERED, ExposureState.REFUSED
ATTEMPTED, UNSEEN = ExposureState.ATTEMPTED, ExposureState.REPLY_UNSEEN


def documents(sensor: Sensor) -> list[tuple[str, str]]:
    return [
        (change.action, change.record.state.text)
        for change in sensor.changes
        if isinstance(change.record, ExposureRecord)
    ]


def test_a_handshake_is_an_answered_exposure_with_its_three_frames() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack(), ack())
    sensor.finish()
    assert documents(sensor) == [
        ("exposure-opened", "attempted"),
        ("exposure-opened", "answered"),
        ("exposure-seen", "answered"),
    ]
    exposure = sensor.exposure()
    assert proofs(exposure) == [(4, "SYN in"), (5, "SYN-ACK out"), (6, "ACK in")]
    assert (exposure.address, exposure.transport, exposure.port) == (TEREDO, TCP, 8080)
    assert exposure.remote == (NATIVE, 49138)
    assert (exposure.remotes_count, exposure.remotes) == (1, (NATIVE,))
    assert exposure.host_basis == "endpoint"
    assert exposure.mapped == MAPPED
    assert exposure.client == CLIENT
    assert exposure.state_since == seconds(0.004)
    assert (exposure.first_seen, exposure.last_seen) == (seconds(0.003), seconds(0.005))
    assert exposure.hole_refreshed == seconds(0.004)
    assert exposure.tunnel_id == sensor.tunnel().id
    assert exposure.inside is not None
    assert exposure.inside.address == TEREDO
    assert exposure.policy is None


def test_an_opening_is_attempted_where_the_reverse_direction_is_seen() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn())
    assert sensor.exposure().state is ATTEMPTED
    assert sensor.exposure().scope.both_directions


def test_an_opening_is_reply_unseen_where_it_is_not_and_grows_stronger_in_order() -> None:
    sensor = Sensor()
    sensor.see(syn())
    assert sensor.exposure().state is UNSEEN
    assert not sensor.exposure().scope.both_directions
    sensor.see(bubble(CLIENT, RELAY), syn(), rst(), syn(remote=5), syn_ack(remote=5))
    assert [state for _, state in documents(sensor)] == [
        "reply-unseen", "attempted", "refused", "answered",
    ]  # fmt: skip
    assert proofs(sensor.exposure()) == [(5, "SYN in"), (6, "SYN-ACK out")]


def test_a_weaker_state_makes_no_document_but_is_the_last() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack())
    assert sensor.see(syn(remote=50000), rst(remote=50000)) == []
    sensor.finish()
    assert sensor.exposure().state is ANSWERED
    assert sensor.exposure().last_state is REFUSED
    assert sensor.exposure().remote == (NATIVE, 49138)


@pytest.mark.parametrize("number", [1000, 1002, 0])
def test_a_wrong_acknowledgement_number_is_no_answer(number: int) -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack(tcp_acknowledgement=number), ack())
    assert sensor.exposure().state is ATTEMPTED
    assert proofs(sensor.exposure()) == [(4, "SYN in")]


def test_a_reset_that_acknowledges_nothing_refuses_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), rst()._replace(tcp_acknowledgement=7, tcp_flags=RST))
    assert sensor.exposure().state is ATTEMPTED


def test_an_answer_without_its_opening_is_an_answer() -> None:
    """One-sided capture: nothing that comes in is seen."""
    sensor = Sensor()
    sensor.see(syn_ack())
    assert documents(sensor) == [("exposure-opened", "answered")]
    assert proofs(sensor.exposure()) == [(1, "SYN-ACK out")]
    assert not sensor.exposure().scope.both_directions
    assert sensor.exposure().remote == (NATIVE, 49138)


def test_a_reset_without_its_opening_refuses_nothing() -> None:
    sensor = qualified(Sensor())
    assert sensor.see(rst()) == []


def test_its_opening_seen_later_is_evidence_and_no_document() -> None:
    sensor = Sensor()
    sensor.see(syn_ack())
    assert sensor.see(syn()) == []
    sensor.finish()
    assert proofs(sensor.exposure()) == [(1, "SYN-ACK out"), (2, "SYN in")]


def test_what_the_host_opens_itself_exposes_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see(
        tcp(CLIENT, RELAY, TEREDO, NATIVE, (40000, 80)),
        tcp(RELAY, CLIENT, NATIVE, TEREDO, (80, 40000), SYN | ACK, tcp_acknowledgement=1001),
        tcp(CLIENT, RELAY, TEREDO, NATIVE, (40000, 80), ACK),
        udp(CLIENT, RELAY, TEREDO, NATIVE, (40000, 443)),
        udp(RELAY, CLIENT, NATIVE, TEREDO, (443, 40000)),
    )
    sensor.finish()
    assert documents(sensor) == []


def test_an_answer_from_outside_without_its_opening_exposes_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see(tcp(RELAY, CLIENT, NATIVE, TEREDO, (80, 40000), SYN | ACK, tcp_acknowledgement=7))
    assert documents(sensor) == []


def test_segments_in_mid_life_expose_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see(ack(), tcp(CLIENT, RELAY, TEREDO, NATIVE, (8080, 49138), ACK, payload_length=9))
    assert documents(sensor) == []


def test_a_reset_is_no_completion() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack(), ack()._replace(tcp_flags=RST | ACK))
    sensor.finish()
    assert proofs(sensor.exposure()) == [(4, "SYN in"), (5, "SYN-ACK out")]


def test_the_frames_are_those_of_the_remote_that_was_answered() -> None:
    sensor = qualified(Sensor())
    sensor.see(
        syn(source=NATIVE2, remote=7),
        syn(),
        syn(source=NATIVE2, remote=8),
        syn_ack(),
        ack(),
    )
    sensor.finish()
    assert proofs(sensor.exposure()) == [(5, "SYN in"), (7, "SYN-ACK out"), (8, "ACK in")]
    assert sensor.exposure().remotes == (NATIVE2, NATIVE)


def test_a_completion_of_another_remote_is_no_evidence() -> None:
    sensor = qualified(Sensor())
    other = dict[str, Any](source=NATIVE2, remote=7)
    sensor.see(syn(), syn_ack(), syn(**other), syn_ack(to=NATIVE2, remote=7), ack(**other))
    sensor.finish()
    assert proofs(sensor.exposure()) == [(4, "SYN in"), (5, "SYN-ACK out")]


def test_repeated_openings_leave_room_for_the_answer() -> None:
    sensor = qualified(Sensor())
    sensor.see(*[syn()] * 20, syn_ack(), ack(), *[syn()] * 20)
    sensor.finish()
    found = proofs(sensor.exposure())
    assert found == [(4, "SYN in"), (24, "SYN-ACK out"), (25, "ACK in")]


def test_a_scan_with_two_sequence_numbers_hides_no_answer() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn(tcp_sequence=9), syn_ack())
    assert sensor.exposure().state is ANSWERED


def test_groups_are_no_services() -> None:
    sensor = qualified(Sensor())
    group = packed("ff02::fb")
    sensor.see(udp(RELAY, CLIENT, NATIVE, group, (5353, 5353)))
    sensor.see(tcp(RELAY, CLIENT, NATIVE, group, (5353, 5353)))
    assert documents(sensor) == []


# datagrams


def question(remote: int = 5000, port: int = 161) -> Observation:
    return udp(RELAY, CLIENT, NATIVE, TEREDO, (remote, port))


def reply(remote: int = 5000, port: int = 161) -> Observation:
    return udp(CLIENT, RELAY, TEREDO, NATIVE, (port, remote))


def test_datagrams_are_openings_and_answers_too() -> None:
    sensor = qualified(Sensor())
    sensor.see(question(), question(), reply(), reply())
    assert documents(sensor) == [
        ("exposure-opened", "attempted"),
        ("exposure-opened", "answered"),
    ]
    assert proofs(sensor.exposure()) == [(4, "datagram in"), (6, "datagram out")]


def test_a_low_source_port_hides_no_opening() -> None:
    """The tunnel began with a solicitation: there is nothing that this could answer."""
    sensor = qualified(Sensor())
    sensor.see(question(remote=53, port=40000))
    assert sensor.exposure().port == 40000


def test_a_low_source_port_is_an_answer_where_the_capture_began_in_mid_life() -> None:
    sensor = Sensor()
    sensor.see(bubble(CLIENT, RELAY), question(remote=53, port=40000))
    assert documents(sensor) == []


def test_a_low_source_port_hides_no_opening_a_minute_later() -> None:
    sensor = Sensor()
    sensor.see(bubble(CLIENT, RELAY))
    sensor.see(question(remote=53, port=40000), at=60.1)
    assert sensor.exposure().port == 40000


def test_a_low_source_port_hides_no_opening_on_a_tunnel_met_late() -> None:
    """Whoever waits until a tunnel has been forgotten is no part of a capture's beginning."""
    sensor = Sensor()
    sensor.see(bubble(NEIGHBOUR, RELAY, address_of(OTHER_MAPPED)))
    sensor.see(question(remote=53, port=40000), at=3600)
    assert sensor.exposure().port == 40000


def test_an_answer_of_a_low_port_without_its_question_is_an_answer() -> None:
    sensor = Sensor()
    sensor.see(reply())
    assert sensor.exposure().state is ANSWERED
    assert proofs(sensor.exposure()) == [(1, "datagram out")]


# documents over time


def test_it_is_repeated_hourly_while_it_is_met() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack(), at=1)
    for at in range(100, 8000, 100):
        sensor.see(syn(remote=at), bubble(CLIENT, RELAY), at=at)
    seen = [change.time for change in sensor.changes if change.action == "exposure-seen"]
    assert seen == [seconds(3600), seconds(7100)]


def test_it_is_not_repeated_when_nobody_came() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack())
    for at in range(100, 8000, 100):
        sensor.see(bubble(CLIENT, RELAY), at=at)
    assert "exposure-seen" not in actions(sensor.changes)
    assert actions(sensor.finish()).count("exposure-seen") == 1


def test_a_session_that_goes_on_keeps_its_service_in_use() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack(), ack(), at=1)
    for at in range(100, 8000, 100):
        sensor.see(ack(), bubble(CLIENT, RELAY), at=at)
    seen = [change.time for change in sensor.changes if change.action == "exposure-seen"]
    assert len(seen) == 2
    sensor.finish()
    found = sensor.exposure()
    assert (found.last_seen, found.state) == (seconds(7900), ANSWERED)


def test_it_closes_with_its_tunnel_and_opens_again() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack())
    changes = sensor.sweep(400)
    assert actions(changes) == ["inner-flow", "exposure-closed", "tunnel-closed"]
    closed = latest(changes, ExposureRecord)
    (record,) = closed.values()
    assert (record.closed_reason, record.state) == ("tunnel-closed", ANSWERED)
    sensor.see(syn(), syn_ack(), at=500)
    again = sensor.exposure()
    assert again.id == record.id
    assert (again.closed_reason, again.first_seen) == (None, seconds(500))
    assert documents(sensor)[-2:] == [
        ("exposure-opened", "reply-unseen"),
        ("exposure-opened", "answered"),
    ]


def test_remotes_are_counted_and_twenty_listed() -> None:
    sensor = qualified(Sensor())
    remotes = [NATIVE[:15] + bytes([number]) for number in range(30)]
    sensor.see(*(syn(source=remote) for remote in remotes), *(syn(source=one) for one in remotes))
    sensor.finish()
    assert sensor.exposure().remotes_count == 30
    assert sensor.exposure().remotes == tuple(remotes[:REMOTES_SHOWN])


def test_above_its_limit_the_count_of_remotes_is_a_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposures, "REMOTES_KEPT", 3)
    sensor = qualified(Sensor())
    sensor.see(*(syn(source=NATIVE[:15] + bytes([number])) for number in range(5)))
    sensor.finish()
    assert sensor.exposure().remotes_count == 3
    assert sensor.hits == {}


# one service, several tunnels


def second_client(sensor: Sensor) -> None:
    sensor.see(
        solicitation(NEIGHBOUR, nonce=NONCE2),
        advertisement(NEIGHBOUR, nonce=NONCE2, origin=OTHER_MAPPED),
        bubble(NEIGHBOUR, RELAY, address_of(OTHER_MAPPED)),
    )


def ask_through(source: tuple[bytes, int], service: bytes) -> Observation:
    return tcp(RELAY, source, NATIVE, service, (49138, 22))


def test_a_global_service_through_two_tunnels_is_one_exposure() -> None:
    sensor = qualified(Sensor())
    second_client(sensor)
    sensor.see(ask_through(CLIENT, SITE), ask_through(NEIGHBOUR, SITE))
    sensor.finish()
    first, second = sensor.tunnels()
    assert sensor.exposure().tunnel_id == second.id
    assert first.id != second.id
    assert documents(sensor)[0] == ("exposure-opened", "attempted")


def test_a_local_service_is_one_exposure_for_each_tunnel() -> None:
    sensor = qualified(Sensor())
    second_client(sensor)
    local = packed("fd00::22")
    sensor.see(ask_through(CLIENT, local), ask_through(NEIGHBOUR, local))
    assert {exposure.tunnel_id for exposure in sensor.exposures()} == {
        tunnel.id for tunnel in sensor.tunnels()
    }
    assert len(sensor.exposures()) == 2


def test_a_local_service_stays_the_same_when_the_mapping_is_learned_or_changes() -> None:
    sensor = Sensor()
    local = packed("fd00::22")
    sensor.see(ask_through(CLIENT, local), bubble(CLIENT, RELAY))
    sensor.see(ask_through(CLIENT, local))
    sensor.see(solicitation(), advertisement(origin=OTHER_MAPPED), ask_through(CLIENT, local))
    assert len(sensor.exposures()) == 1


def test_the_host_of_an_answer_behind_a_6in4_end_is_told_by_its_hop_limit() -> None:
    sensor = Sensor()
    ask = tcp(BROKER, PRIVATE, NATIVE, SITE, (4000, 22))
    answer = tcp(
        PRIVATE, BROKER, SITE, NATIVE, (22, 4000), SYN | ACK,
        tcp_acknowledgement=1001, hop_limit=254,
    )  # fmt: skip
    sensor.see(direct(ask))
    assert sensor.exposure().host_basis == "unknown"
    sensor.see(direct(answer))
    assert sensor.exposure().host_basis == "behind-endpoint"


def test_an_odd_hop_limit_of_the_clients_own_address_is_still_the_host() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack(hop_limit=63))
    assert sensor.exposure().host_basis == "endpoint"


@pytest.mark.parametrize(
    ("services", "policy"),
    [(None, None), ((), "denied"), ((Service(TCP, 8080),), "allowed")],
)
def test_policy_is_told_where_there_is_one(
    services: tuple[Service, ...] | None, policy: str | None
) -> None:
    sensor = qualified(Sensor(TrackSettings(services=services)))
    sensor.see(syn())
    assert sensor.exposure().policy == policy


# the record itself


def test_proofs_are_kept_once() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn())
    (made,) = sensor.tracker.exposures.values()
    made.evidence = []
    proof = Proof("a", 1, 0, "SYN in")
    made.prove(proof, proof, Proof("a", 2, 5, "SYN in"))
    assert made.evidence == [proof]


# through every kind

SERVER_ENDS: dict[Kind, End] = {
    Kind.AYIYA: (BROKER[0], 5072),
    Kind.TSP: (BROKER[0], 3653),
    Kind.L2TP6: (BROKER[0], 1701),
    Kind.SIXA44: (packed("192.88.99.2"), 1027),
    Kind.SIXBED4: (BROKER[0], 25790),
    Kind.IP6_IN_UDP: (BROKER[0], 40000),
}


def handshake(client: End, server: End) -> list[Observation]:
    """A connection to the client's SSH, told of the inner packets alone."""
    ports = (49138, 22)
    return [
        tcp(server, client, NATIVE, SITE, ports),
        tcp(client, server, SITE, NATIVE, ports[::-1], SYN | ACK, tcp_acknowledgement=1001),
        tcp(server, client, NATIVE, SITE, ports, ACK, tcp_sequence=1001),
    ]


@pytest.mark.parametrize("kind", SERVER_ENDS)
def test_a_service_is_exposed_through_each_kind_over_udp(kind: Kind) -> None:
    sensor = Sensor()
    server = SERVER_ENDS[kind]
    if kind is not Kind.IP6_IN_UDP:
        sensor.see(message(CLIENT, server, kind), message(server, CLIENT, kind))
    rows = handshake(CLIENT, server)
    if kind is Kind.IP6_IN_UDP:
        sensor.see(*(bare(made, Confidence.STRONG) for made in rows))
    elif kind is Kind.TSP:
        sensor.see(*map(bare, rows))  # on the learned flow the weakest will do
    else:
        sensor.see(*(named(made, kind) for made in rows))
    exposure = sensor.exposure()
    assert exposure.tunnel_kind is kind
    assert (exposure.state, exposure.port) == (ANSWERED, 22)
    assert [what for _, what in proofs(exposure)] == ["SYN in", "SYN-ACK out"]
    assert exposure.inside is not None
    assert exposure.inside.ip == CLIENT[0]
    assert exposure.carrier is Transport.UDP
    assert exposure.hole_refreshed is not None


def test_a_service_is_exposed_through_gre_and_needs_no_hole() -> None:
    sensor = Sensor()
    sensor.see(*(gre(made, 7) for made in handshake(PRIVATE, BROKER)))
    exposure = sensor.exposure()
    assert (exposure.tunnel_kind, exposure.state) == (Kind.GRE6, ANSWERED)
    assert exposure.carrier is Transport.GRE
    assert exposure.hole_refreshed is None
    assert exposure.mapped is None


def test_protocol_41_needs_no_hole_either() -> None:
    sensor = Sensor()
    sensor.see(*map(direct, handshake(PRIVATE, BROKER)))
    assert sensor.exposure().carrier is Transport.IPV6
    assert sensor.exposure().hole_refreshed is None


def test_between_public_ends_no_kind_exposes_anything() -> None:
    sensor = Sensor()
    public = (PUBLIC[0], 40001)
    server = SERVER_ENDS[Kind.AYIYA]
    sensor.see(*(named(made, Kind.AYIYA) for made in handshake(public, server)))
    assert sensor.exposures() == []
    assert sensor.tunnel().client == public
