"""How 6over4 writes IPv4 addresses into IPv6 ones and into Neighbour Discovery."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import Refused
from sensor.lab.sixinfour.ethernet import (
    address_of,
    advertise_router,
    defend,
    is_at,
    link_layer,
    solicit_neighbour,
    solicit_routers,
    tells,
)
from sensor.lab.sixinfour.refusal import EMBEDDED_DIFFERS
from sensor.wire import icmpv6
from sensor.wire.addresses import packed
from sensor.wire.icmpv6 import RouterAdvertisement
from tests.lab.sixinfour.site import NATIVE, PREFIX, advertisement, discovery, neighbour

IP = packed("10.1.2.3")
LOCAL = packed("fe80::a01:203")
TARGET = packed("fe80::a01:aabb")
OPTION = bytes.fromhex("0101 0000 0a01 0203")


def test_addresses_end_in_the_ipv4_address() -> None:
    assert address_of(PREFIX, IP) == packed("2001:db8:15:a::a01:203")
    assert is_at(LOCAL, IP)
    assert not is_at(packed("fe80::1:a01:203"), IP)
    assert not is_at(TARGET, IP)


def test_who_tells_its_place_must_tell_its_own() -> None:
    options = (link_layer(icmpv6.OPTION_SOURCE_LINK_LAYER, IP),)
    assert options[0].build() == OPTION
    assert tells(options, icmpv6.OPTION_SOURCE_LINK_LAYER, IP)
    assert not tells(options, 2, IP)
    with pytest.raises(Refused, match=EMBEDDED_DIFFERS):
        tells(options, icmpv6.OPTION_SOURCE_LINK_LAYER, packed("10.1.2.4"))


def test_what_it_asks_and_tells() -> None:
    assert solicit_routers(IP) == discovery(LOCAL, packed("ff02::2"), 133, bytes(4) + OPTION)
    everybody = packed("ff02::1")
    said = RouterAdvertisement(64, 0, 9, 0, 0)
    assert advertise_router(IP, everybody, said) == advertisement(
        LOCAL,
        everybody,
        lifetime=9,
        options=(link_layer(icmpv6.OPTION_SOURCE_LINK_LAYER, IP),),
    )
    assert solicit_neighbour(IP, NATIVE, TARGET, known=True) == neighbour(
        NATIVE, TARGET, 135, TARGET, options=OPTION
    )
    assert solicit_neighbour(IP, LOCAL, TARGET, known=False) == neighbour(
        LOCAL, packed("ff02::1:ff01:aabb"), 135, TARGET, options=OPTION
    )
    assert defend(IP, LOCAL, 0x20) == neighbour(
        LOCAL, everybody, 136, LOCAL, 0x20, b"\2" + OPTION[1:]
    )
