"""What a host learns from advertisements, and what it tells about that."""

from __future__ import annotations

from collections import Counter

from sensor.lab.machine import Outbox
from sensor.lab.sixinfour.attachment import Attachment
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed
from sensor.wire.icmpv6 import PrefixInformation, RouterAdvertisement
from tests.lab.sixinfour.site import PREFIX, information

ROUTER = packed("fe80::5efe:10.1.0.1")


def said(*prefixes: PrefixInformation, lifetime: int = 300) -> RouterAdvertisement:
    return RouterAdvertisement(64, 0, lifetime, 0, 0, prefixes)


def words(outbox: Outbox) -> list[str]:
    return [event.what for event in outbox.events]


def make() -> tuple[Attachment, Outbox]:
    outbox = Outbox()
    return Attachment(lambda octets: octets + bytes(8), Counter(), outbox), outbox


def test_router_and_address_are_told_once() -> None:
    attachment, outbox = make()
    for now in (0.0, 1.0):
        attachment.take(ROUTER, said(information(valid=900, preferred=800)), now)
    assert words(outbox) == ["router-found", "address"]
    found, address = outbox.events
    assert found[1:] == ("router 10.1.0.1", ROUTER, Endpoint(packed("10.1.0.1"), 0))
    assert address[1:] == ("address 2001:db8:15:a::", PREFIX + bytes(8), None)
    assert attachment.router == ROUTER
    assert attachment.due == attachment.until == 301.0


def test_each_ends_in_its_time() -> None:
    attachment, outbox = make()
    attachment.take(ROUTER, said(information(valid=900, preferred=800)), 0.0)
    attachment.expire(300.0)
    assert attachment.router is None
    assert attachment.due == 800.0
    assert attachment.until == 900.0
    attachment.expire(900.0)
    assert words(outbox)[2:] == ["router-lost", "address-lost"]
    assert attachment.until == float("inf")
    assert attachment.due is None


def test_a_router_of_no_lifetime_is_none_but_its_prefix_counts() -> None:
    attachment, outbox = make()
    attachment.take(ROUTER, said(information(), lifetime=0), 0.0)
    assert attachment.router is None
    assert attachment.address == PREFIX + bytes(8)
    assert words(outbox) == ["address"]


def test_what_is_on_the_link() -> None:
    attachment, _ = make()
    assert attachment.on_link(packed("fe80::1"))
    assert not attachment.on_link(packed("fe80:1::1"))
    assert not attachment.on_link(PREFIX + bytes(8))
    attachment.take(ROUTER, said(information()), 0.0)
    assert attachment.on_link(PREFIX + bytes(8))
    assert list(attachment.addresses) == [attachment.address]
    attachment.clear()
    assert attachment.address is None
    assert attachment.router is None
