"""Pieces that documents of several kinds share; unknown parts are None or empty."""

from __future__ import annotations

from sensor.emit.community import ICMPV6, community_id, community_id_suricata
from sensor.emit.texts import mac_text, protocol_text, time_text
from sensor.schema.fields import Document
from sensor.schema.records import Endpoint, Inside
from sensor.schema.words import Transport
from sensor.wire.addresses import text as ip_text

PROTOCOL_NUMBERS = {Transport.UDP: 17, Transport.IPV6: 41, Transport.GRE: 47, Transport.TCP: 6}
_PORTED = frozenset({6, 17, 132})


def inside_host(inside: Inside | None) -> Document:
    if inside is None:
        return {}
    host = outer_end(Endpoint(inside.ip, inside.port)) if inside.ip else {}
    return {
        **host,
        "mac": mac_text(inside.mac) if inside.mac else None,
        "zone": inside.zone,
        "address": optional_ip(inside.address),
    }


def outer_end(endpoint: Endpoint | None) -> Document:
    """An address and, where the carrier has any, its port."""
    if endpoint is None:
        return {}
    return {"ip": ip_text(endpoint.ip), "port": endpoint.port or None}


def inner_end(endpoint: Endpoint, transport: int) -> Document:
    # Rows keep an echo identifier where ports stand; it is none.
    return outer_end(endpoint if transport in _PORTED else endpoint._replace(port=0))


def inner_network(transport: int) -> Document:
    return {
        "type": "ipv6",
        "transport": protocol_text(transport),
        "iana_number": str(transport),
    }


def inner_identity(transport: int, source: Endpoint, destination: Endpoint) -> str | None:
    """The community ID, unless what it needs was not seen: ports, or the ICMPv6 type."""
    portless = source.port == 0 and destination.port == 0
    if transport == ICMPV6 or (transport in _PORTED and portless):
        return None
    return community_id(transport, source, destination)


def outer_identity(transport: Transport, source: Endpoint, destination: Endpoint) -> str:
    return community_id(PROTOCOL_NUMBERS[transport], source, destination)


def suricata_identity(transport: Transport, source: Endpoint, destination: Endpoint) -> str | None:
    if transport is not Transport.IPV6:
        return None
    return community_id_suricata(PROTOCOL_NUMBERS[transport], source.ip, destination.ip)


def span(first: int, last: int) -> Document:
    return {"start": time_text(first), "end": time_text(last), "duration": last - first}


def optional_time(time: int | None) -> str | None:
    return None if time is None else time_text(time)


def optional_ip(ip: bytes | None) -> str | None:
    return None if ip is None else ip_text(ip)


def optional_text(value: int | None) -> str | None:
    return None if value is None else str(value)
