"""How a relay and its clients reach each other, and what it refuses either side."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from sensor.lab.inner import errors, refusal
from sensor.lab.inner.packets import MTU
from sensor.lab.machine import Datagram, Machine
from sensor.lab.teredo import peers
from sensor.lab.teredo.peers import VALID
from sensor.lab.teredo.relay import BUBBLE_WAIT, Relay
from sensor.lab.teredo.settings import PeerLimits, RelaySettings
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6, ipv6, teredo, udp
from sensor.wire.addresses import ALL_NODES, packed
from sensor.wire.cursor import Cursor
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    NATIVE,
    NONCE,
    OTHER,
    OTHER_END,
    PRIMARY,
    PRIVATE_END,
    RELAY_END,
    RELAY_LOCAL,
    RELAY_SOURCE,
    address,
    bubble,
    data,
    echo,
    hear,
    less_a_hop,
    payloads,
    relay,
)

HOST = ((NATIVE, 128),)


def nonce_of(sent: Datagram) -> bytes:
    (trailer,) = teredo.parse(sent.payload).trailers
    assert trailer.type == teredo.TRAILER_NONCE
    return trailer.value


def reached(machine: Relay, now: float = 0.0) -> Relay:
    """After a bubble that proves the client's mapping."""
    hear(machine, bubble(CLIENT, RELAY_SOURCE), CLIENT_END, now)
    assert machine.datagrams_to_send() == []
    return machine


def message(packet: bytes) -> icmpv6.Message:
    return icmpv6.parse(Cursor(packet, 40))


def test_it_is_a_machine_with_one_end() -> None:
    machine: Machine = relay()
    machine.start(0.0)
    assert tuple(machine.ends) == (RELAY_END,)
    assert machine.get_timer() is None


def test_a_client_is_asked_through_its_server_and_served_in_order() -> None:
    machine = relay()
    first, second = data(NATIVE, CLIENT, b"first"), data(NATIVE, CLIENT, b"second")
    machine.send_ipv6(first, 0.0)
    machine.send_ipv6(second, 0.5)
    (asked,) = machine.datagrams_to_send()
    assert (asked.source, asked.destination) == (RELAY_END, PRIMARY)
    assert asked.packet == TeredoPacket.BUBBLE
    nonce = teredo.build_trailer_nonce(nonce_of(asked))
    assert asked.payload == bubble(RELAY_SOURCE, CLIENT) + nonce
    hear(machine, bubble(CLIENT, RELAY_SOURCE), CLIENT_END, 1.0)
    assert machine.datagrams_to_send() == [
        Datagram(RELAY_END, CLIENT_END, less_a_hop(packet), TeredoPacket.DATA)
        for packet in (first, second)
    ]
    event = machine.next_event()
    assert event is not None
    assert (event.what, event.address, event.end) == ("peer-reached", CLIENT, CLIENT_END)
    assert event.text == "reached 2001:0:cb00:7101:203e:63bf:34ff:8ef5 at 203.0.113.10:40000"
    assert machine.get_timer() is None
    assert machine.drops == Counter()


def test_behind_a_nat_it_opens_that_by_direct_bubbles_which_carry_no_nonce() -> None:
    machine = relay(direct_bubbles=True)
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    direct, indirect = machine.datagrams_to_send()
    assert (direct.destination, direct.payload) == (CLIENT_END, bubble(RELAY_SOURCE, CLIENT))
    assert indirect.destination == PRIMARY


def test_three_bubbles_then_the_native_side_is_told() -> None:
    machine = relay()
    packet = data(NATIVE, CLIENT)
    machine.send_ipv6(packet, 10.0)
    nonces = [nonce_of(machine.datagrams_to_send()[0])]
    for due in (12.0, 14.0):
        assert machine.get_timer() == due
        machine.handle_timer(due - 0.1)
        assert machine.datagrams_to_send() == []
        machine.handle_timer(due)
        nonces += map(nonce_of, machine.datagrams_to_send())
    assert len(nonces) == 3
    assert len(set(nonces)) == 1
    machine.handle_timer(16.0)
    assert machine.datagrams_to_send() == []
    assert machine.get_timer() is None
    (told,) = machine.ipv6_to_deliver()
    assert (told[8:24], told[24:40]) == (RELAY_SOURCE, NATIVE)
    error = message(told)
    assert (error.type, error.code) == (icmpv6.UNREACHABLE, 3)
    assert icmpv6.quoted(error.body) == less_a_hop(packet)
    assert machine.drops == {refusal.NOT_REACHED: 1}


