"""Forged packets of one client's neighbours, peers and strangers, against what is told of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sensor.schema.rows import Observation
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6
from sensor.wire.addresses import packed
from tests.track.rows import (
    ACK,
    CLIENT,
    MAPPED,
    NATIVE,
    NEIGHBOUR,
    NONCE2,
    OTHER_MAPPED,
    RELAY,
    RST,
    SERVER,
    STRANGER,
    SYN,
    TEREDO,
    End,
    Sensor,
    address_of,
    advertisement,
    bubble,
    echo,
    flows,
    row,
    solicitation,
    tcp,
)

INSIDE, OUTSIDE = 0, 1  # captures
HOLE: End = (MAPPED[0], 60000)
OTHER_HOLE: End = (MAPPED[0], 60002)
# Another client behind the same public IPv4 address: its port and its address are its own.
OTHER = address_of(OTHER_MAPPED)


def handshake(
    far: End, end: End, own: bytes = TEREDO, port: int = 8080, remote: bytes = NATIVE
) -> list[Observation]:
    return [
        tcp(far, end, remote, own, (49138, port), SYN),
        tcp(
            end, far, own, remote, (port, 49138), SYN | ACK,
            tcp_sequence=5000, tcp_acknowledgement=1001,
        ),
        tcp(
            far, end, remote, own, (49138, port), ACK,
            tcp_sequence=1001, tcp_acknowledgement=5001,
        ),
    ]  # fmt: skip


def qualified() -> Sensor:
    """From outside: both clients behind one address."""
    sensor = Sensor()
    sensor.see(
        solicitation(client=MAPPED),
        advertisement(client=MAPPED),
        solicitation(client=OTHER_MAPPED, nonce=NONCE2),
        advertisement(OTHER_MAPPED, SERVER, NONCE2, OTHER_MAPPED),
    )
    return sensor


def asked(end: End = MAPPED, own: bytes = TEREDO) -> Observation:
    """A connectivity test; ``own`` is what the sender says that it is."""
    made = echo(end, SERVER, own, NATIVE, icmpv6.ECHO_REQUEST)
    return made._replace(teredo_packet=TeredoPacket.CONNECTIVITY_TEST)


def answered(far: End, end: End, own: bytes = TEREDO) -> Observation:
    return echo(far, end, NATIVE, own, icmpv6.ECHO_REPLY)


def relays(sensor: Sensor) -> dict[End, list[End]]:
    told = {}
    for tunnel in sensor.tunnels():
        assert tunnel.teredo is not None
        client = (tunnel.client.ip, tunnel.client.port)
        told[client] = [(relay.ip, relay.port) for relay in tunnel.teredo.relays]
    return told


# relays, by who answers a connectivity test


@pytest.mark.parametrize("end", [OTHER_MAPPED, OTHER_HOLE, (MAPPED[0], 61000), STRANGER])
def test_the_one_asked_cannot_make_itself_a_relay_at_another_end(end: End) -> None:
    """It has read the test, and answers it to some end that is not the asker's."""
    sensor = qualified()
    sensor.see(bubble(MAPPED, RELAY), bubble(OTHER_MAPPED, RELAY, OTHER))
    sensor.see(bubble(OTHER_HOLE, RELAY, OTHER), asked())
    sensor.see(answered(STRANGER, end), answered(RELAY, MAPPED))
    told = relays(sensor)
    assert told.pop(MAPPED) == [RELAY]
    assert not any(told.values())


def test_a_test_asked_in_anothers_name_makes_nobody_a_relay() -> None:
    sensor = qualified()
    sensor.see(bubble(MAPPED, RELAY), asked(STRANGER), answered(STRANGER, MAPPED))
    assert not any(relays(sensor).values())


def test_each_of_two_clients_behind_one_symmetric_nat_has_its_own_relay() -> None:
    sensor = qualified()
    other_relay: End = (packed("192.0.2.11"), 3545)
    sensor.see(asked(), asked(OTHER_MAPPED, OTHER))
    sensor.see(bubble(HOLE, RELAY), bubble(OTHER_HOLE, other_relay, OTHER))
    sensor.see(answered(other_relay, OTHER_HOLE, OTHER), answered(RELAY, HOLE))
    told = relays(sensor)
    assert (told[HOLE], told[OTHER_HOLE]) == ([RELAY], [other_relay])


