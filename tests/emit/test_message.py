"""The sentence of each document, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.emit.message import message
from sensor.schema.records import Endpoint
from sensor.schema.words import ExposureState, Kind, Transport
from tests.emit import factory
from tests.emit.factory import CHANGES, changed


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "tunnel",
            "Teredo tunnel 3f9c21 qualified; inside host 192.168.0.2:41658 in zone lan;"
            " inner address 2001:0:c633:6401:180e:5d45:34ff:8efd;"
            " public endpoint 203.0.113.2:41658; server 198.51.100.1;"
            " other end 192.0.2.10:3545.",
        ),
        (
            "tunnel-6to4",
            "6to4 tunnel a1b2c3 discovered; which end is inside is unknown, one is 203.0.113.2;"
            " other end 192.88.99.1.",
        ),
        (
            "exposure",
            "Service tcp/8080 (http-alt) of inside host 192.168.0.2 answered [2a00:db8::2]:49138"
            " at 2026-11-21T07:02:11Z through Teredo tunnel 3f9c21;"
            " it listens at [2001:0:c633:6401:180e:5d45:34ff:8efd]:8080;"
            " public endpoint 203.0.113.2:41658.",
        ),
        (
            "flow",
            "Inbound tcp conversation from [2a00:db8::2]:49138 to"
            " [2001:0:c633:6401:180e:5d45:34ff:8efd]:8080 through Teredo tunnel 3f9c21;"
            " 11 packets, ended in state SF.",
        ),
        (
            "sensor",
            "30 frames read: 22 tunnelled, 1 mirrored copies, 5 other, 2 unreadable.",
        ),
    ],
)
def test_sentences(name: str, sentence: str) -> None:
    assert message(CHANGES[name]) == sentence


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"inside": factory.HIDDEN, "client": factory.MAPPED},
            "inside host unknown; look up udp 203.0.113.2:41658 at 2026-11-21T07:02:11Z"
            " in the NAT's log",
        ),
        (
            {
                "inside": factory.HIDDEN,
                "client": Endpoint(factory.PUBLIC, 0),
                "tunnel_kind": Kind.SIXINFOUR,
            },
            "look up protocol 41 203.0.113.2 at 2026-11-21T07:02:11Z",
        ),
        (
            {
                "inside": factory.HIDDEN,
                "client": Endpoint(factory.PUBLIC, 0),
                "tunnel_kind": Kind.GRE6,
            },
            "look up gre 203.0.113.2 at",
        ),
        ({"host_basis": "behind-endpoint"}, "of a host behind 192.168.0.2 answered"),
        ({"state": ExposureState.REFUSED}, "of inside host 192.168.0.2 refused [2a00:db8::2]"),
        (
            {"state": ExposureState.ATTEMPTED},
            "was tried by [2a00:db8::2]:49138, no answer so far, at",
        ),
        ({"state": ExposureState.REPLY_UNSEEN}, "whether it answered could not be seen"),
        ({"policy": "denied"}, "IPv4 policy: denied"),
        ({"transport": 58, "port": 0, "service": None}, "Service ipv6-icmp of inside host"),
    ],
)
def test_an_exposure_says(fields: dict[str, Any], words: str) -> None:
    assert words in message(changed("exposure", **fields))


def test_what_ended_says_why() -> None:
    change = changed("tunnel", closed_reason="silent for 5 minutes")
    closed = type(change)("tunnel-closed", change.time, 0, 0, change.record)
    assert message(closed).startswith("Teredo tunnel 3f9c21 closed (silent for 5 minutes);")
    gone = changed("exposure", closed_reason="tunnel closed")
    gone = type(gone)("exposure-closed", gone.time, 0, 0, gone.record)
    assert "; closed: tunnel closed;" in message(gone)


def test_the_key_of_gre_tells_tunnels_apart() -> None:
    change = changed("tunnel-6to4", kind=Kind.GRE6, transport=Transport.GRE, outer_key=5)
    assert message(change).startswith("GRE tunnel a1b2c3 discovered; ")
    assert message(change).endswith("other end 192.88.99.1; GRE key 5.")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.AYIYA, "AYIYA"),
        (Kind.TSP, "TSP"),
        (Kind.L2TP6, "L2TP"),
        (Kind.SIXA44, "6a44"),
        (Kind.SIXBED4, "6bed4"),
        (Kind.IP6_IN_UDP, "IPv6-in-UDP"),
        (Kind.GRE6, "GRE"),
    ],
)
def test_each_kind_has_a_name_in_sentences(kind: Kind, name: str) -> None:
    assert f" through {name} tunnel 3f9c21;" in message(changed("exposure", tunnel_kind=kind))
    assert f" through {name} tunnel 3f9c21;" in message(changed("flow", tunnel_kind=kind))
