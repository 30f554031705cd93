"""Which alternate addresses are listed, and which are worth a bubble."""

from __future__ import annotations

import pytest

from sensor.lab.teredo.hairpin import alternates, own_alternates
from sensor.lab.teredo.style import MIREDO
from sensor.lab.teredo.trailers import Told
from sensor.schema.records import Endpoint
from sensor.wire.addresses import TeredoAddress, packed
from tests.lab.teredo.world import LOCAL, MAPPED, PUBLIC, RELAY, SERVER, link

NEIGHBOUR = Endpoint(packed("192.168.0.3"), 41_000)


def peer(ip: bytes = PUBLIC) -> TeredoAddress:
    return TeredoAddress(SERVER.ip, 0, 50_001, ip, False)


def test_the_service_end_is_listed_where_the_extension_is_on() -> None:
    assert own_alternates(link()) == (LOCAL,)
    assert own_alternates(link(hairpin=False)) == own_alternates(link(MIREDO)) == ()


def test_a_neighbours_list_is_followed() -> None:
    assert alternates(link(), peer(), Told(alternates=(NEIGHBOUR, LOCAL))) == [NEIGHBOUR]


def test_nobody_else_has_the_client_knock_inside_its_network() -> None:
    assert alternates(link(), peer(RELAY.ip), Told(alternates=(NEIGHBOUR,))) == []
    assert alternates(link(hairpin=False), peer(), Told(alternates=(NEIGHBOUR,))) == []


@pytest.mark.parametrize(
    "ip", ["0.0.0.1", "127.0.0.1", "192.168.0.255", "224.0.0.253", "255.255.255.255"]
)
def test_what_is_no_host_is_left_out(ip: str) -> None:
    listed = (Endpoint(packed(ip), 1), Endpoint(NEIGHBOUR.ip, 0))
    assert alternates(link(), peer(), Told(alternates=listed)) == []


def test_before_there_is_a_mapping_nobody_shares_it() -> None:
    made = link()
    made.mapped = None
    assert alternates(made, peer(MAPPED.ip), Told(alternates=(NEIGHBOUR,))) == []
