"""Which end of a tunnel is inside the NAT."""

from __future__ import annotations

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import End as Side
from sensor.schema.words import Kind, Vantage
from sensor.track.settings import TrackSettings, Zone, network
from sensor.track.vantage import inside_end, is_local, likely_client, outer_ip, vlan_of
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
    SECOND,
    SERVER,
    SITE,
    STRANGER,
    SYN,
    TEREDO,
    End,
    Sensor,
    Shown,
    address_of,
    advertisement,
    bubble,
    direct,
    message,
    qualified,
    row,
    solicitation,
    syn,
    tcp,
)

DEFAULT = TrackSettings()


def zones(*named: Zone, pools: tuple[str, ...] = ()) -> TrackSettings:
    return TrackSettings(zones=named, nat_pools=tuple(map(network, pools)))


OFFICE = zones(Zone("office", (network("203.0.113.0/24"),)))
OUTSIDE_LAB = zones(Zone("lab", (network("192.168.0.0/16"),), inside=False))
POOL = zones(pools=("203.0.113.0/24",))


def data(source: End, destination: End, kind: Kind = Kind.TEREDO) -> Observation:
    return row(source, destination, inner_source=NATIVE, inner_destination=SITE, kind=kind)


@pytest.mark.parametrize(
    ("made", "settings", "end"),
    [
        # zones
        (data(MAPPED, RELAY), OFFICE, Side.SOURCE),
        (data(RELAY, MAPPED), OFFICE, Side.DESTINATION),
        # a zone goes before everything that the packet says
        (row(RELAY, MAPPED, inner_source=address_of(RELAY)), OFFICE, Side.DESTINATION),
        # exactly one end private
        (data(CLIENT, RELAY), DEFAULT, Side.SOURCE),
        (data(RELAY, CLIENT), DEFAULT, Side.DESTINATION),
        (data(CLIENT, RELAY), zones(), Side.SOURCE),
        (data(CLIENT, NEIGHBOUR), DEFAULT, Side.UNKNOWN),
        # unless a zone says that it is outside
        (data(CLIENT, RELAY), OUTSIDE_LAB, Side.UNKNOWN),
        # addresses of the NAT
        (data(MAPPED, RELAY), POOL, Side.SOURCE),
        (data(RELAY, MAPPED), POOL, Side.DESTINATION),
        # the only Teredo end whose mapping is its outer end
        (row(MAPPED, RELAY), DEFAULT, Side.SOURCE),
        (row(RELAY, MAPPED, inner_source=NATIVE, inner_destination=TEREDO), DEFAULT,
         Side.DESTINATION),
        # a sender also by its IPv4 address alone, as a symmetric NAT shows it
        (row(OTHER_MAPPED, RELAY), DEFAULT, Side.SOURCE),
        (row(SERVER, RELAY, inner_source=address_of((SERVER[0], 50000))), DEFAULT, Side.UNKNOWN),
        (row(RELAY, OTHER_MAPPED, inner_source=NATIVE, inner_destination=TEREDO), DEFAULT,
         Side.UNKNOWN),
        (row(MAPPED, STRANGER, inner_destination=address_of(STRANGER)), DEFAULT, Side.UNKNOWN),
        (row(OTHER_MAPPED, STRANGER, inner_destination=address_of(STRANGER)), DEFAULT,
         Side.UNKNOWN),
        (row(STRANGER, OTHER_MAPPED, inner_source=address_of(STRANGER), inner_destination=TEREDO),
         DEFAULT, Side.UNKNOWN),
        (row(MAPPED, RELAY, kind=Kind.IP6_IN_UDP), DEFAULT, Side.UNKNOWN),
        # the sender of a solicitation
        (solicitation(client=MAPPED), DEFAULT, Side.SOURCE),
        (advertisement(client=MAPPED), DEFAULT, Side.DESTINATION),
        # nothing
        (data(PUBLIC, BROKER, Kind.SIXINFOUR), DEFAULT, Side.UNKNOWN),
    ],
)  # fmt: skip
def test_the_first_rule_that_applies_tells_the_inside_end(
    made: Observation, settings: TrackSettings, end: Side
) -> None:
    assert inside_end(made, settings) is end


