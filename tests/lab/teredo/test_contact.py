"""What is remembered about a peer."""

from __future__ import annotations

from sensor.lab.teredo.contact import LOCAL_VALID, Contact
from tests.lab.teredo.world import LOCAL, MAPPED, NATIVE, RELAY


def test_a_new_contact_proved_nothing() -> None:
    contact = Contact(NATIVE, LOCAL, 100.0)
    assert not contact.valid(100.0)
    assert not contact.proved(contact.mapped)


def test_ends_that_it_proved_stay_good() -> None:
    contact = Contact(NATIVE, LOCAL, 100.0)
    contact.trusted, contact.mapped, contact.former = True, RELAY, MAPPED
    assert [contact.proved(end) for end in (RELAY, MAPPED, LOCAL)] == [True, True, False]


def test_it_expires_when_told() -> None:
    contact = Contact(NATIVE, LOCAL, 100.0)
    contact.trusted, contact.heard = True, 100.0
    assert contact.valid(101.0)
    contact.expire(101.0)
    assert not contact.valid(101.0)


def test_a_neighbour_is_forgotten_when_discovery_falls_silent() -> None:
    contact = Contact(NATIVE, LOCAL, 100.0)
    assert contact.local_end(100.0) is None
    contact.lan, contact.lan_heard = LOCAL, 100.0
    assert contact.local_end(100.0 + LOCAL_VALID - 1) == LOCAL
    assert contact.local_end(100.0 + LOCAL_VALID) is None
