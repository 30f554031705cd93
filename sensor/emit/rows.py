"""One tunnelled frame as the JSON object that `sensor decode --format ndjson` writes.

A key that is absent means that the thing was not there: nothing is written as null, and zero only
where the packet itself says zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sensor.emit.texts import printable, protocol_text, time_text
from sensor.schema.rows import Observation
from sensor.schema.words import (
    PORTED,
    Anomaly,
    Confidence,
    Evidence,
    Kind,
    Layer,
    TeredoPacket,
    Transport,
    kind_texts,
)
from sensor.wire import teredo
from sensor.wire.addresses import (
    SixRdDomain,
    TeredoAddress,
    embeddings,
    parse_teredo,
    text,
)
from sensor.wire.tcp import flags_text

Object = dict[str, Any]

_TCP, _UDP, _ICMPV6 = 6, 17, 58


def row_object(
    capture: str, rows: Sequence[Observation], data: bytes, sixrd: Sequence[SixRdDomain]
) -> Object:
    """The object of one frame.

    ``rows`` are the frame's tunnel layers, outermost first, at least one; ``data`` the octets of
    the frame, where trailers are read again; ``sixrd`` the configured 6rd domains. Time is
    RFC 3339 in UTC with nanoseconds.
    """
    rows = own_layers(rows)
    outermost = rows[0]
    row: Object = {
        "capture": printable(capture),
        "frame": outermost.frame,
        "time": time_text(outermost.time),
        "kind": Kind(outermost.kind).text,
        "kinds": kind_texts(_union(row.kinds for row in rows)),
        "stack": [Layer(code).text for code in outermost.stack[: outermost.stack_length]],
    }
    if outermost.outer_version:
        row["outer"] = _outer(outermost)
    if carried := [layer for layer in rows if layer.inner_length]:
        row["inner"] = _inner(carried[-1])
    layer = next((row for row in rows if row.kind == Kind.TEREDO), None)
    if layer is not None:
        row["teredo"] = _teredo(layer, data)
    if found := [entry for layer in rows for entry in embedded(layer, sixrd)]:
        row["embedded"] = found
    row["confidence"] = Confidence(outermost.confidence).text
    row["reasons"] = Evidence(outermost.reasons).words
    if anomalies := Anomaly(_union(layer.anomalies for layer in rows)):
        row["anomalies"] = sorted(anomalies.words)
    if outermost.quoted:
        row["quoted"] = True
    if outermost.copy_of:
        row["copy_of"] = outermost.copy_of
    return row


def own_layers(rows: Sequence[Observation]) -> Sequence[Observation]:
    """The tunnels of a frame without those that an error quotes inside of them."""
    return [row for row in rows if row.quoted == rows[0].quoted]


def _union(masks: Iterator[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union


def outer_ip(address: bytes, version: int) -> bytes:
    """An outer address without the padding it has in a row."""
    return address if version == 6 else address[:4]


def _outer(row: Observation) -> Object:
    source: Object = {"ip": text(outer_ip(row.outer_source, row.outer_version))}
    destination: Object = {"ip": text(outer_ip(row.outer_destination, row.outer_version))}
    if row.outer_transport in PORTED:
        source["port"] = row.outer_source_port
        destination["port"] = row.outer_destination_port
    outer: Object = {"source": source, "destination": destination}
    if row.outer_transport:
        outer = {"transport": Transport(row.outer_transport).text, **outer}
    if row.outer_key:
        outer["key"] = row.outer_key
    return outer


def has_ports(row: Observation) -> bool:
    """Whether the inner packet has ports that could be read."""
    return bool(row.has_transport) and row.inner_transport in (_TCP, _UDP)


def _inner(row: Observation) -> Object:
    source: Object = {"ip": text(row.inner_source)}
    destination: Object = {"ip": text(row.inner_destination)}
    if has_ports(row):
        source["port"] = row.inner_source_port
        destination["port"] = row.inner_destination_port
    inner: Object = {
        "source": source,
        "destination": destination,
        "transport": protocol_text(row.inner_transport),
        "hop_limit": row.hop_limit,
    }
    if row.has_transport and row.inner_transport == _TCP:
        inner["tcp_flags"] = flags_text(row.tcp_flags)
    if row.has_transport and row.inner_transport == _ICMPV6:
        inner["icmpv6"] = {"type": row.icmp_type, "code": row.icmp_code}
    if row.has_fragment:
        inner["fragment"] = {
            "id": row.fragment_id,
            "offset": row.fragment_offset,
            "more": bool(row.fragment_more),
        }
    return inner


def _teredo(row: Observation, data: bytes) -> Object:
    found: Object = {"packet": TeredoPacket(row.teredo_packet).text}
    if row.has_auth:
        found["auth"] = {
            "nonce": row.nonce.hex(),
            "confirmation": row.auth_confirmation,
            "id_length": row.auth_id_length,
            "auth_length": row.auth_value_length,
        }
    if row.has_origin:
        found["origin"] = {"ip": text(row.origin_ip), "port": row.origin_port}
    if row.trailer_count:
        found["trailers"] = [_trailer(trailer) for trailer in trailers(row, data)]
    for role, address in (("source", row.inner_source), ("destination", row.inner_destination)):
        if decoded := parse_teredo(address):
            found[role] = _teredo_address(decoded)
    return found


def trailers(row: Observation, data: bytes) -> tuple[teredo.Trailer, ...]:
    """The trailers that a row counts, read again from the frame (RFC 6081 section 4.1)."""
    if not row.trailer_count:
        return ()
    # Behind the last of them may stand padding that only looks like more.
    return teredo.parse(data[row.inner_offset :]).trailers[: row.trailer_count]


def _trailer(trailer: teredo.Trailer) -> Object:
    found: Object = {"type": trailer.type, "name": trailer.name}
    if trailer.addresses:
        found["addresses"] = [{"ip": text(ip), "port": port} for ip, port in trailer.addresses]
    elif trailer.port is not None:
        found["port"] = trailer.port
    else:
        found["value"] = trailer.value.hex()
    return found


def _teredo_address(address: TeredoAddress) -> Object:
    return {
        "server": text(address.server),
        "flags": f"0x{address.flags:04x}",
        "cone": address.cone,
        "port": address.port,
        "ip": text(address.ip),
        "legacy": address.legacy,
    }


def embedded(row: Observation, sixrd: Sequence[SixRdDomain]) -> Iterator[Object]:
    """IPv4 addresses found in the inner addresses, one per scheme; 6rd has protocol 41 only."""
    if not row.inner_length:
        return
    over_ipv4 = row.outer_transport == Transport.IPV6 and row.outer_version == 4
    domains = sixrd if over_ipv4 else ()
    ends = (
        ("source", row.inner_source, row.outer_source[:4]),
        ("destination", row.inner_destination, row.outer_destination[:4]),
    )
    for role, address, end in ends:
        for kind, ip in embeddings(address, end, domains):
            yield {"address": text(address), "role": role, "scheme": kind.text, "ip": text(ip)}