def test_a_zone_may_be_named_for_its_vlan() -> None:
    settings = zones(Zone("guests", (network("203.0.113.0/24"),), vlans=frozenset({7})))
    assert inside_end(data(MAPPED, RELAY)._replace(vlan=8), settings) is Side.SOURCE
    assert inside_end(data(MAPPED, RELAY), settings) is Side.UNKNOWN
    assert vlan_of(data(MAPPED, RELAY)._replace(vlan=8)) == 7
    assert vlan_of(data(MAPPED, RELAY)) is None


def test_ends_over_ipv6_are_judged_by_zones_alone() -> None:
    unique_local = (packed("fd00::7"), 1000)
    assert inside_end(data(unique_local, (NATIVE, 3544)), DEFAULT) is Side.SOURCE
    mapped6 = row((NATIVE, 1000), (NATIVE2, 3544), inner_source=TEREDO)
    assert inside_end(mapped6, DEFAULT) is Side.UNKNOWN


def test_local_is_what_zones_say_and_else_what_is_private() -> None:
    assert is_local(CLIENT[0], None, DEFAULT)
    assert is_local(CLIENT[0], None, zones())
    assert not is_local(CLIENT[0], None, OUTSIDE_LAB)
    assert not is_local(MAPPED[0], None, DEFAULT)
    assert not is_local(NATIVE, None, zones())
    assert is_local(MAPPED[0], None, OFFICE)


def test_outer_addresses_have_the_length_of_their_version() -> None:
    assert outer_ip(MAPPED[0].ljust(16, b"\0"), 4) == MAPPED[0]
    assert outer_ip(NATIVE, 6) == NATIVE


@pytest.mark.parametrize(
    ("made", "end"),
    [
        (row(OTHER_MAPPED, RELAY), Side.SOURCE),
        (bubble(SERVER, MAPPED, NATIVE, TEREDO), Side.DESTINATION),
        (row(SERVER, MAPPED, inner_source=NATIVE, inner_destination=SITE, has_origin=1),
         Side.DESTINATION),
        (data(PUBLIC, BROKER), Side.SOURCE),
        # a relay asks the server that the client's address names
        (bubble(RELAY, SERVER, NATIVE, TEREDO), Side.UNKNOWN),
        (bubble(RELAY, SERVER, NATIVE, TEREDO)._replace(inner_length=41), Side.SOURCE),
        (bubble(RELAY, SERVER, NATIVE, TEREDO)._replace(tail_length=1), Side.SOURCE),
        (tcp(RELAY, SERVER, NATIVE, TEREDO, (40000, 22)), Side.SOURCE),
        (bubble(MAPPED, SERVER, TEREDO, address_of(OTHER_MAPPED)), Side.SOURCE),
        (bubble(RELAY, SECOND, NATIVE, TEREDO), Side.DESTINATION),
        (bubble(RELAY, (SERVER[0], 3545), NATIVE, TEREDO), Side.DESTINATION),
    ],
)  # fmt: skip
def test_without_an_inside_end_a_tunnel_is_filed_under_its_likely_client(
    made: Observation, end: Side
) -> None:
    assert likely_client(made) is end


@pytest.mark.parametrize(
    ("kind", "server"),
    [
        (Kind.AYIYA, (BROKER[0], 5072)),
        (Kind.AYIYA, (BROKER[0], 8374)),
        (Kind.TSP, (BROKER[0], 3653)),
        (Kind.L2TP6, (BROKER[0], 1701)),
        (Kind.SIXBED4, (BROKER[0], 25790)),
        (Kind.SIXA44, (packed("192.88.99.2"), 1027)),
    ],
)
def test_the_end_where_a_scheme_serves_is_not_the_client(kind: Kind, server: End) -> None:
    assert likely_client(message(server, MAPPED, kind)) is Side.DESTINATION
    assert likely_client(message(MAPPED, server, kind)) is Side.SOURCE
    # Two servers, or a port that serves another kind: the first who is seen to send.
    assert likely_client(message(server, server, kind)) is Side.SOURCE
    assert likely_client(message(server, MAPPED, Kind.IP6_IN_UDP)) is Side.SOURCE
    # None of this is a claim.
    assert inside_end(message(server, MAPPED, kind), DEFAULT) is Side.UNKNOWN
    assert inside_end(message(server, CLIENT, kind), DEFAULT) is Side.DESTINATION


