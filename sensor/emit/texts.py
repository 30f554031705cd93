"""How single values are written, the same in every output."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sensor.emit.visible import visible
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, Transport
from sensor.wire.addresses import text as address_text

_PROTOCOLS = {6: "tcp", 17: "udp", 58: "ipv6-icmp", 59: "none"}
_KIND_NAMES = {
    Kind.TEREDO: "Teredo",
    Kind.ISATAP: "ISATAP",
    Kind.AYIYA: "AYIYA",
    Kind.TSP: "TSP",
    Kind.GRE6: "GRE",
    Kind.L2TP6: "L2TP",
    Kind.IP6_IN_UDP: "IPv6-in-UDP",
}
_CARRIERS = {Transport.IPV6: "protocol 41"}

_DAY = 86_400_000_000_000  # nanoseconds


def time_text(nanoseconds: int) -> str:
    """RFC 3339 in UTC with nanoseconds: 2026-11-21T07:02:11.000000000Z."""
    return f"{_moment(nanoseconds)}.{nanoseconds % 1_000_000_000:09d}Z"


def second_text(nanoseconds: int) -> str:
    """RFC 3339 in UTC cut to the second, for sentences."""
    return f"{_moment(nanoseconds)}Z"


def spaced_text(nanoseconds: int) -> str:
    """As people read it: 2026-11-21 07:02:11Z."""
    return second_text(nanoseconds).replace("T", " ")


def clock_text(nanoseconds: int) -> str:
    """Without the date: 07:02:11Z."""
    return second_text(nanoseconds).partition("T")[2]


def since_text(nanoseconds: int, told: int) -> str:
    """A time after one that was told with its date: the date again only if it is another."""
    same = nanoseconds // _DAY == told // _DAY
    return clock_text(nanoseconds) if same else spaced_text(nanoseconds)


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


def kind_name(kind: Kind) -> str:
    """A kind as sentences name it."""
    return _KIND_NAMES.get(kind, kind.text)


def carrier_name(carrier: Transport) -> str:
    """What to look for in the log of a NAT."""
    return _CARRIERS.get(carrier, carrier.text)


def printable(text: str) -> str:
    """A file name with undecodable octets as text that every JSON reader accepts."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def base_name(path: str) -> str:
    """A file without its folders, on one line."""
    return visible(path.rpartition("/")[2])


def fitted(
    rows: Sequence[tuple[str, ...]], width: int, movable: Sequence[int]
) -> tuple[list[str], list[str]]:
    """Rows behind their heading, aligned, and for each of them a sentence, which may be empty.

    Where they are wider than ``width``, as many columns of ``movable`` as it takes go, the first
    ones first, and the sentences tell what stood there.
    """
    heading, *found = rows
    moved = next(
        (
            movable[:count]
            for count in range(len(movable))
            if _width(rows, movable[:count]) <= width
        ),
        movable,
    )
    sentences = [
        ", ".join(f"{heading[i].lower()} {row[i]}" for i in moved if row[i] != "-") for row in found
    ]
    return aligned([_without(row, moved) for row in rows]), sentences


def _width(rows: Sequence[tuple[str, ...]], columns: Sequence[int]) -> int:
    """How wide they are without these columns."""
    return len(aligned([_without(row, columns) for row in rows])[0])


def _without(row: tuple[str, ...], columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(word for i, word in enumerate(row) if i not in columns)


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines of equal length: words to the left of their columns, the last to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for *words, last in rows:
        left = "  ".join(f"{word:<{width}}" for word, width in zip(words, widths, strict=False))
        lines.append(f" {left}  {last:>{widths[-1]}}")
    return lines
