"""How many bubbles, where to, and with which trailers."""

from __future__ import annotations

from sensor.lab.machine import Datagram
from sensor.lab.teredo.bubbles import ALTERNATES_A_SECOND, ALTERNATES_LIMITED, BUBBLES, Bubbles
from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.ports import Ports
from sensor.lab.teredo.style import MIREDO
from sensor.lab.teredo.trailers import NOTHING, Told, read_trailers
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType, TeredoPacket
from sensor.wire import teredo
from sensor.wire.addresses import TeredoAddress
from tests.lab.teredo.world import LOCAL, PUBLIC, RELAY, link

PEER = TeredoAddress(RELAY.ip, 0, 60_000, bytes([203, 0, 113, 9]), False)
EMBEDDED = Endpoint(PEER.ip, PEER.port)
ITS_SERVER = Endpoint(PEER.server, 3544)
NONCE = b"\xde\xad\xbe\xef"


def ready(made: Link | None = None) -> tuple[Link, Bubbles, Contact]:
    made = made or link()
    return made, Bubbles(made, Ports(made)), Contact(PEER.build(), LOCAL, 0.0)


def told(datagram: Datagram) -> Told:
    assert datagram.packet is TeredoPacket.BUBBLE
    return read_trailers(teredo.parse(datagram.payload).trailers)


def test_a_knock_is_a_direct_and_an_indirect_bubble() -> None:
    made, bubbles, contact = ready()
    bubbles.knock(contact, PEER, 0.0)
    direct, indirect = made.outbox.take_datagrams()
    assert (direct.destination, indirect.destination) == (EMBEDDED, ITS_SERVER)
    assert told(direct) == NOTHING
    assert told(indirect) == Told(contact.nonce_sent, None, (LOCAL,))
    assert contact.nonce_sent is not None


def test_a_certain_cone_needs_no_direct_one() -> None:
    made, bubbles, contact = ready()
    made.nat = NatType.CONE
    bubbles.knock(contact, PEER, 0.0)
    (indirect,) = made.outbox.take_datagrams()
    assert indirect.destination == ITS_SERVER


def test_without_extensions_there_are_no_trailers() -> None:
    made, bubbles, contact = ready(link(MIREDO))
    bubbles.knock(contact, PEER, 0.0)
    contact.nonce_received = NONCE
    bubbles.answer(contact, PEER, Told(NONCE, 1, (RELAY,)), 0.0)
    sent = made.outbox.take_datagrams()
    assert [len(datagram.payload) for datagram in sent] == [40] * 3
    assert {datagram.payload[7] for datagram in sent} == {0}


def test_not_within_two_seconds_of_the_last_transmission() -> None:
    _, bubbles, contact = ready()
    assert bubbles.may(contact, 0.0)
    bubbles.knock(contact, PEER, 10.1)
    assert not bubbles.may(contact, 12.0)
    assert bubbles.may(contact, 12.1)


def test_four_without_an_answer_in_five_minutes() -> None:
    _, bubbles, contact = ready()
    sent = [10.0]
    bubbles.knock(contact, PEER, 10.0)
    for now in range(12, 1_000):
        if bubbles.may(contact, float(now)):
            bubbles.knock(contact, PEER, float(now))
            sent.append(float(now))
    assert sent == [start + after for start in (10, 310, 610, 910) for after in (0, 2, 4, 6)]
    assert bubbles.exhausted(contact, 1_000.0)
    assert contact.bubbles == BUBBLES


def test_an_answer_repeats_the_nonce() -> None:
    made, bubbles, contact = ready()
    contact.nonce_received = NONCE
    bubbles.answer(contact, PEER, Told(NONCE), 0.0)
    (direct,) = made.outbox.take_datagrams()
    assert direct.destination == EMBEDDED
    assert told(direct) == Told(NONCE)


def test_an_answer_goes_to_the_random_port_too() -> None:
    made, bubbles, contact = ready()
    contact.random_port = 55_555
    bubbles.answer(contact, PEER, NOTHING, 0.0)
    ends = [(d.source, d.destination) for d in made.outbox.take_datagrams()]
    assert ends == [(LOCAL, EMBEDDED), (LOCAL, Endpoint(PEER.ip, 55_555))]


def test_behind_a_port_preserving_nat_it_comes_from_the_extra_end() -> None:
    made, bubbles, contact = ready()
    made.nat, made.mapped = NatType.SYMMETRIC, Endpoint(PUBLIC, LOCAL.port)
    bubbles.knock(contact, PEER, 0.0)
    port = told(made.outbox.take_datagrams()[1]).random_port
    assert port is not None
    bubbles.answer(contact, PEER, NOTHING, 1.0)
    ends = [(d.source.port, d.destination) for d in made.outbox.take_datagrams()]
    assert ends == [(LOCAL.port, EMBEDDED), (port, EMBEDDED)]


def test_a_neighbours_alternates_are_answered() -> None:
    made, bubbles, contact = ready()
    neighbour = Endpoint(bytes([192, 168, 0, 3]), 41_000)
    bubbles.answer(contact, PEER._replace(ip=PUBLIC), Told(alternates=(neighbour,)), 0.0)
    assert made.outbox.take_datagrams()[1].destination == neighbour


def test_a_peer_that_is_reached_is_answered_on_the_good_way_only() -> None:
    made, bubbles, contact = ready()
    contact.trusted, contact.heard, contact.mapped = True, 0.0, RELAY
    contact.random_port = 55_555
    bubbles.answer(contact, PEER, NOTHING, 1.0)
    assert [d.destination for d in made.outbox.take_datagrams()] == [EMBEDDED, RELAY]


def test_off_line_nothing_is_sent() -> None:
    made, bubbles, contact = ready()
    made.address = None
    bubbles.knock(contact, PEER, 0.0)
    assert made.outbox.datagrams == []


def test_who_lists_many_ends_cannot_have_a_network_scanned() -> None:
    made, bubbles, _ = ready()
    peer = PEER._replace(ip=PUBLIC)
    listed = tuple(Endpoint(bytes([192, 168, 0, 3]), port) for port in range(1, 5))
    for number in range(100):
        contact = Contact(number.to_bytes(16), LOCAL, 0.0)
        bubbles.answer(contact, peer, Told(alternates=listed), 0.0)
    tried = [d for d in made.outbox.take_datagrams() if d.destination in listed]
    assert len(tried) == ALTERNATES_A_SECOND
    assert made.drops == {ALTERNATES_LIMITED: 400 - ALTERNATES_A_SECOND}


def test_a_peer_that_is_reached_where_its_address_says_is_answered_once() -> None:
    made, bubbles, contact = ready()
    contact.trusted, contact.heard, contact.mapped = True, 0.0, EMBEDDED
    bubbles.answer(contact, PEER, NOTHING, 1.0)
    assert [d.destination for d in made.outbox.take_datagrams()] == [EMBEDDED]
