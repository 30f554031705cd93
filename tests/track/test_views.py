"""Two tunnels that are one behind a NAT with a port for every remote; others: test_scalar.py."""

from __future__ import annotations

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import Vantage
from sensor.wire.addresses import packed
from tests.track.rows import (
    ACK,
    CLIENT,
    MAPPED,
    NATIVE,
    NEIGHBOUR,
    RELAY,
    SYN,
    TEREDO,
    End,
    Sensor,
    address_of,
    advertisement,
    bubble,
    solicitation,
    tcp,
)

INSIDE, OUTSIDE = 0, 1  # captures
HOLE: End = (MAPPED[0], 60000)
EXTRA: End = (CLIENT[0], 62736)
PEER: End = (packed("203.0.113.8"), 48017)
PEERS = address_of(PEER)


def see(sensor: Sensor, inside: Observation, outside: Observation) -> None:
    """A packet from the client: inside first."""
    sensor.see(inside._replace(source=INSIDE), outside._replace(source=OUTSIDE))


def qualified() -> Sensor:
    """Both sides have seen it."""
    sensor = Sensor()
    see(sensor, solicitation(), solicitation(client=MAPPED))
    see(sensor, advertisement(), advertisement(client=MAPPED))
    return sensor


def test_another_mapping_of_the_client_is_one_more_view() -> None:
    sensor = qualified()
    see(sensor, bubble(CLIENT, RELAY), bubble(HOLE, RELAY))
    answer = tcp(RELAY, HOLE, NATIVE, TEREDO, (49138, 8080))
    sensor.see(answer, tcp(RELAY, CLIENT, NATIVE, TEREDO, (49138, 8080)))
    tunnel = sensor.tunnel()
    assert (tunnel.client, tunnel.packets) == (CLIENT, 4)
    assert tunnel.scope.vantage is Vantage.BOTH
    assert len(sensor.table.slots) == 3
    assert sensor.exposure().inside is not None


def test_what_it_says_to_a_peer_is_not_the_peers() -> None:
    """The peer's own address embeds the very end that it speaks from."""
    sensor = qualified()
    sensor.see(bubble(PEER, HOLE, PEERS, TEREDO))
    see(sensor, bubble(CLIENT, PEER, TEREDO, PEERS), bubble(HOLE, PEER, TEREDO, PEERS))
    asked = [tcp(end, PEER, TEREDO, PEERS, (5000, 443)) for end in (CLIENT, HOLE)]
    see(sensor, *asked)
    sensor.see(
        *[
            tcp(PEER, end, PEERS, TEREDO, (443, 5000), SYN | ACK, tcp_acknowledgement=1001)
            for end in (HOLE, CLIENT)
        ]
    )
    open_tunnels = [tunnel.client for tunnel in sensor.tunnels()]
    assert open_tunnels == [CLIENT]
    assert sensor.exposures() == []


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        # from somebody else inside, who may say what the client says
        (bubble(NEIGHBOUR, RELAY), bubble(HOLE, RELAY)),
        # from another public address than the one embedded
        (bubble(CLIENT, RELAY), bubble((packed("203.0.113.3"), 60000), RELAY)),
        # to the NAT: anybody may send a packet to several of its ports
        (bubble(RELAY, CLIENT, NATIVE, TEREDO), bubble(RELAY, HOLE, NATIVE, TEREDO)),
    ],
)
def test_other_packets_show_no_other_mapping(inside: Observation, outside: Observation) -> None:
    sensor = qualified()
    before = len(sensor.tunnels())
    see(sensor, inside, outside)
    assert len(sensor.tunnels()) > before
    assert all(slot.joined is None for slot in list(sensor.table.slots.values())[2:])


def test_a_packet_from_two_ports_of_a_host_joins_neither() -> None:
    """A client that tries a second port sends its bubble from both (RFC 6081 section 5.4)."""
    sensor = qualified()
    say = [bubble(end, PEER, TEREDO, PEERS) for end in (CLIENT, EXTRA, HOLE)]
    sensor.see(*say)
    assert [tunnel.client for tunnel in sensor.tunnels()] == [CLIENT, EXTRA, HOLE]
    see(sensor, *[tcp(end, PEER, TEREDO, PEERS, (5000, 443)) for end in (EXTRA, HOLE)])
    assert [tunnel.client for tunnel in sensor.tunnels()] == [CLIENT, EXTRA]
    extra = sensor.tunnels()[1]
    assert (extra.packets, extra.scope.vantage) == (2, Vantage.BOTH)


def test_neighbours_who_send_the_same_leave_the_first_as_it_is() -> None:
    sensor = qualified()
    sensor.see(*[bubble(end, RELAY) for end in (CLIENT, NEIGHBOUR, HOLE)])
    assert [tunnel.client for tunnel in sensor.tunnels()] == [CLIENT, NEIGHBOUR]
