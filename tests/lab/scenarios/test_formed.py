"""What an address was formed from is known from who formed it."""

from __future__ import annotations

from sensor.lab.scenarios.formed import Formed
from sensor.schema.words import Kind
from sensor.wire.addresses import build_isatap, build_sixtofour, packed

IP, OTHER = packed("198.18.1.20"), packed("198.18.1.21")


def test_a_note_about_a_prefix_is_one_about_all_under_it() -> None:
    formed = Formed()
    formed.note(build_sixtofour(IP, interface=bytes(8)), Kind.SIXTOFOUR, IP, 48)
    assert formed.of(build_sixtofour(IP, 7)) == [(Kind.SIXTOFOUR, IP)]
    assert formed.of(build_sixtofour(OTHER, 7)) == []


def test_an_address_may_be_formed_twice_and_is_told_once() -> None:
    formed = Formed()
    address = build_isatap(build_sixtofour(IP)[:8], OTHER)
    formed.note(build_sixtofour(IP), Kind.SIXTOFOUR, IP, 48)
    for _ in range(2):
        formed.note(address, Kind.ISATAP, OTHER)
    assert formed.of(address) == [(Kind.SIXTOFOUR, IP), (Kind.ISATAP, OTHER)]
