"""An eavesdropper carries packets both ways under its own prefix, and keeps them."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.deviants import eavesdropper
from sensor.lab.deviants.eavesdropper import READ_AND_FORGOTTEN, Eavesdropper, neutral_prefix
from sensor.lab.teredo.settings import RelaySettings
from sensor.wire import udp
from sensor.wire.addresses import packed
from tests.lab.teredo.parties import (
    CLIENT,
    CLIENT_END,
    INTERNET,
    NATIVE,
    PRIMARY,
    RELAY_END,
    RELAY_SOURCE,
    bubble,
    data,
    less_a_hop,
)

VICTIMS = CLIENT[:8]
SITE = packed("2001:db8:bad::")[:6]


def make() -> Eavesdropper:
    settings = RelaySettings(RELAY_END, RELAY_SOURCE, INTERNET)
    return Eavesdropper(settings, Random(6), victims=VICTIMS, site=SITE)


def disguised(machine: Eavesdropper, address: bytes = CLIENT) -> bytes:
    return machine.prefix + address[8:]


def verifies(packet: bytes) -> bool | None:
    return udp.verify(packet[8:24], packet[24:40], packet[40:])


@pytest.mark.parametrize("site", ["2001:db8:bad::", "2001:db8::", "ffff:ffff:ffff::"])
def test_the_prefix_is_the_sites_and_changes_no_checksum(site: str) -> None:
    prefix = neutral_prefix(packed(site), VICTIMS)
    assert len(prefix) == 8
    assert prefix.startswith(packed(site)[:6])
    packet = data(CLIENT, NATIVE)
    assert verifies(packet)
    assert verifies(packet[:8] + prefix + packet[16:])


def test_what_the_server_hands_over_leaves_in_disguise() -> None:
    machine = make()
    machine.send_ipv6(data(CLIENT, NATIVE), 0.0)
    (left,) = machine.ipv6_to_deliver()
    assert left[8:24] == disguised(machine)
    assert verifies(left)
    assert list(machine.read) == [data(CLIENT, NATIVE)]
    assert machine.datagrams_to_send() == []


def test_the_answer_finds_the_client_by_bubbles_as_with_any_relay() -> None:
    machine = make()
    machine.send_ipv6(data(NATIVE, CLIENT).replace(CLIENT, disguised(machine)), 0.0)
    (asked,) = machine.datagrams_to_send()
    assert asked.destination == PRIMARY
    machine.receive_datagram(bubble(CLIENT, RELAY_SOURCE), CLIENT_END, RELAY_END, 0.1)
    (sent,) = machine.datagrams_to_send()
    assert (sent.destination, sent.payload) == (CLIENT_END, less_a_hop(data(NATIVE, CLIENT)))
    assert list(machine.read) == [data(NATIVE, CLIENT)]


def test_what_the_client_sends_by_tunnel_leaves_in_disguise_too() -> None:
    machine = make()
    machine.receive_datagram(data(CLIENT, NATIVE), CLIENT_END, RELAY_END, 0.0)
    (left,) = machine.ipv6_to_deliver()
    assert left == less_a_hop(data(CLIENT, NATIVE).replace(CLIENT, disguised(machine)))


def test_who_is_no_victim_of_its_server_keeps_his_address() -> None:
    machine = make()
    elsewhere = CLIENT[:4] + bytes([192, 0, 2, 1]) + CLIENT[8:]
    machine.receive_datagram(data(elsewhere, NATIVE), CLIENT_END, RELAY_END, 0.0)
    (left,) = machine.ipv6_to_deliver()
    assert left[8:24] == elsewhere
    machine.send_ipv6(data(NATIVE, NATIVE), 0.0)
    machine.send_ipv6(b"\x60 cut", 0.0)
    assert machine.drops == {"not-teredo": 1, "malformed": 1}
    assert list(machine.read) == []


def test_it_remembers_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eavesdropper, "KEPT", 2)
    machine = make()
    for number in range(3):
        machine.send_ipv6(data(CLIENT, NATIVE, bytes([number])), 0.0)
        machine.ipv6_to_deliver()
    assert [packet[-1] for packet in machine.read] == [1, 2]
    assert machine.drops == {READ_AND_FORGOTTEN: 1}