# exposures, seen from outside


def test_services_behind_one_address_are_their_own_clients() -> None:
    sensor = qualified()
    sensor.see(bubble(HOLE, RELAY), bubble(OTHER_HOLE, RELAY, OTHER))
    sensor.see(*handshake(RELAY, HOLE), *handshake(RELAY, OTHER_HOLE, OTHER, 22))
    sensor.see(*handshake(RELAY, OTHER_MAPPED, OTHER, 23))
    told = [(found.address, found.port, found.client) for found in sensor.exposures()]
    assert told == [(TEREDO, 8080, HOLE), (OTHER, 22, OTHER_HOLE), (OTHER, 23, OTHER_MAPPED)]


def test_an_opening_before_the_hole_hides_no_service() -> None:
    """Somebody guesses the next port of a NAT; what it repeats there is an opening all the same."""
    sensor = qualified()
    opening = handshake(RELAY, HOLE)[0]
    sensor.see(opening, bubble(HOLE, RELAY), *handshake(RELAY, HOLE))
    sensor.finish()
    exposure = sensor.exposure()
    assert (exposure.state.text, exposure.client) == ("answered", HOLE)
    assert [proof.frame for proof in exposure.evidence] == [7, 8, 9]


def test_an_answer_from_a_new_hole_tells_a_service() -> None:
    sensor = qualified()
    sensor.see(*handshake(RELAY, HOLE))
    sensor.finish()
    exposure = sensor.exposure()
    assert (exposure.state.text, exposure.client) == ("answered", HOLE)
    assert [proof.what for proof in exposure.evidence] == ["SYN-ACK out", "ACK in"]


def test_the_conversation_before_the_hole_is_told_as_nobodys() -> None:
    sensor = qualified()
    sensor.see(handshake(RELAY, HOLE)[0], bubble(HOLE, RELAY))
    sensor.finish()
    (flow,) = flows(sensor.changes)
    assert flow.inbound is None


# which inside host


def from_inside(made: Observation) -> Observation:
    return made._replace(source=INSIDE)


def from_outside(made: Observation) -> Observation:
    return made._replace(source=OUTSIDE)


def test_one_packet_to_two_ports_of_a_nat_names_no_host() -> None:
    """The NAT drops what came for the one client and lets in what came for the other."""
    sensor = Sensor()
    sensor.see(from_outside(bubble(MAPPED, RELAY)))
    sensor.see(from_inside(bubble(NEIGHBOUR, STRANGER, OTHER)))
    sensor.see(from_outside(bubble(OTHER_MAPPED, STRANGER, OTHER)))
    sent = [tcp(STRANGER, end, NATIVE, TEREDO, (40000, 22)) for end in (MAPPED, OTHER_MAPPED)]
    sensor.see(*map(from_outside, sent))
    sensor.see(from_inside(tcp(STRANGER, NEIGHBOUR, NATIVE, TEREDO, (40000, 22))))
    sensor.see(*map(from_outside, handshake(RELAY, MAPPED)))
    assert [tunnel.client for tunnel in sensor.tunnels()] == [MAPPED, NEIGHBOUR]
    exposure = sensor.exposures()[-1]
    assert (exposure.state.text, exposure.port) == ("answered", 8080)
    assert exposure.inside is not None
    assert exposure.inside.ip is None


def test_a_packet_to_its_own_address_still_names_the_host() -> None:
    sensor = Sensor()
    sensor.see(from_inside(bubble(CLIENT, STRANGER)))
    outside, inside = (handshake(RELAY, end)[0] for end in (MAPPED, CLIENT))
    sensor.see(from_outside(outside), from_inside(inside))
    assert [tunnel.client for tunnel in sensor.tunnels()] == [CLIENT]