def test_given_up_is_forgotten_and_may_be_tried_anew() -> None:
    machine = relay()
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    first = nonce_of(machine.datagrams_to_send()[0])
    for now in (2.0, 4.0, 6.0):
        machine.handle_timer(now)
    machine.datagrams_to_send()
    machine.send_ipv6(data(NATIVE, CLIENT), 7.0)
    (asked,) = machine.datagrams_to_send()
    assert nonce_of(asked) != first


def test_unreachable_clients_are_told_of_so_often_and_no_more() -> None:
    machine = relay()
    for port in range(1, 31):
        machine.send_ipv6(data(NATIVE, address(Endpoint(OTHER_END.ip, port))), 0.0)
    for now in (2.0, 4.0, 6.0):
        machine.handle_timer(now)
    assert len(machine.ipv6_to_deliver()) == errors.A_SECOND
    assert machine.drops == {refusal.NOT_REACHED: 30, errors.TOO_MANY: 20}


def test_clients_are_asked_in_the_order_in_which_they_are_due() -> None:
    machine = relay()
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    machine.send_ipv6(data(NATIVE, OTHER), 1.0)
    machine.datagrams_to_send()
    machine.handle_timer(2.5)
    assert [sent.payload[24:40] for sent in machine.datagrams_to_send()] == [CLIENT]
    assert machine.get_timer() == 3.0
    machine.handle_timer(3.0)
    assert [sent.payload[24:40] for sent in machine.datagrams_to_send()] == [OTHER]
    assert machine.get_timer() == 4.5


def test_data_pass_both_ways_with_one_hop_less() -> None:
    machine = reached(relay())
    out, back = data(NATIVE, CLIENT), data(CLIENT, NATIVE)
    machine.send_ipv6(out, 1.0)
    assert payloads(machine.datagrams_to_send()) == [less_a_hop(out)]
    hear(machine, back, CLIENT_END, 1.0)
    assert machine.ipv6_to_deliver() == [less_a_hop(back)]


def test_data_prove_a_client_as_bubbles_do() -> None:
    machine = relay()
    back = data(CLIENT, NATIVE)
    hear(machine, back, CLIENT_END, 0.0)
    assert machine.ipv6_to_deliver() == [less_a_hop(back)]
    machine.send_ipv6(echo(NATIVE, CLIENT, reply=True), 1.0)
    (sent,) = machine.datagrams_to_send()
    assert sent.destination == CLIENT_END


def test_a_client_stays_trusted_for_30_seconds_from_its_last_packet() -> None:
    machine = reached(relay())
    hear(machine, data(CLIENT, NATIVE), CLIENT_END, 20.0)
    machine.send_ipv6(data(NATIVE, CLIENT), 20.0 + VALID - 0.1)
    (sent,) = machine.datagrams_to_send()
    assert sent.packet == TeredoPacket.DATA
    # What the relay itself sends keeps nothing alive.
    machine.send_ipv6(data(NATIVE, CLIENT), 20.0 + VALID)
    (sent,) = machine.datagrams_to_send()
    assert (sent.packet, sent.destination) == (TeredoPacket.BUBBLE, PRIMARY)
    hear(machine, bubble(CLIENT, RELAY_SOURCE), CLIENT_END, 51.0)
    assert payloads(machine.datagrams_to_send()) == [less_a_hop(data(NATIVE, CLIENT))]


def test_bubbles_are_never_handed_on() -> None:
    machine = relay()
    hear(machine, bubble(CLIENT, NATIVE, hop_limit=0), CLIENT_END, 0.0)
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == Counter()


def test_trailers_stay_behind() -> None:
    machine = relay()
    back = data(CLIENT, NATIVE)
    hear(machine, back + teredo.build_trailer_random_port(5) + b"\1", CLIENT_END, 0.0)
    assert machine.ipv6_to_deliver() == [less_a_hop(back)]


def test_a_client_behind_a_symmetric_nat_proves_itself_by_our_nonce() -> None:
    """RFC 6081 section 5.2: its mapping towards us is none that its address could tell."""
    machine = relay()
    packet = data(NATIVE, CLIENT)
    machine.send_ipv6(packet, 0.0)
    (asked,) = machine.datagrams_to_send()
    nonce = teredo.build_trailer_nonce(nonce_of(asked))
    hear(machine, bubble(CLIENT, RELAY_SOURCE, nonce), OTHER_END, 1.0)
    (sent,) = machine.datagrams_to_send()
    assert (sent.destination, sent.payload) == (OTHER_END, less_a_hop(packet))
    back = data(CLIENT, NATIVE)
    hear(machine, back, OTHER_END, 2.0)
    assert machine.ipv6_to_deliver() == [less_a_hop(back)]
    hear(machine, bubble(CLIENT, NATIVE), OTHER_END, 3.0)
    assert machine.drops == Counter()
    # When it was silent too long, the mapping may be anybody's.
    hear(machine, back, OTHER_END, 3.0 + VALID)
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {refusal.MAPPING_DIFFERS: 1}


