"""Records and changes of tunnels, and what identifies them."""

from __future__ import annotations

from sensor.schema.records import Embedded, TunnelRecord
from sensor.schema.rows import Observation
from sensor.schema.words import Confidence, Kind, Transport, Vantage
from sensor.track.identity import identity
from sensor.track.settings import TrackSettings
from sensor.track.tunnels import EMBEDDED_LIMIT, Tunnel, family
from sensor.wire import link, teredo
from sensor.wire.addresses import build_isatap, build_sixtofour, packed
from tests.track.rows import (
    BROKER,
    CLIENT,
    MAPPED,
    NATIVE,
    NONCE2,
    OTHER_MAPPED,
    PRIVATE,
    PUBLIC,
    RELAY,
    SECOND,
    SERVER,
    SITE,
    TEREDO,
    Sensor,
    actions,
    address_of,
    advertisement,
    bare,
    bubble,
    datagram,
    direct,
    flows,
    gre,
    latest,
    message,
    named,
    qualified,
    row,
    seconds,
    solicitation,
    syn,
    syn_ack,
)

MAC, ROUTER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def ethernet(packet: bytes, source: bytes, destination: bytes) -> bytes:
    return link.build_ethernet(packet, link.ETHERTYPE_IPV4, source, destination)


BUBBLE = teredo.build_bubble(TEREDO, NATIVE)
ANSWER = teredo.build_bubble(NATIVE, TEREDO)


def mac_of(sensor: Sensor) -> bytes | None:
    inside = sensor.tunnel().inside
    assert inside is not None
    return inside.mac


# the record


def test_a_record_tells_what_was_counted() -> None:
    sensor = qualified(Sensor(TrackSettings(known_servers=frozenset({SERVER[0]}))))
    tunnel = sensor.tunnel()
    assert tunnel.kind is Kind.TEREDO
    assert tunnel.kinds == 1 << Kind.TEREDO
    assert tunnel.transport is Transport.UDP
    assert (tunnel.client, tunnel.remote) == (CLIENT, RELAY)
    assert (tunnel.first_seen, tunnel.last_seen) == (seconds(0), seconds(0.002))
    assert (tunnel.packets, tunnel.bytes) == (3, 300)
    assert tunnel.confidence is Confidence.STRONG
    assert "router-solicitation" in tunnel.reasons
    assert tunnel.parent is None
    assert tunnel.vlan is None
    assert tunnel.embedded == ()
    assert tunnel.closed_reason is None
    assert tunnel.scope.vantage is Vantage.INSIDE
    assert tunnel.scope.both_directions
    assert not tunnel.scope.midstream
    assert tunnel.teredo is not None
    assert tunnel.teredo.server_known
    assert (tunnel.teredo.peers, tunnel.teredo.bubbles) == (2, 1)


def test_the_vlan_is_a_property_and_not_part_of_the_key() -> None:
    tagged, plain = Sensor(), Sensor()
    tagged.see(bubble(CLIENT, RELAY)._replace(vlan=8))
    plain.see(bubble(CLIENT, RELAY))
    assert tagged.tunnel().vlan == 7
    assert tagged.tunnel().id == plain.tunnel().id


def test_protocol_41_has_no_teredo_part() -> None:
    sensor = Sensor()
    sensor.see(direct(row(PRIVATE, BROKER)))
    tunnel = sensor.tunnel()
    assert (tunnel.kind, tunnel.teredo) == (Kind.SIXINFOUR, None)
    assert tunnel.client == PRIVATE
    assert tunnel.key == "ip6-in-ip4/10.0.0.7/192.0.2.4"


def test_its_kinds_are_one_family() -> None:
    assert {family(kind) for kind in (Kind.SIXINFOUR, Kind.ISATAP, Kind.SIXTOFOUR)} == {
        "ip6-in-ip4"
    }
    assert family(Kind.TEREDO) == "teredo"


# identity


def test_the_id_is_made_of_kind_client_and_beginning() -> None:
    sensor = Sensor()
    sensor.see(bubble(CLIENT, RELAY))
    assert sensor.tunnel().id == identity(
        b"teredo",
        bytes([Transport.UDP]),
        b"",
        CLIENT[0].ljust(16, b"\0"),
        CLIENT[1].to_bytes(2),
        seconds(0).to_bytes(16, signed=True),
    )


def test_the_id_of_protocol_41_is_the_same_from_either_end() -> None:
    ids = []
    for made in (row(PUBLIC, BROKER), row(BROKER, PUBLIC)):
        sensor = Sensor()
        sensor.see(direct(made))
        ids.append(sensor.tunnel().id)
    assert ids[0] == ids[1]


def test_the_key_is_the_same_from_either_side_of_the_nat() -> None:
    inside, outside = qualified(Sensor()), Sensor()
    outside.see(solicitation(client=MAPPED), advertisement(client=MAPPED), bubble(MAPPED, RELAY))
    assert inside.tunnel().key == outside.tunnel().key == "teredo/203.0.113.2:41658"
    assert inside.tunnel().id != outside.tunnel().id