# what it means for exposures


def handshake(source: End, destination: End) -> list[Observation]:
    ask = tcp(destination, source, NATIVE, SITE, (40000, 22))
    answer = tcp(
        source, destination, SITE, NATIVE, (22, 40000), 0x12, tcp_acknowledgement=1001, hop_limit=63
    )
    return [direct(ask), direct(answer)]


def test_between_two_public_ends_nothing_is_exposed() -> None:
    sensor = Sensor()
    sensor.see(*handshake(PUBLIC, BROKER))
    sensor.finish()
    assert sensor.tunnel().packets == 2
    assert sensor.tunnel().inside is None
    assert sensor.exposures() == []


def test_between_two_private_ends_nothing_is_exposed() -> None:
    sensor = Sensor()
    sensor.see(*handshake(PRIVATE, (packed("10.0.0.8"), 0)))
    assert sensor.tunnel().inside is None
    assert sensor.exposures() == []


@pytest.mark.parametrize(("hop_limit", "basis"), [(64, "endpoint"), (63, "behind-endpoint")])
def test_behind_a_private_end_the_answer_tells_whether_it_is_the_host(
    hop_limit: int, basis: str
) -> None:
    sensor = Sensor()
    ask, answer = handshake(PRIVATE, BROKER)
    sensor.see(ask, answer._replace(hop_limit=hop_limit))
    exposure = sensor.exposure()
    assert exposure.host_basis == basis
    assert exposure.inside is not None
    assert exposure.inside.ip == PRIVATE[0]
    assert exposure.inside.zone == "inside"


def test_an_address_of_the_nat_names_no_host() -> None:
    sensor = Sensor(POOL)
    sensor.see(*handshake(PUBLIC, BROKER))
    inside = sensor.exposure().inside
    assert inside is not None
    assert inside.ip is None


def test_a_private_host_outside_all_zones_is_still_seen() -> None:
    sensor = Sensor(zones(Zone("office", (network("172.16.0.0/12"),))))
    qualified(sensor)
    inside = sensor.tunnel().inside
    assert inside is not None
    assert (inside.ip, inside.zone) == (CLIENT[0], None)
    assert sensor.tunnel().scope.vantage is Vantage.INSIDE


def test_two_inside_clients_expose_nothing_to_each_other() -> None:
    sensor = qualified(Sensor())
    address = address_of((MAPPED[0], 50123))
    other = address_of((MAPPED[0], 50123))
    sensor.see(
        solicitation(NEIGHBOUR, nonce=b"abcdefgh"),
        bubble(NEIGHBOUR, RELAY, address),
        tcp(NEIGHBOUR, CLIENT, other, TEREDO, (5000, 445)),
        tcp(CLIENT, NEIGHBOUR, TEREDO, other, (445, 5000), 0x12, tcp_acknowledgement=1001),
        tcp(NEIGHBOUR, CLIENT, other, TEREDO, (5000, 445), 0x10),
    )
    assert sensor.exposures() == []
    sensor.finish()
    (flow,) = [change.record for change in sensor.changes if change.action == "inner-flow"]
    assert flow.inbound is None  # type: ignore[union-attr]
    assert flow.history == "ShA"  # type: ignore[union-attr]


def test_a_relay_inside_carries_openings_from_outside() -> None:
    sensor = qualified(Sensor())
    relay = (packed("192.168.0.250"), 3545)
    sensor.see(syn()._replace(outer_source=relay[0].ljust(16, b"\0")))
    assert sensor.exposure().port == 8080