@pytest.mark.parametrize(
    ("payload", "source"),
    [
        (bubble(CLIENT, RELAY_SOURCE), OTHER_END),
        (bubble(CLIENT, RELAY_SOURCE, teredo.build_trailer_nonce(bytes(4))), OTHER_END),
        (data(CLIENT, NATIVE), OTHER_END),
    ],
    ids=["no nonce", "guessed nonce", "data"],
)
def test_from_elsewhere_nothing_proves_a_client_but_the_nonce(
    payload: bytes, source: Endpoint
) -> None:
    machine = relay()
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    machine.datagrams_to_send()
    hear(machine, payload, source, 1.0)
    assert machine.datagrams_to_send() == []
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {refusal.MAPPING_DIFFERS: 1}


@pytest.mark.parametrize(
    ("destination", "source"),
    [(NATIVE, OTHER_END), (RELAY_SOURCE, PRIVATE_END), (RELAY_SOURCE, RELAY_END)],
    ids=["to another address", "from a private end", "from the relay itself"],
)
def test_even_the_nonce_proves_not_everything(destination: bytes, source: Endpoint) -> None:
    machine = relay()
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    (asked,) = machine.datagrams_to_send()
    nonce = teredo.build_trailer_nonce(nonce_of(asked))
    hear(machine, bubble(CLIENT, destination, nonce), source, 1.0)
    assert machine.datagrams_to_send() == []
    assert machine.drops == {refusal.MAPPING_DIFFERS: 1}


@pytest.mark.parametrize("source", [RELAY_LOCAL, packed("2001:db8:99::1")])
def test_its_own_address_takes_bubbles_whatever_it_serves(source: bytes) -> None:
    machine = relay(source=source, served=((NATIVE, 64),))
    hear(machine, bubble(CLIENT, source), CLIENT_END, 0.0)
    assert machine.drops == Counter()
    hear(machine, data(CLIENT, source), CLIENT_END, 0.0)
    assert machine.drops == {refusal.NOT_SERVED: 1}
    assert machine.ipv6_to_deliver() == []


def test_a_nonce_proves_once() -> None:
    """Who saw it on its way moves no client that has answered."""
    machine = relay()
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    (asked,) = machine.datagrams_to_send()
    nonce = teredo.build_trailer_nonce(nonce_of(asked))
    hear(machine, bubble(CLIENT, RELAY_SOURCE, nonce), CLIENT_END, 1.0)
    hear(machine, bubble(CLIENT, RELAY_SOURCE, nonce), OTHER_END, 1.1)
    assert machine.drops == {refusal.MAPPING_DIFFERS: 1}
    machine.datagrams_to_send()
    machine.send_ipv6(data(NATIVE, CLIENT), 2.0)
    (sent,) = machine.datagrams_to_send()
    assert sent.destination == CLIENT_END