def test_inside_of_a_symmetric_nat_the_hole_is_unknown() -> None:
    """Another one for every remote: the one that its address embeds is the server's."""
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack())
    assert sensor.exposure().mapped == MAPPED
    sensor.see(
        solicitation(server=SECOND, nonce=NONCE2),
        advertisement(server=SECOND, nonce=NONCE2, origin=OTHER_MAPPED),
    )
    sensor.finish()
    assert sensor.exposure().mapped is None


def test_ipv6_in_udp_becomes_teredo_and_stays_the_same_tunnel() -> None:
    sensor = Sensor()
    sensor.see(bare(row(CLIENT, RELAY), Confidence.STRONG))
    before = sensor.tunnel()
    assert (before.kind, before.key) == (Kind.IP6_IN_UDP, "ip6-in-udp/192.168.0.2:41658")
    sensor.see(bubble(CLIENT, RELAY))
    after = sensor.tunnel()
    assert (after.kind, after.id) == (Kind.TEREDO, before.id)
    assert after.teredo is not None
    assert after.teredo.mapped == MAPPED


# changes


def test_changes_of_one_frame_are_told_apart() -> None:
    """A frame may tell of an anomaly, a mapping and trailers at once."""
    sensor = Sensor()
    sensor.see(solicitation())
    trailers = (teredo.build_trailer_alternate([(packed("192.168.7.9"), 1)]),)
    payload = teredo.encapsulate(teredo.build_bubble(TEREDO, NATIVE, 0), trailers=trailers)
    changes = sensor.see_frame(datagram(CLIENT, RELAY, payload))
    assert actions(changes) == ["tunnel-updated"] * 3
    assert [change.ordinal for change in changes] == [0, 1, 2]
    assert len({(change.time, change.digest) for change in changes}) == 1


def test_equal_frames_at_one_time_are_told_apart() -> None:
    """Solicitations are the same for all clients; a coarse clock gives them one time."""
    sensor = Sensor()
    first = sensor.see(solicitation(), at=0)
    second = sensor.see(solicitation(nonce=b"abcdefgh"), advertisement(nonce=None), at=0)
    third = sensor.see(advertisement(nonce=b"mismatch"), at=0.001)
    assert [change.ordinal for change in first + second + third] == [0, 0, 1]
    assert actions(second + third) == ["tunnel-updated", "tunnel-updated"]


def test_the_end_tells_what_is_true_of_every_tunnel_and_exposure() -> None:
    sensor = qualified(Sensor())
    sensor.see(syn(), syn_ack(), bubble(CLIENT, RELAY))
    changes = sensor.finish()
    assert actions(changes) == ["inner-flow", "tunnel-updated", "exposure-seen"]
    (tunnel,) = latest(changes, TunnelRecord).values()
    assert tunnel.packets == 6
    assert changes[1].time == seconds(0.005)
    (flow,) = flows(changes)
    assert flow.scope.both_directions


def test_changes_are_taken_once() -> None:
    sensor = qualified(Sensor())
    assert sensor.tracker.take_changes() == []
    assert actions(sensor.changes) == ["tunnel-discovered", "tunnel-qualified"]


def test_a_known_packet_changes_nothing() -> None:
    sensor = qualified(Sensor())
    assert sensor.see(bubble(CLIENT, RELAY), bubble(RELAY, CLIENT, NATIVE, TEREDO)) == []


# the inside host's link address


def test_the_link_address_is_that_of_the_frame_that_found_the_tunnel() -> None:
    sensor = Sensor()
    sensor.see_frame(ethernet(datagram(CLIENT, RELAY, BUBBLE), MAC, ROUTER), link_type=1)
    assert mac_of(sensor) == MAC
    sensor = Sensor()
    sensor.see_frame(ethernet(datagram(RELAY, CLIENT, ANSWER), ROUTER, MAC), link_type=1)
    assert mac_of(sensor) == MAC


def test_there_is_none_where_the_link_has_none() -> None:
    sensor = Sensor()
    sensor.see_frame(datagram(CLIENT, RELAY, BUBBLE))
    assert mac_of(sensor) is None


def test_there_is_none_outside_the_nat() -> None:
    sensor = Sensor()
    sensor.see_frame(ethernet(datagram(MAPPED, RELAY, BUBBLE), MAC, ROUTER), link_type=1)
    assert mac_of(sensor) is None


def test_a_frame_from_outside_the_nat_has_none_of_the_host() -> None:
    """The tunnel is found by the join: by the frame that shows the other side."""
    sensor = Sensor(promotions_per_minute=1)
    sensor.see_frame(ethernet(datagram(MAPPED, RELAY, BUBBLE, 1), ROUTER, ROUTER), link_type=1)
    sensor.see_frame(
        ethernet(datagram(CLIENT, RELAY, teredo.build_bubble(TEREDO, SITE), 2), MAC, ROUTER),
        link_type=1,
        at=9,
    )
    assert sensor.table.unpromoted == 1
    sensor.see_frame(
        ethernet(datagram(MAPPED, RELAY, teredo.build_bubble(TEREDO, SITE), 3), ROUTER, ROUTER),
        link_type=1,
    )
    assert sensor.tunnel().client == CLIENT
    assert mac_of(sensor) is None


