"""What is said of a tunnel."""

from __future__ import annotations

import pytest

from sensor.lab.brokers.tunnel import ACCEPT, CREATE, V6UDPV4, V6V4, Agreement, End, Tunnel, parse
from sensor.lab.inner.refusal import Refused
from sensor.wire.addresses import packed
from tests.lab.framing.parties import ALICE, BROKER, PUBLIC, SERVER

AGREED = Agreement(V6UDPV4, ALICE, PUBLIC.ip, BROKER, SERVER.ip, 30)


def test_a_request() -> None:
    wanted = Tunnel(CREATE, V6V4, client=End(PUBLIC.ip))
    assert wanted.build() == (
        b'<tunnel action="create" type="v6v4"><client><address type="ipv4">203.0.113.5</address>'
        b"</client></tunnel>\r\n"
    )
    assert parse(wanted.build()) == wanted


def test_an_offer() -> None:
    offer = AGREED.offer(86_400)
    assert offer.build() == (
        b'<tunnel action="info" type="v6udpv4" lifetime="86400">'
        b'<server><address type="ipv4">192.0.2.1</address>'
        b'<address type="ipv6">2001:db8:1::1</address></server>'
        b'<client><address type="ipv4">203.0.113.5</address>'
        b'<address type="ipv6">2001:db8:1::2</address>'
        b'<keepalive interval="30"><address type="ipv6">2001:db8:1::1</address></keepalive>'
        b"</client></tunnel>\r\n"
    )
    assert parse(offer.build()) == offer
    assert AGREED._replace(keepalive=0).offer(1).keepalive is None


def test_an_acceptance() -> None:
    assert Tunnel(ACCEPT).build() == b'<tunnel action="accept"></tunnel>\r\n'
    assert parse(Tunnel(ACCEPT).build()) == Tunnel(ACCEPT)


def test_the_offer_of_another_implementation() -> None:
    """With what is not needed here: names, a router with its prefix, blanks."""
    found = parse(
        b'<tunnel action="info" type="v6v4" lifetime="1440">\r\n'
        b'  <server>\r\n    <address type="ipv4">192.0.2.114</address>\r\n'
        b'    <address type="ipv6">2001:db8:c18:ffff:0000:0000:0000:0000</address>\r\n  </server>'
        b'  <client><address type="dn">userid.domain</address>'
        b'    <address type="ipv4">192.0.2.1</address>'
        b'    <address type="ipv6">2001:db8:c18:ffff:0000:0000:0000:0001</address>'
        b'    <router><prefix length="56">2001:db8:1234::</prefix></router></client></tunnel>'
    )
    assert found == Tunnel(
        "info",
        V6V4,
        End(packed("192.0.2.114"), packed("2001:db8:c18:ffff::")),
        End(packed("192.0.2.1"), packed("2001:db8:c18:ffff::1")),
        1_440,
    )


@pytest.mark.parametrize(
    "document",
    [
        b"<broker/>",
        b'<tunnel><client><address type="ipv4">203.0.113</address></client></tunnel>',
        b'<tunnel><client><address type="ipv4">2001:db8::1</address></client></tunnel>',
        b'<tunnel><client><address type="ipv6">203.0.113.5</address></client></tunnel>',
        b'<tunnel><server><address type="ipv6">fe80::1%eth0</address></server></tunnel>',
        b'<tunnel lifetime="-1"/>',
        b'<tunnel lifetime="1e9"/>',
        b'<tunnel lifetime="1234567890"/>',
        b'<tunnel><client><keepalive interval=""/></client></tunnel>',
    ],
)
def test_what_makes_no_sense_is_refused(document: bytes) -> None:
    with pytest.raises(Refused, match="bad-tunnel"):
        parse(document)


def test_a_keepalive_need_not_say_how_often() -> None:
    assert parse(b"<tunnel><client><keepalive/></client></tunnel>").keepalive is None