def length_field(packet: bytes, value: int) -> bytes:
    return packet[:4] + value.to_bytes(2) + packet[6:]


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [
        (b"", CLIENT_END, refusal.MALFORMED),
        (data(CLIENT, NATIVE)[:-1], CLIENT_END, refusal.LENGTH),
        (length_field(bubble(CLIENT, NATIVE), 1), CLIENT_END, refusal.LENGTH),
        (teredo.build_origin(*CLIENT_END) + bubble(CLIENT, NATIVE), CLIENT_END, refusal.INDICATOR),
        (teredo.build_authentication(NONCE) + bubble(CLIENT, NATIVE), CLIENT_END,
         refusal.INDICATOR),
        (bubble(CLIENT, NATIVE, b"\x40\0"), CLIENT_END, refusal.TRAILER),
        (bubble(CLIENT, NATIVE, b"\x7f\0"), CLIENT_END, refusal.TRAILER),
        (ipv6.build(CLIENT, NATIVE, 59, b"x"), CLIENT_END, refusal.BUBBLE_WITH_PAYLOAD),
        (data(NATIVE, NATIVE), CLIENT_END, refusal.NOT_TEREDO),
        (data(packed("3ffe:831f::1"), NATIVE), CLIENT_END, refusal.NOT_TEREDO),
        (data(CLIENT, NATIVE), OTHER_END, refusal.MAPPING_DIFFERS),
        (data(CLIENT, NATIVE), Endpoint(CLIENT_END.ip, 40001), refusal.MAPPING_DIFFERS),
        (data(address(PRIVATE_END), NATIVE), PRIVATE_END, refusal.NOT_GLOBAL),
        (data(address(CLIENT_END, bytes(4)), NATIVE), CLIENT_END, refusal.NOT_GLOBAL),
        (data(address(RELAY_END), NATIVE), RELAY_END, refusal.LOOP),
        (data(CLIENT, packed("2a00::1")), CLIENT_END, refusal.NOT_SERVED),
        (data(CLIENT, OTHER), CLIENT_END, refusal.NOT_SERVED),
        (data(CLIENT, ALL_NODES), CLIENT_END, refusal.NOT_SERVED),
        (data(CLIENT, packed("fe80::1")), CLIENT_END, refusal.NOT_SERVED),
        (bubble(CLIENT, packed("2a00::1")), CLIENT_END, refusal.NOT_SERVED),
    ],
)  # fmt: skip
def test_what_it_does_not_take_from_clients(payload: bytes, source: Endpoint, word: str) -> None:
    machine = relay(served=((packed("2001::"), 16),))
    hear(machine, payload, source, 0.0)
    assert machine.ipv6_to_deliver() == []
    assert machine.datagrams_to_send() == []
    assert machine.drops == {word: 1}
    # Nor did it get to know anybody.
    machine.send_ipv6(data(NATIVE, CLIENT), 1.0)
    (sent,) = machine.datagrams_to_send()
    assert sent.packet == TeredoPacket.BUBBLE


def test_the_short_way_of_trusted_clients_checks_the_destination_too() -> None:
    machine = reached(relay(served=((NATIVE, 64),)))
    hear(machine, data(CLIENT, packed("2a00::1")), CLIENT_END, 1.0)
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {refusal.NOT_SERVED: 1}


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (b"", refusal.MALFORMED),
        (data(NATIVE, CLIENT)[:-1], refusal.MALFORMED),
        (data(NATIVE, CLIENT) + b"\0", refusal.MALFORMED),
        (b"\x45" + data(NATIVE, CLIENT)[1:], refusal.MALFORMED),
        (data(OTHER, CLIENT), refusal.NOT_SERVED),
        (data(address(RELAY_END), CLIENT), refusal.NOT_SERVED),
        (data(packed("fe80::1"), CLIENT), refusal.NOT_SERVED),
        (data(ALL_NODES, CLIENT), refusal.NOT_SERVED),
        (data(bytes(16), CLIENT), refusal.NOT_SERVED),
        (data(packed("::ffff:1.2.3.4"), CLIENT), refusal.NOT_SERVED),
        (data(NATIVE, NATIVE), refusal.NOT_TEREDO),
        (data(NATIVE, address(PRIVATE_END)), refusal.NOT_GLOBAL),
        (data(NATIVE, address(Endpoint(OTHER_END.ip, 0))), refusal.NOT_GLOBAL),
        (data(NATIVE, address(CLIENT_END, PRIVATE_END.ip)), refusal.NOT_GLOBAL),
        (data(NATIVE, address(RELAY_END)), refusal.LOOP),
        (data(NATIVE, address(Endpoint(RELAY_END.ip, 53))), refusal.LOOP),
    ],
)
def test_what_it_does_not_take_from_the_native_side(packet: bytes, word: str) -> None:
    machine = relay(served=((bytes(16), 0),))
    machine.send_ipv6(packet, 0.0)
    assert machine.datagrams_to_send() == []
    assert machine.get_timer() is None
    assert machine.drops == {word: 1}


def test_a_relay_on_port_3544_never_asks_itself() -> None:
    machine = relay()
    machine.send_ipv6(data(NATIVE, address(CLIENT_END, RELAY_END.ip)), 0.0)
    (sent,) = machine.datagrams_to_send()  # a server may share its address
    assert sent.destination == Endpoint(RELAY_END.ip, 3544)
    settings = RelaySettings(sent.destination, RELAY_SOURCE, ((bytes(16), 0),))
    machine = Relay(settings, Random(6))
    machine.send_ipv6(data(NATIVE, address(CLIENT_END, RELAY_END.ip)), 0.0)
    assert machine.drops == {refusal.LOOP: 1}


