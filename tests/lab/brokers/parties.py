"""Clients and brokers of the tests, and what they agree on."""

from __future__ import annotations

from random import Random
from typing import Any

from sensor.lab.brokers.ayiya import AyiyaBroker, AyiyaClient
from sensor.lab.brokers.messages import with_length
from sensor.lab.brokers.settings import (
    AyiyaAccount,
    AyiyaBrokerSettings,
    AyiyaClientSettings,
    TspAccount,
    TspBrokerSettings,
    TspClientSettings,
)
from sensor.lab.brokers.tsp import TspBroker, TspClient
from sensor.schema.records import Endpoint
from sensor.wire.addresses import packed
from tests.lab.framing.parties import ALICE, BROKER, INSIDE, SERVER, Pair

EPOCH = 1_795_334_400.0
SECRET = b"alice's"
BOB = packed("2001:db8:2::2")
BOBS_NETWORK = (packed("2001:db8:b0b::"), 48)
ACCOUNTS = (
    AyiyaAccount(ALICE, BROKER, SECRET),
    AyiyaAccount(BOB, packed("2001:db8:2::1"), b"bob's", (BOBS_NETWORK,)),
)

TSP_END = Endpoint(SERVER.ip, 3_653)
PREFIX = packed("2001:db8:5:5::")[:8]
TSP_OWN = PREFIX + (1).to_bytes(8)
CAROL = TspAccount("carol", "secret", packed("2001:db8:5:5::ca"))

BLIND = (  # what a client says over UDP, which needs to hear nothing for it
    b"VERSION=2.0.0\r\n",
    b"AUTHENTICATE ANONYMOUS\r\n",
    with_length(b'<tunnel action="create" type="v6udpv4"/>'),
    with_length(b'<tunnel action="accept"/>'),
)


def ayiya_client(**settings: Any) -> AyiyaClient:
    given: dict[str, Any] = {
        "identity": ALICE,
        "broker_identity": BROKER,
        "secret": SECRET,
        "epoch": EPOCH,
    }
    return AyiyaClient(AyiyaClientSettings(INSIDE, SERVER, **(given | settings)), Random(1))


def ayiya_broker(**settings: Any) -> AyiyaBroker:
    given: dict[str, Any] = {"own": BROKER, "accounts": ACCOUNTS, "epoch": EPOCH}
    return AyiyaBroker(AyiyaBrokerSettings(SERVER, **(given | settings)), Random(2))


def ayiya_pair(**settings: Any) -> Pair:
    pair = Pair(ayiya_client(**settings), ayiya_broker())
    pair.start()
    return pair


def tsp_settings(**settings: Any) -> TspBrokerSettings:
    return TspBrokerSettings(TSP_END, TSP_OWN, PREFIX, **({"accounts": (CAROL,)} | settings))


def tsp_client(**settings: Any) -> TspClient:
    return TspClient(TspClientSettings(INSIDE, TSP_END, **settings), Random(3))


def tsp_broker(**settings: Any) -> TspBroker:
    return TspBroker(tsp_settings(**settings), Random(4))


def tsp_pair(**settings: Any) -> Pair:
    pair = Pair(tsp_client(**settings), tsp_broker())
    pair.start()
    return pair
