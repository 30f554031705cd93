"""The careless differ from the real ones in what leads back to themselves."""

from __future__ import annotations

from random import Random

from sensor.lab.deviants.loop import CarelessRelay, CarelessRouter
from sensor.lab.inner.refusal import LOOP
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.isatap import isatap_address
from sensor.lab.sixinfour.isatap_router import IsatapRouter
from sensor.lab.sixinfour.settings import IsatapRouterSettings, SixToFourRelaySettings
from sensor.lab.sixinfour.sixtofour import SixToFourRelay
from sensor.wire import ipv6, sixinfour
from sensor.wire.addresses import build_sixtofour, packed

LOCAL, RELAY = packed("192.0.2.1"), packed("192.0.2.2")
PREFIX = packed("2001:db8:1:1::")[:8]
SETTINGS = IsatapRouterSettings(LOCAL, PREFIX)
ROUND = ipv6.build(isatap_address(PREFIX, RELAY), build_sixtofour(LOCAL), 59, b"")


def test_it_passes_on_what_a_real_one_refuses() -> None:
    packet = OuterPacket(RELAY, LOCAL, sixinfour.PROTOCOL, ROUND)
    careless, real = CarelessRouter(SETTINGS, Random(1)), IsatapRouter(SETTINGS, Random(1))
    careless.receive_packet(packet, 0.0)
    real.receive_packet(packet, 0.0)
    assert careless.ipv6_to_deliver() == [ROUND]
    assert (real.ipv6_to_deliver(), real.drops) == ([], {LOOP: 1})


def test_it_checks_all_else() -> None:
    careless = CarelessRouter(SETTINGS, Random(1))
    stranger = OuterPacket(packed("192.0.2.3"), LOCAL, sixinfour.PROTOCOL, ROUND)
    careless.receive_packet(stranger, 0.0)
    assert careless.ipv6_to_deliver() == []
    assert sum(careless.drops.values()) == 1


def test_a_careless_relay_sends_what_a_real_one_refuses() -> None:
    settings = SixToFourRelaySettings(RELAY, ((packed("2001:db8::"), 32),))
    careless, real = CarelessRelay(settings, Random(1)), SixToFourRelay(settings, Random(1))
    for machine in (careless, real):
        machine.send_ipv6(ROUND, 0.0)
    (sent,) = careless.packets_to_send()
    assert (sent.source, sent.destination, sent.payload) == (RELAY, LOCAL, ROUND)
    assert (real.packets_to_send(), real.drops) == ([], {LOOP: 1})