# setup that anybody can forge, seen from outside without a word about the NAT's addresses


@pytest.mark.parametrize("setup", [advertisement, solicitation], ids=["advertised", "solicited"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_far_end_that_was_made_a_client_hides_no_service(
    setup: Callable[..., Observation], first: bool
) -> None:
    sensor = Sensor()
    forged = setup(client=RELAY, server=(MAPPED[0], 5))
    own = [solicitation(client=MAPPED), advertisement(client=MAPPED)]
    sensor.see(*([forged, *own] if first else [*own, forged]))
    sensor.see(bubble(MAPPED, RELAY), *handshake(RELAY, MAPPED))
    sensor.finish()
    exposure = sensor.exposure()
    assert (exposure.state.text, exposure.client) == ("answered", MAPPED)


def test_a_far_end_that_was_made_a_client_in_mid_life_gives_way() -> None:
    sensor = Sensor()
    sensor.see(advertisement(client=RELAY, server=(MAPPED[0], 5)))
    sensor.see(*handshake(RELAY, MAPPED))
    sensor.finish()
    assert [found.client for found in sensor.exposures()] == [MAPPED]


def test_a_client_that_has_shown_its_address_gives_way_to_no_stranger() -> None:
    sensor = qualified()
    sensor.see(bubble(MAPPED, RELAY))
    strangers = address_of(STRANGER)
    sensor.see(bubble(STRANGER, MAPPED, strangers, NATIVE), *handshake(RELAY, MAPPED))
    sensor.see(*handshake(STRANGER, MAPPED, remote=strangers, port=22))
    sensor.finish()
    told = {(found.port, found.client) for found in sensor.exposures()}
    assert told == {(8080, MAPPED), (22, MAPPED)}


# who answers in the name of whom he asks


@pytest.mark.parametrize("answer", [SYN | ACK, RST | ACK], ids=["answered", "refused"])
def test_nobody_answers_from_outside_for_whom_he_asks(answer: int) -> None:
    sensor = qualified()
    sensor.see(bubble(MAPPED, RELAY))
    asked = handshake(RELAY, MAPPED)[0]
    forged = tcp(
        RELAY, MAPPED, TEREDO, NATIVE, (8080, 49138), answer,
        tcp_sequence=5000, tcp_acknowledgement=1001,
    )  # fmt: skip
    sensor.see(asked, forged)
    sensor.finish()
    assert sensor.exposure().last_state.text in ("attempted", "reply-unseen")
    assert sensor.exposure().state is sensor.exposure().last_state


def test_a_forged_answer_does_not_hide_the_true_one() -> None:
    sensor = qualified()
    sensor.see(bubble(MAPPED, RELAY))
    opening, true, _ = handshake(RELAY, MAPPED)
    forged = tcp(
        STRANGER, MAPPED, TEREDO, NATIVE, (8080, 49138), RST | ACK, tcp_acknowledgement=1001
    )
    sensor.see(opening, forged, true)
    sensor.finish()
    assert sensor.exposure().state.text == "answered"


def test_a_datagram_is_answered_by_who_was_asked_alone() -> None:
    sensor = qualified()
    sensor.see(bubble(MAPPED, RELAY))
    ends = {"inner_transport": 17, "has_transport": 1, "inner_length": 60}
    asked = row(
        RELAY, MAPPED, inner_source=NATIVE, inner_destination=TEREDO,
        inner_source_port=4000, inner_destination_port=53, **ends,
    )  # fmt: skip
    answer = asked._replace(
        inner_source=TEREDO, inner_destination=NATIVE,
        inner_source_port=53, inner_destination_port=4000,
    )  # fmt: skip
    sensor.see(asked, answer)
    assert sensor.exposure().state.text != "answered"
    swapped = answer._replace(
        outer_source=answer.outer_destination, outer_destination=answer.outer_source,
        outer_source_port=answer.outer_destination_port,
        outer_destination_port=answer.outer_source_port,
    )  # fmt: skip
    sensor.see(swapped)
    assert sensor.exposure().state.text == "answered"
