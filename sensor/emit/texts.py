"""How single values are written, the same in every output."""

from __future__ import annotations

from datetime import UTC, datetime

from sensor.schema.records import Endpoint
from sensor.wire.addresses import text as address_text

_PROTOCOLS = {6: "tcp", 17: "udp", 58: "ipv6-icmp", 59: "none"}


def time_text(nanoseconds: int) -> str:
    """RFC 3339 in UTC with nanoseconds: 2026-11-21T07:02:11.000000000Z."""
    return f"{_moment(nanoseconds)}.{nanoseconds % 1_000_000_000:09d}Z"


def second_text(nanoseconds: int) -> str:
    """RFC 3339 in UTC cut to the second, for sentences."""
    return f"{_moment(nanoseconds)}Z"


def _moment(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


def endpoint_text(endpoint: Endpoint) -> str:
    """192.0.2.1:80, [2001:db8::1]:80, or the bare address where there is no port."""
    ip = address_text(endpoint.ip)
    if not endpoint.port:
        return ip
    return f"[{ip}]:{endpoint.port}" if len(endpoint.ip) == 16 else f"{ip}:{endpoint.port}"


def mac_text(mac: bytes) -> str:
    """Upper-case with hyphens, as ECS asks: 00-00-5E-00-53-23."""
    return mac.hex("-").upper()


def protocol_text(number: int) -> str:
    """An IPv6 next-header number as network.transport; the number itself if it has no name."""
    return _PROTOCOLS.get(number, str(number))


def printable(text: str) -> str:
    """A file name with undecodable octets as text that every JSON reader accepts."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