def test_an_inside_end_learned_late_turns_the_tunnel_round() -> None:
    """A zone that only tagged frames of the inside end belong to."""
    settings = zones(Zone("vlan7", (network("203.0.113.5/32"),), vlans=frozenset({7})))
    sensor = Sensor(settings)
    ask, answer = handshake(PUBLIC, BROKER)
    sensor.see(ask)
    assert sensor.tunnel().inside is None
    assert sensor.tunnel().client == BROKER
    before = sensor.tunnel().id
    sensor.see(answer._replace(vlan=8))
    assert sensor.tunnel().client == PUBLIC
    assert sensor.tunnel().remote == BROKER
    assert (sensor.tunnel().id, sensor.tunnel().packets) == (before, 2)
    assert sensor.tunnel().inside is not None
    assert sensor.tunnel().scope.both_directions


def test_a_wrong_guess_of_the_client_is_left_for_the_right_one() -> None:
    sensor = Sensor()
    # From outside: neither end's mapping agrees, the sender is taken for the client.
    sensor.see(row(RELAY, MAPPED, inner_source=NATIVE, inner_destination=SITE))
    assert sensor.tunnel().client == RELAY
    sensor.see(solicitation(client=MAPPED))
    sensor.see(row(RELAY, MAPPED, inner_source=NATIVE, inner_destination=TEREDO))
    clients = [tunnel.client for tunnel in sensor.tunnels()]
    assert clients == [RELAY, MAPPED]
    assert sensor.tunnels()[1].packets == 2


def test_the_right_client_is_created_where_it_was_unknown() -> None:
    sensor = Sensor()
    sensor.see(row(RELAY, MAPPED, inner_source=NATIVE, inner_destination=SITE))
    sensor.see(row(RELAY, MAPPED, inner_source=NATIVE, inner_destination=TEREDO))
    assert [tunnel.client for tunnel in sensor.tunnels()] == [RELAY, MAPPED]
    assert sensor.tunnels()[1].inside is not None


def test_the_right_client_met_by_guess_becomes_known() -> None:
    """Two guesses, one for either end: the one that a rule confirms is the tunnel."""
    sensor = Sensor()
    plain = {"inner_source": NATIVE, "inner_destination": SITE}
    sensor.see(row(RELAY, STRANGER, **plain), row(MAPPED, STRANGER, **plain))
    sensor.see(row(RELAY, MAPPED, inner_source=NATIVE, inner_destination=TEREDO))
    known = [tunnel for tunnel in sensor.tunnels() if tunnel.inside is not None]
    assert [tunnel.client for tunnel in known] == [MAPPED]
    assert known[0].packets == 2


# a symmetric NAT, seen from outside: another port for every remote


FOR_RELAY: End = (MAPPED[0], 60000)
PEER: End = (packed("203.0.113.8"), 48017)
PEERS = address_of(PEER)


def handshake_at(far: End, hole: End, remote: bytes) -> list[Observation]:
    """The client's TCP 8080 is opened from ``remote`` through an end of its NAT."""
    return [
        tcp(far, hole, remote, TEREDO, (49138, 8080), SYN),
        tcp(hole, far, TEREDO, remote, (8080, 49138), SYN | ACK, tcp_acknowledgement=1001),
        tcp(far, hole, remote, TEREDO, (49138, 8080), ACK, tcp_sequence=1001),
    ]


def qualified_outside(sensor: Sensor) -> Sensor:
    sensor.see(
        solicitation(client=MAPPED),
        advertisement(client=MAPPED),
        solicitation(client=OTHER_MAPPED, server=SECOND, nonce=NONCE2),
        advertisement(OTHER_MAPPED, SECOND, NONCE2, OTHER_MAPPED),
    )
    return sensor


def test_who_sends_from_the_ipv4_of_its_address_is_the_client() -> None:
    """The server forwards a relay's bubble to one port, the answer leaves from another."""
    sensor = qualified_outside(Sensor())
    sensor.see(
        bubble(SERVER, MAPPED, LINK_LOCAL, TEREDO),
        bubble(FOR_RELAY, RELAY, TEREDO, LINK_LOCAL),
        *handshake_at(RELAY, FOR_RELAY, NATIVE),
    )
    assert [tunnel.client for tunnel in sensor.tunnels()] == [MAPPED, OTHER_MAPPED, FOR_RELAY]
    exposure = sensor.exposure()
    assert exposure.state.text == "answered"
    assert (exposure.client, exposure.mapped) == (FOR_RELAY, FOR_RELAY)
    assert exposure.inside is not None
    assert exposure.inside.ip is None
    assert exposure.remotes == (NATIVE,)


