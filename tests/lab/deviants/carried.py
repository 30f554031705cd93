"""Payloads that disguises are tried on."""

from __future__ import annotations

from sensor.lab.deviants.disguise import Passing
from sensor.lab.network.packet import Label
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import ipv6, teredo, udp
from sensor.wire.addresses import packed

ALICE = packed("2001:0:c633:6401:0:1111:34ff:8ef8")
BOB = packed("2001:0:c633:6401:0:2222:34ff:8ef7")
HERE, THERE = Endpoint(packed("198.51.100.7"), 40_001), Endpoint(packed("203.0.113.8"), 40_002)
SERVER = Endpoint(packed("198.51.100.1"), 3_544)
NONCE = bytes.fromhex("1122334455667788")

BUBBLE = teredo.build_bubble(ALICE, BOB)
DATA = ipv6.build(ALICE, BOB, udp.PROTOCOL, udp.build(ALICE, BOB, 1_000, 2_000, b"hello"))
SOLICITATION = teredo.build_authentication(NONCE) + ipv6.build(ALICE, BOB, 58, bytes(8))


def leaving(
    payload: bytes, packet: TeredoPacket = TeredoPacket.DATA, destination: Endpoint = THERE
) -> Passing:
    """What an honest endpoint sends."""
    return Passing(payload, HERE, destination, Label(Kind.TEREDO, packet, "alice"))


def arriving(payload: bytes, source: Endpoint = THERE) -> Passing:
    """What comes from somebody."""
    return Passing(payload, source, HERE)