# embedded addresses


def six_to_four(source: bytes, destination: bytes = NATIVE) -> Observation:
    return direct(
        row(PUBLIC, BROKER, inner_source=source, inner_destination=destination), Kind.SIXTOFOUR
    )


def test_embedded_addresses_of_the_first_packet_are_told() -> None:
    sensor = Sensor()
    host, router = build_sixtofour(PUBLIC[0]), build_isatap(SITE[:8], BROKER[0])
    sensor.see(six_to_four(host, router))
    assert sensor.tunnel().embedded == (
        Embedded(host, Kind.SIXTOFOUR, PUBLIC[0]),
        Embedded(router, Kind.ISATAP, BROKER[0]),
    )


def test_a_later_packet_of_another_kind_is_told_with_what_it_embeds() -> None:
    sensor = Sensor()
    host = build_sixtofour(PUBLIC[0])
    changes = sensor.see(direct(row(PUBLIC, BROKER)), six_to_four(host), six_to_four(host))
    assert actions(changes) == ["tunnel-discovered", "tunnel-updated"]
    assert sensor.tunnel().embedded == (Embedded(host, Kind.SIXTOFOUR, PUBLIC[0]),)
    assert sensor.tunnel().kinds == 1 << Kind.SIXINFOUR | 1 << Kind.SIXTOFOUR


def test_embedded_addresses_are_bounded() -> None:
    sensor = Sensor()
    sensor.see(six_to_four(build_sixtofour(PUBLIC[0])))
    (tunnel,) = sensor.tracker.tunnels.values()
    for number in range(EMBEDDED_LIMIT + 5):
        tunnel.note_embedded(six_to_four(build_sixtofour(number.to_bytes(4))), ())
    assert len(tunnel.embedded) == EMBEDDED_LIMIT


def test_teredo_embeds_in_its_own_way() -> None:
    sensor = Sensor()
    sensor.see(bubble(CLIENT, RELAY, address_of(OTHER_MAPPED), build_sixtofour(PUBLIC[0])))
    assert sensor.tunnel().embedded == ()


def test_teredo_over_ipv6_has_whole_addresses() -> None:
    server, client = (NATIVE, 3544), (packed("fd00::7"), 1000)
    sensor = Sensor()
    sensor.see(solicitation(client, server), advertisement(client, server))
    tunnel = sensor.tunnel()
    assert (tunnel.client, tunnel.remote) == (client, server)
    assert tunnel.teredo is not None
    assert tunnel.teredo.server == NATIVE
    assert tunnel.inside is not None
    assert tunnel.inside.zone == "inside"


def test_tunnels_in_gre_are_told_apart_by_their_keys() -> None:
    sensor = Sensor()
    made = row(PRIVATE, BROKER)
    sensor.see(gre(made), gre(made, 5), gre(row(BROKER, PRIVATE), 5))
    plain, keyed = sensor.tunnels()
    assert (plain.key, plain.outer_key) == ("gre6/10.0.0.7/192.0.2.4", None)
    assert (keyed.key, keyed.outer_key) == ("gre6/10.0.0.7/192.0.2.4/5", 5)
    assert (plain.packets, keyed.packets) == (1, 2)
    assert keyed.transport is Transport.GRE
    assert keyed.inside is not None
    assert (keyed.client, keyed.remote) == (PRIVATE, BROKER)
    frozen = sensor.table.tunnel(1)
    again = Tunnel(1, frozen._replace(outer_key=6, first=frozen.first))
    assert again.id != keyed.id == Tunnel(1, frozen).id


def test_setup_over_tcp_is_a_tunnel_of_its_client() -> None:
    sensor = Sensor()
    broker = (BROKER[0], 3653)
    for source, destination in ((CLIENT, broker), (broker, CLIENT)):
        sensor.see(message(source, destination, Kind.TSP, outer_transport=Transport.TCP))
    tunnel = sensor.tunnel()
    assert tunnel.key == "tsp/192.168.0.2:41658"
    assert (tunnel.transport, tunnel.client, tunnel.remote) == (Transport.TCP, CLIENT, broker)
    assert tunnel.packets == 2


def test_a_bare_tunnel_takes_the_first_name_that_a_packet_gives_it() -> None:
    sensor = Sensor()
    sensor.see(bare(row(CLIENT, RELAY), Confidence.STRONG))
    assert sensor.tunnel().kind is Kind.IP6_IN_UDP
    told = sensor.see(named(row(CLIENT, RELAY), Kind.AYIYA), named(row(CLIENT, RELAY), Kind.TSP))
    tunnel = sensor.tunnel()
    assert tunnel.kind is Kind.AYIYA
    assert tunnel.kinds == sum(
        1 << kind for kind in (Kind.IP6_IN_UDP, Kind.AYIYA, Kind.TSP, Kind.V6UDPV4)
    )
    assert actions(told) == ["tunnel-updated", "tunnel-updated"]
