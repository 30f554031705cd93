"""A scanner guesses ports, then flags, and stops when it knows."""

from __future__ import annotations

from sensor.lab.deviants.scanner import FLAGS, GAP, UNHEARD, Scanner, ScannerSettings
from sensor.lab.machine import Datagram, Machine
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import parse_teredo
from tests.lab.teredo.parties import (
    CLIENT_END,
    NATIVE,
    OTHER_END,
    PRIMARY,
    address,
    bubble,
    echo,
)

LOCAL = Endpoint(bytes([192, 0, 2, 130]), 40_000)
PORTS = range(CLIENT_END.port - 2, CLIENT_END.port + 3)
VICTIM = address(CLIENT_END, flags=FLAGS[700])


def make(ports: range = PORTS) -> Scanner:
    return Scanner(ScannerSettings(LOCAL, NATIVE, CLIENT_END.ip, PRIMARY.ip, ports))


def drain(scanner: Scanner, now: float) -> tuple[list[Datagram], float]:
    """All that it guesses until it waits, and when that is."""
    sent = scanner.datagrams_to_send()
    while (due := scanner.get_timer()) is not None:
        now = due
        scanner.handle_timer(now)
        sent += scanner.datagrams_to_send()
    return sent, now


def test_all_twelve_bits_are_tried_and_no_others() -> None:
    assert len(FLAGS) == len(set(FLAGS)) == 4_096
    assert FLAGS[0] == 0
    assert {flags & 0xC300 for flags in FLAGS} == {0}


def test_one_bubble_for_each_port_goes_through_the_server() -> None:
    scanner: Machine = make()
    scanner.start(0.0)
    assert tuple(scanner.ends) == (LOCAL,)
    assert isinstance(scanner, Scanner)
    sent, now = drain(scanner, 0.0)
    assert [datagram.destination for datagram in sent] == [PRIMARY] * len(PORTS)
    assert {datagram.packet for datagram in sent} == {TeredoPacket.BUBBLE}
    named = [parse_teredo(datagram.payload[24:40]) for datagram in sent]
    assert [(found.ip, found.port) for found in named if found] == [
        (CLIENT_END.ip, port) for port in PORTS
    ]
    assert now >= (len(PORTS) - 1) * GAP
    assert scanner.get_timer() is None


def test_who_answers_shows_its_port_and_is_asked_for_its_flags() -> None:
    scanner = make()
    scanner.start(0.0)
    drain(scanner, 0.0)
    scanner.receive_datagram(bubble(VICTIM, NATIVE), CLIENT_END, LOCAL, 1.0)
    assert scanner.end == CLIENT_END
    sent, _ = drain(scanner, 1.0)
    assert [datagram.destination for datagram in sent] == [CLIENT_END] * len(FLAGS)
    guessed = [parse_teredo(datagram.payload[24:40]) for datagram in sent]
    assert tuple(found.flags for found in guessed if found) == FLAGS
    event = scanner.next_event()
    assert event is not None
    assert (event.what, event.end) == ("port-found", CLIENT_END)


def test_a_test_of_the_native_host_shows_the_address_and_ends_the_guessing() -> None:
    scanner = make()
    scanner.start(0.0)
    scanner.receive_datagram(bubble(VICTIM, NATIVE), CLIENT_END, LOCAL, 1.0)
    scanner.next_event()
    scanner.handle_timer(1.0)
    scanner.send_ipv6(echo(VICTIM, NATIVE), 1.1)
    assert scanner.found == VICTIM
    assert scanner.get_timer() is None
    event = scanner.next_event()
    assert event is not None
    assert (event.what, event.address) == ("address-found", VICTIM)


def test_others_are_not_taken_for_the_target() -> None:
    scanner = make()
    scanner.start(0.0)
    scanner.receive_datagram(bubble(VICTIM, NATIVE), OTHER_END, LOCAL, 1.0)
    scanner.send_ipv6(echo(VICTIM, NATIVE), 1.0)  # its port is not known yet
    scanner.receive_datagram(b"", CLIENT_END, LOCAL, 1.0)
    scanner.receive_datagram(b"", Endpoint(CLIENT_END.ip, 7), LOCAL, 1.0)
    scanner.send_ipv6(echo(address(OTHER_END), NATIVE), 1.0)
    scanner.send_ipv6(b"cut", 1.0)
    assert (scanner.end, scanner.found) == (CLIENT_END, None)
    assert scanner.drops == {UNHEARD: 5}


def test_who_is_stopped_guesses_no_more() -> None:
    scanner = make(range(1_000))
    scanner.start(0.0)
    scanner.stop(0.1)
    scanner.handle_timer(5.0)
    assert len(scanner.datagrams_to_send()) == 1
    assert scanner.ipv6_to_deliver() == []