def test_its_packets_to_peers_are_its_own_once_it_was_seen_to_qualify() -> None:
    """And what the peer is asked for is the peer's affair."""
    sensor = qualified_outside(Sensor())
    hole: End = (MAPPED[0], 60001)
    sensor.see(
        bubble(PEER, hole, PEERS, TEREDO),
        bubble(hole, PEER, TEREDO, PEERS),
        *handshake_at(PEER, hole, PEERS),
        tcp(hole, PEER, TEREDO, PEERS, (5000, 443), SYN),
        tcp(PEER, hole, PEERS, TEREDO, (443, 5000), SYN | ACK, tcp_acknowledgement=1001),
    )
    assert [tunnel.client for tunnel in sensor.tunnels()] == [MAPPED, OTHER_MAPPED, hole]
    assert sensor.tunnels()[2].packets == 7
    exposure = sensor.exposure()
    assert (exposure.client, exposure.port) == (hole, 8080)


def test_of_two_teredo_ends_nobody_knows_which_is_inside() -> None:
    sensor = Sensor()
    sensor.see(bubble(FOR_RELAY, PEER, TEREDO, PEERS), *handshake_at(PEER, FOR_RELAY, PEERS))
    assert sensor.tunnel().inside is None
    assert sensor.exposures() == []


def test_of_two_behind_symmetric_nats_it_is_the_one_that_qualified_here() -> None:
    theirs: End = (PEER[0], 50001)
    for told in ([], [row(PEER, STRANGER, inner_source=PEERS)]):
        sensor = Sensor()
        sensor.see(*told)
        qualified_outside(sensor)
        sensor.see(
            bubble(theirs, FOR_RELAY, PEERS, TEREDO), bubble(FOR_RELAY, theirs, TEREDO, PEERS)
        )
        known = [tunnel.client for tunnel in sensor.tunnels() if tunnel.inside is not None]
        assert known[-1] == FOR_RELAY
        assert theirs not in known


def test_what_is_sent_to_some_port_of_the_nat_opens_nothing() -> None:
    """Anybody may name the client's address in a packet to a port that is not its own."""
    sensor = qualified_outside(Sensor())
    sensor.see(bubble(FOR_RELAY, RELAY), *handshake_at(RELAY, FOR_RELAY, NATIVE))
    before = sensor.exposure()
    forged = [
        tcp(STRANGER, (MAPPED[0], 61000 + port), NATIVE2, TEREDO, (40000, 8080), SYN)
        for port in range(3)
    ]
    changes = sensor.see(*forged)
    assert [change.action for change in changes] == ["tunnel-discovered"] * 3
    sensor.finish()
    after = sensor.exposure()
    assert (after.tunnel_id, after.client, after.remotes) == (
        before.tunnel_id, FOR_RELAY, (NATIVE,),
    )  # fmt: skip


def test_a_relays_question_to_a_server_is_no_tunnel() -> None:
    """Neither end is a client; who tries addresses is noted all the same."""
    shown = Shown()
    assert shown.see(bubble(RELAY, SERVER, NATIVE, TEREDO)) == []
    assert len(shown.table.slots) == 0
    assert [host.tries for host in shown.table.hosts()] == [1]


def test_an_end_that_lies_inside_goes_before_a_peer_taken_for_inside() -> None:
    """The most serious exposure: the client's own end against a mapping that a packet names."""
    sensor = Sensor()
    extra: End = (CLIENT[0], 62736)
    sensor.see(bubble(PEER, (MAPPED[0], 62736), PEERS))
    assert sensor.tunnel().client == PEER
    sensor.see(*handshake_at(PEER, extra, PEERS)[:2])
    assert sensor.exposure().client == extra
    inside = sensor.exposure().inside
    assert inside is not None
    assert inside.ip == CLIENT[0]
    assert [tunnel.packets for tunnel in sensor.tunnels()] == [1, 2]