def test_native_packets_longer_than_the_link_takes_are_told_of() -> None:
    machine = reached(relay())
    fitting = data(NATIVE, CLIENT, bytes(MTU - 48))
    machine.send_ipv6(fitting, 1.0)
    assert payloads(machine.datagrams_to_send()) == [less_a_hop(fitting)]
    machine.send_ipv6(data(NATIVE, CLIENT, bytes(MTU - 47)), 1.0)
    (told,) = machine.ipv6_to_deliver()
    error = message(told)
    assert (error.type, int.from_bytes(error.body[:4])) == (icmpv6.TOO_BIG, MTU)
    assert len(told) == MTU
    assert machine.drops == {refusal.TOO_BIG: 1}


def test_packets_at_the_end_of_their_way_are_told_of_on_both_sides() -> None:
    machine = reached(relay())
    machine.send_ipv6(data(NATIVE, CLIENT, hop_limit=1), 1.0)
    (told,) = machine.ipv6_to_deliver()
    assert (message(told).type, told[24:40]) == (icmpv6.TIME_EXCEEDED, NATIVE)
    hear(machine, data(CLIENT, NATIVE, hop_limit=1), CLIENT_END, 1.0)
    (sent,) = machine.datagrams_to_send()
    assert sent.destination == CLIENT_END
    assert (message(sent.payload).type, sent.payload[24:40]) == (icmpv6.TIME_EXCEEDED, CLIENT)
    assert machine.drops == {refusal.HOP_LIMIT: 2}


def test_a_link_local_relay_tells_nobody() -> None:
    machine = relay(source=RELAY_LOCAL)
    machine.send_ipv6(data(NATIVE, CLIENT, hop_limit=1), 1.0)
    hear(machine, data(CLIENT, NATIVE, hop_limit=1), CLIENT_END, 1.0)
    assert machine.ipv6_to_deliver() == []
    assert machine.datagrams_to_send() == []
    assert machine.drops == {refusal.HOP_LIMIT: 2, errors.NO_SOURCE: 2}


def test_the_relay_of_one_host_is_no_hop_on_the_way() -> None:
    machine = relay(source=NATIVE, served=HOST)
    back, out = data(CLIENT, NATIVE, hop_limit=1), data(NATIVE, CLIENT, hop_limit=1)
    hear(machine, back, CLIENT_END, 0.0)
    machine.send_ipv6(out, 0.0)
    assert machine.ipv6_to_deliver() == [back]
    assert payloads(machine.datagrams_to_send()) == [out]
    hear(machine, data(CLIENT, packed("2001:db8::81")), CLIENT_END, 0.0)
    machine.send_ipv6(data(packed("2001:db8::81"), CLIENT), 0.0)
    assert machine.drops == {refusal.NOT_SERVED: 2}


def test_the_relay_of_one_host_takes_a_connectivity_test_and_its_reply() -> None:
    """The test came by server and native network; the reply leaves from the host's own port."""
    machine = relay(source=NATIVE, served=HOST)
    reply = echo(NATIVE, CLIENT, reply=True)
    machine.send_ipv6(reply, 0.0)
    (asked,) = machine.datagrams_to_send()
    assert asked.destination == PRIMARY
    hear(machine, bubble(CLIENT, NATIVE), CLIENT_END, 0.1)
    assert payloads(machine.datagrams_to_send()) == [reply]


def test_the_relay_of_one_host_answers_bubbles_within_their_rate() -> None:
    machine = relay(source=NATIVE, served=HOST)
    nonce = teredo.build_trailer_nonce(b"abcd")
    port = teredo.build_trailer_random_port(5)
    for now in (0.0, 0.5, BUBBLE_WAIT - 0.1, BUBBLE_WAIT):
        hear(machine, bubble(CLIENT, NATIVE, port, nonce), CLIENT_END, now)
    answer = Datagram(RELAY_END, CLIENT_END, bubble(NATIVE, CLIENT, nonce), TeredoPacket.BUBBLE)
    assert machine.datagrams_to_send() == [answer, answer]
    hear(machine, bubble(OTHER, NATIVE), OTHER_END, 3.0)
    assert payloads(machine.datagrams_to_send()) == [bubble(NATIVE, OTHER)]


