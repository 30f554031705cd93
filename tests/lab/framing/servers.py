"""The endpoints that only frame packets, as the tests set them up."""

from __future__ import annotations

from random import Random
from typing import Any

from sensor.lab.framing.l2tp import L2tpClient, L2tpServer
from sensor.lab.framing.settings import (
    ANYCAST_RELAY,
    FALLBACK_ROUTER,
    L2tpClientSettings,
    L2tpServerSettings,
    SixA44ClientSettings,
    SixA44RelaySettings,
    SixBed4PeerSettings,
    SixBed4RouterSettings,
)
from sensor.lab.framing.sixa44 import SixA44Client, SixA44Relay
from sensor.lab.framing.sixbed4 import SixBed4Peer, SixBed4Router
from sensor.schema.records import Endpoint
from sensor.wire.addresses import (
    LeakingAddress,
    build_sixa44,
    build_sixbed4,
    packed,
)
from tests.lab.framing.parties import ALICE, INSIDE, OTHER, PUBLIC, SERVER

L2TP_END = Endpoint(SERVER.ip, 1_701)
SIXA44_PREFIX = packed("2001:db8:644::")[:6]
SIXBED4_PREFIX = packed("2001:db8:6bed:4::")[:8]
RELAY = ANYCAST_RELAY
ROUTER = FALLBACK_ROUTER


def sixa44_address(end: Endpoint, inside: bytes = INSIDE.ip) -> bytes:
    return build_sixa44(SIXA44_PREFIX, LeakingAddress(end.ip, end.port, inside))


def sixbed4_address(end: Endpoint, number: int = 1) -> bytes:
    return build_sixbed4(SIXBED4_PREFIX, LeakingAddress(end.ip, end.port, number.to_bytes(2)))


SIXA44_CLIENT = sixa44_address(PUBLIC)
SIXA44_OTHER = sixa44_address(OTHER)
SIXBED4_CLIENT = sixbed4_address(PUBLIC)
SIXBED4_OTHER = sixbed4_address(OTHER)


def l2tp_client(**settings: Any) -> L2tpClient:
    return L2tpClient(L2tpClientSettings(INSIDE, L2TP_END, ALICE, **settings), Random(5))


def l2tp_server(**settings: Any) -> L2tpServer:
    return L2tpServer(L2tpServerSettings(L2TP_END, **settings), Random(6))


def sixa44_client(**settings: Any) -> SixA44Client:
    return SixA44Client(SixA44ClientSettings(INSIDE, **settings), Random(7))


def sixa44_relay(**settings: Any) -> SixA44Relay:
    return SixA44Relay(SixA44RelaySettings(SIXA44_PREFIX, **settings), Random(8))


def sixbed4_peer(**settings: Any) -> SixBed4Peer:
    return SixBed4Peer(SixBed4PeerSettings(INSIDE, **settings), Random(9))


def sixbed4_router(**settings: Any) -> SixBed4Router:
    return SixBed4Router(SixBed4RouterSettings(SIXBED4_PREFIX, **settings), Random(10))
