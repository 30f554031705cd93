"""Teredo packets that lie: about who sent them, where from, or what a server said.

All are well formed. What lies is in their addresses, outer or inner, and in origin indications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sensor.lab.inner.packets import LOCAL_HOP_LIMIT
from sensor.lab.machine import Datagram
from sensor.lab.teredo import advertisement
from sensor.lab.teredo.settings import ServerSettings, following
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import ALL_ROUTERS, LINK_LOCAL_PREFIX, TeredoAddress, parse_teredo

if TYPE_CHECKING:
    from random import Random

HOP_LIMIT = 64
# Of 198.18.0.0/15 (RFC 2544) the half in which nobody is.
NOBODYS = bytes([198, 19])
_FIRST_PORT = 1_024
_SOLICITING = LINK_LOCAL_PREFIX + bytes.fromhex("0000ffffffffffff")


class Claim(NamedTuple):
    """Who somebody pretends to be: a Teredo address, and the end that it says it is mapped at."""

    address: bytes
    end: Endpoint


def claim(address: bytes) -> Claim:
    """To be the client with a Teredo address; ValueError if it is none."""
    found = parse_teredo(address)
    if found is None:
        raise ValueError("only a Teredo address says where its client is")
    return Claim(address, Endpoint(found.ip, found.port))


def invented(rng: Random, server: bytes) -> Claim:
    """To be a client of ``server`` that does not exist."""
    end = Endpoint(NOBODYS + rng.randbytes(2), rng.randrange(_FIRST_PORT, 65_536))
    return Claim(TeredoAddress(server, 0, end.port, end.ip, False).build(), end)


def bubble(
    source: Endpoint,
    destination: Endpoint,
    inner: tuple[bytes, bytes],
    *,
    origin: Endpoint | None = None,
    nonce: bytes | None = None,
) -> Datagram:
    """A bubble between two IPv6 addresses; with ``origin`` as a server forwards it."""
    payload = teredo.encapsulate(
        teredo.build_bubble(*inner),
        origin=teredo.build_origin(*origin) if origin else None,
        trailers=[teredo.build_trailer_nonce(nonce)] if nonce else (),
    )
    return Datagram(source, destination, payload, TeredoPacket.BUBBLE)


def echo(source: Endpoint, destination: Endpoint, inner: tuple[bytes, bytes]) -> Datagram:
    """An echo request, which a host that takes it answers."""
    message = icmpv6.build_echo_request(*inner, icmpv6.Echo(0x6D61, 1, b"are you there?"))
    packet = ipv6.build(*inner, icmpv6.PROTOCOL, message, hop_limit=HOP_LIMIT)
    return Datagram(source, destination, packet, TeredoPacket.DATA)


def solicitation(source: Endpoint, server: Endpoint, nonce: bytes) -> Datagram:
    """What makes a server answer to ``source``, whoever that is."""
    message = icmpv6.build_router_solicitation(_SOLICITING, ALL_ROUTERS)
    packet = ipv6.build(
        _SOLICITING, ALL_ROUTERS, icmpv6.PROTOCOL, message, hop_limit=LOCAL_HOP_LIMIT
    )
    payload = teredo.build_authentication(nonce) + packet
    return Datagram(source, server, payload, TeredoPacket.ROUTER_SOLICITATION)


def advertised(
    source: Endpoint,
    destination: Endpoint,
    soliciting: bytes,
    server: bytes,
    origin: Endpoint,
    nonce: bytes | None,
) -> Datagram:
    """An advertisement of the prefix of ``server`` to whose solicitations come from ``soliciting``.

    ``origin`` is where it tells the client to be mapped; ``nonce`` None leaves its header out.
    """
    packet = advertisement.build(ServerSettings(server, following(server)), soliciting)
    payload = teredo.encapsulate(
        packet,
        authentication=teredo.build_authentication(nonce) if nonce else None,
        origin=teredo.build_origin(*origin),
    )
    return Datagram(source, destination, payload, TeredoPacket.ROUTER_ADVERTISEMENT)