def test_queues_are_bounded() -> None:
    machine = relay(limits=PeerLimits(queued_packets=2))
    for content in (b"1", b"2", b"3"):
        machine.send_ipv6(data(NATIVE, CLIENT, content), 0.0)
    assert machine.drops == {peers.NO_ROOM: 1}
    machine.datagrams_to_send()
    hear(machine, bubble(CLIENT, RELAY_SOURCE), CLIENT_END, 1.0)
    kept = [less_a_hop(data(NATIVE, CLIENT, content)) for content in (b"1", b"2")]
    assert payloads(machine.datagrams_to_send()) == kept


def test_whoever_makes_it_ask_many_makes_it_remember_few() -> None:
    machine = relay(limits=PeerLimits(peers=4))
    for port in range(1, 11):
        machine.send_ipv6(data(NATIVE, address(Endpoint(OTHER_END.ip, port))), 0.0)
    assert len(machine.datagrams_to_send()) == 10
    assert machine.drops == {peers.EVICTED: 6, peers.QUEUE_LOST: 6}
    machine.handle_timer(2.0)
    # Those that were forgotten are not asked again.
    assert len(machine.datagrams_to_send()) == 4


def test_a_client_in_use_stays_while_strangers_come_and_go() -> None:
    machine = reached(relay(limits=PeerLimits(peers=4)))
    for port in range(1, 11):
        machine.send_ipv6(data(NATIVE, address(Endpoint(OTHER_END.ip, port))), 0.0)
    machine.datagrams_to_send()
    machine.send_ipv6(data(NATIVE, CLIENT), 1.0)
    (sent,) = machine.datagrams_to_send()
    assert sent.destination == CLIENT_END


def test_stopped_it_asks_no_more() -> None:
    machine = relay()
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    machine.stop(1.0)
    assert machine.get_timer() is None
    event = machine.next_event()
    assert event is not None
    assert event.what == "stopped"
    assert machine.next_event() is None


def test_an_error_about_an_error_is_never_told() -> None:
    machine = relay()
    error = icmpv6.build_error(NATIVE, CLIENT, icmpv6.UNREACHABLE, 0, data(CLIENT, NATIVE))
    packet = ipv6.build(NATIVE, CLIENT, icmpv6.PROTOCOL, error, hop_limit=1)
    machine.send_ipv6(packet, 0.0)
    assert machine.ipv6_to_deliver() == []
    assert machine.drops == {refusal.HOP_LIMIT: 1}


def test_what_it_sends_fits_the_smallest_ipv6_link() -> None:
    machine = reached(relay())
    machine.send_ipv6(data(NATIVE, CLIENT, bytes(MTU - 48)), 1.0)
    (sent,) = machine.datagrams_to_send()
    datagram = udp.build(RELAY_END.ip, CLIENT_END.ip, RELAY_END.port, 1, sent.payload)
    assert len(datagram) + 20 == 1308


def test_who_proved_another_mapping_keeps_it_whatever_comes_from_the_embedded_one() -> None:
    """That one is in every packet's address, for any forger to read."""
    machine = relay()
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    (asked,) = machine.datagrams_to_send()
    nonce = teredo.build_trailer_nonce(nonce_of(asked))
    hear(machine, bubble(CLIENT, RELAY_SOURCE, nonce), OTHER_END, 1.0)
    machine.datagrams_to_send()
    for now in (2.0, 12.0, 22.0):
        hear(machine, data(CLIENT, NATIVE), CLIENT_END, now)
        assert machine.get_timer() is None
    machine.send_ipv6(data(NATIVE, CLIENT), 23.0)
    (sent,) = machine.datagrams_to_send()
    assert sent.destination == OTHER_END
    hear(machine, data(CLIENT, NATIVE), OTHER_END, 24.0)
    assert len(machine.ipv6_to_deliver()) == 4
    assert machine.drops == Counter()
    # Forgeries do not keep it alive, and after its silence the embedded mapping is good again.
    hear(machine, data(CLIENT, NATIVE), CLIENT_END, 40.0)
    hear(machine, data(CLIENT, NATIVE), CLIENT_END, 24.0 + VALID)
    machine.send_ipv6(data(NATIVE, CLIENT), 24.0 + VALID)
    assert machine.datagrams_to_send()[-1].destination == CLIENT_END


def test_a_hosts_relay_answers_no_bubble_that_it_asked_for() -> None:
    machine = relay(source=NATIVE, served=HOST)
    machine.send_ipv6(data(NATIVE, CLIENT), 0.0)
    machine.datagrams_to_send()
    hear(machine, bubble(CLIENT, NATIVE), CLIENT_END, 5.0)
    assert payloads(machine.datagrams_to_send()) == [data(NATIVE, CLIENT)]
