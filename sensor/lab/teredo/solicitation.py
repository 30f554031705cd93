"""A router solicitation, and whether an advertisement answers it (RFC 4380 sections 5.2.1, 5.2.2).

Tolerated, since servers in use do so: an authentication header nobody asked for, no MTU option,
garbage in the prefix below bit 64.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.lab.inner.packets import LOCAL_HOP_LIMIT
from sensor.lab.inner.refusal import HOP_LIMIT, Refused
from sensor.lab.teredo.arrival import Arrival
from sensor.lab.teredo.authentication import digest
from sensor.lab.teredo.link import Link
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType
from sensor.wire import addresses, icmpv6, ipv6, teredo

ADVERTISEMENT_SOURCE = "advertisement-source"
ADVERTISEMENT_DESTINATION = "advertisement-destination"
NO_ORIGIN = "no-origin"
ORIGIN_NOT_GLOBAL = "origin-not-global"
NO_AUTHENTICATION = "no-authentication"
NONCE = "nonce"
CONFIRMATION = "confirmation"
DIGEST = "digest"
OPTIONS = "options"
PREFIX_COUNT = "prefix-count"
PREFIX_LENGTH = "prefix-length"
PREFIX = "prefix"
PREFIX_SERVER = "prefix-server"

_PREFIX_BITS = 64
_GOOD_KEY = 0  # the confirmation octet


class Solicitation(NamedTuple):
    """A solicitation as sent; ``cone`` asks for the answer from the server's other address."""

    server: Endpoint
    cone: bool
    source: bytes
    nonce: bytes
    payload: bytes


class Advertised(NamedTuple):
    """What a good advertisement tells: the client's mapping, and the /32 of its address."""

    mapped: Endpoint
    prefix: bytes


def solicit(link: Link, server: Endpoint, cone: bool) -> Solicitation:
    """A solicitation to one of the server's two ends, with a nonce of its own."""
    source = link.link_local(cone)
    options = _mapping_option(link)
    message = icmpv6.build_router_solicitation(source, addresses.ALL_ROUTERS, options)
    packet = ipv6.build(
        source, addresses.ALL_ROUTERS, icmpv6.PROTOCOL, message, hop_limit=LOCAL_HOP_LIMIT
    )
    nonce = link.rng.randbytes(teredo.NONCE_LENGTH)
    payload = _authentication(link, nonce, packet) + packet
    return Solicitation(server, cone, source, nonce, payload)


def _mapping_option(link: Link) -> tuple[icmpv6.Option, ...]:
    if not link.style.tells_mapping or link.mapped is None:
        return ()
    flags = addresses.FLAG_CONE if link.nat is NatType.CONE else 0
    mapped = addresses.TeredoAddress(bytes(4), flags, link.mapped.port, link.mapped.ip, False)
    return (icmpv6.Option(icmpv6.OPTION_SOURCE_LINK_LAYER, bytes(6) + mapped.identifier),)


def _authentication(link: Link, nonce: bytes, packet: bytes) -> bytes:
    settings = link.settings
    if not _authenticated(link):
        return b""
    value = digest(settings.secret, nonce, _GOOD_KEY, b"", packet) if settings.secret else b""
    return teredo.build_authentication(nonce, identifier=settings.identifier, value=value)


def _authenticated(link: Link) -> bool:
    return link.style.authenticates or bool(link.settings.secret)


def check(link: Link, solicitation: Solicitation, arrival: Arrival, body: bytes) -> Advertised:
    """What an advertisement says in answer to a solicitation; Refused with the check it fails.

    ``body`` is that of its ICMPv6 message.
    """
    _check_ends(link, solicitation, arrival)
    if _authenticated(link):
        _check_authentication(link, solicitation, arrival)
    if arrival.origin is None:
        raise Refused(NO_ORIGIN)
    if not addresses.is_global_unicast(arrival.origin.ip) or not arrival.origin.port:
        raise Refused(ORIGIN_NOT_GLOBAL)
    return Advertised(arrival.origin, _check_prefix(link, solicitation, body))


def _check_ends(link: Link, solicitation: Solicitation, arrival: Arrival) -> None:
    # A cone NAT shows in that the server's other address gets through; from the same one the
    # answer proves nothing (RFC 4380 section 5.2.1).
    wrong_end = solicitation.cone and arrival.source != link.second
    if wrong_end or not link.is_server(arrival.source):
        raise Refused(ADVERTISEMENT_SOURCE)
    if arrival.header.destination != solicitation.source:
        raise Refused(ADVERTISEMENT_DESTINATION)
    if arrival.header.hop_limit != LOCAL_HOP_LIMIT:
        raise Refused(HOP_LIMIT)


def _check_authentication(link: Link, solicitation: Solicitation, arrival: Arrival) -> None:
    header, secret = arrival.authentication, link.settings.secret
    if header is None:
        raise Refused(NO_AUTHENTICATION)
    if header.nonce != solicitation.nonce:
        raise Refused(NONCE)
    if secret:
        value = digest(
            secret, header.nonce, header.confirmation, arrival.origin_octets, arrival.packet
        )
        if not hmac.compare_digest(value, header.value):
            raise Refused(DIGEST)
    if header.confirmation != _GOOD_KEY:
        raise Refused(CONFIRMATION)


def _check_prefix(link: Link, solicitation: Solicitation, body: bytes) -> bytes:
    try:
        prefixes = icmpv6.parse_router_advertisement(body).prefixes
    except DecodeError:
        raise Refused(OPTIONS) from None
    if len(prefixes) != 1:
        raise Refused(PREFIX_COUNT)
    if prefixes[0].prefix_length != _PREFIX_BITS:
        raise Refused(PREFIX_LENGTH)
    prefix, server = prefixes[0].prefix[:4], prefixes[0].prefix[4:8]
    legacy = link.style.legacy_prefix and prefix == addresses.LEGACY_TEREDO_PREFIX
    if prefix != addresses.TEREDO_PREFIX and not legacy:
        raise Refused(PREFIX)
    # A server may advertise under the one of its addresses that was asked.
    if server not in (link.server.ip, solicitation.server.ip):
        raise Refused(PREFIX_SERVER)
    return prefix
