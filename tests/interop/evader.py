"""Asks a Teredo client for echoes in one disguise after the other, as its peer without a NAT.

``python -m tests.interop.evader ADDRESS`` prints the names of those that were answered.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from random import Random

from sensor.lab.deviants.disguise import Disguise, Passing
from sensor.lab.deviants.evasion import InFront, TrailingJunk, ZeroHops
from sensor.lab.deviants.extensions import (
    ATOMIC_FRAGMENT,
    PADDING,
    ROUTER_ALERT,
    SOURCE_ROUTE,
    Chain,
)
from sensor.lab.network.packet import Label
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import TEREDO_PREFIX, TeredoAddress, packed, parse_teredo, text

from .world import NATIVE, SERVER

OWN = Endpoint(packed(NATIVE), 40_000)
IDENTIFIER = TeredoAddress(packed(SERVER), 0, OWN.port, OWN.ip, legacy=False).identifier
ADDRESS = TEREDO_PREFIX + packed(SERVER) + IDENTIFIER
PATIENCE = 1.0  # seconds for an answer; nothing else uses that network
LONGEST = 2_048

AUTHENTICATION = teredo.build_authentication(b"12345678")
ORIGIN = teredo.build_origin(packed("198.51.100.99"), 40_099)
DISGUISES: dict[str, Disguise] = {
    "plain": Disguise(),
    "authentication": InFront(AUTHENTICATION),
    "origin": InFront(ORIGIN),
    "both": InFront(AUTHENTICATION + ORIGIN),
    "two-authentications": InFront(AUTHENTICATION * 2),
    "two-origins": InFront(ORIGIN * 2),
    "junk": TrailingJunk(Random(1), (130,)),
    "zero-hops": ZeroHops(),
    "hop-by-hop": Chain(ROUTER_ALERT),
    "destination": Chain(PADDING),
    "source-route": Chain(SOURCE_ROUTE),
    "atomic-fragment": Chain(ATOMIC_FRAGMENT),
    "chain": Chain(ROUTER_ALERT, PADDING, SOURCE_ROUTE, ATOMIC_FRAGMENT, PADDING),
}


def answered(peer: bytes) -> Iterator[str]:
    """Which of them bring an echo back."""
    found = parse_teredo(peer)
    assert found is not None, "the client has a Teredo address"
    end = Endpoint(found.ip, found.port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.bind((NATIVE, OWN.port))
        plug.settimeout(PATIENCE)
        for number, (name, disguise) in enumerate(DISGUISES.items()):
            passing = Passing(_request(peer, number), OWN, end, _LABEL)
            plug.sendto(disguise.leaving(passing).payload, (text(end.ip), end.port))
            if _replied(plug, number):
                yield name


_LABEL = Label(Kind.TEREDO, TeredoPacket.DATA, "evader")


def _request(peer: bytes, number: int) -> bytes:
    message = icmpv6.build_echo_request(ADDRESS, peer, icmpv6.Echo(1, number, b"is this received?"))
    return ipv6.build(ADDRESS, peer, icmpv6.PROTOCOL, message)


def _replied(plug: socket.socket, number: int) -> bool:
    """Whether the reply to one request comes, whatever else does."""
    try:
        while True:
            payload = plug.recv(LONGEST)
            reply = payload[ipv6.HEADER_LENGTH :]
            if reply[:1] == bytes([icmpv6.ECHO_REPLY]) and reply[6:8] == number.to_bytes(2):
                return True
    except TimeoutError:
        return False


if __name__ == "__main__":
    print(*answered(packed(sys.argv[1])))
