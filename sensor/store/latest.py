"""The newest state of each tunnel and exposure, in columns that an analyst asks for."""

from __future__ import annotations

from sensor.schema.records import Endpoint, ExposureRecord, Inside, TunnelRecord
from sensor.wire.addresses import text

# Column -> SQL type, in the order of the functions below; ``time`` is when the state was reported.
TUNNEL_COLUMNS = {
    "id": "TEXT PRIMARY KEY",
    "time": "INTEGER NOT NULL",
    "key": "TEXT NOT NULL",
    "kind": "TEXT NOT NULL",
    "state": "TEXT NOT NULL",
    "confidence": "TEXT NOT NULL",
    "first_seen": "INTEGER NOT NULL",
    "last_seen": "INTEGER NOT NULL",
    "packets": "INTEGER NOT NULL",
    "bytes": "INTEGER NOT NULL",
    "client": "TEXT NOT NULL",
    "client_port": "INTEGER",
    "remote": "TEXT NOT NULL",
    "remote_port": "INTEGER",
    "inside": "TEXT",
    "zone": "TEXT",
    "address": "TEXT",
    "server": "TEXT",
    "mapped": "TEXT",
    "mapped_port": "INTEGER",
    "json": "TEXT NOT NULL",
}
EXPOSURE_COLUMNS = {
    "id": "TEXT PRIMARY KEY",
    "time": "INTEGER NOT NULL",
    "tunnel": "TEXT NOT NULL",
    "kind": "TEXT NOT NULL",
    "state": "TEXT NOT NULL",
    "last_state": "TEXT NOT NULL",
    "first_seen": "INTEGER NOT NULL",
    "last_seen": "INTEGER NOT NULL",
    "address": "TEXT NOT NULL",
    "transport": "INTEGER NOT NULL",
    "port": "INTEGER NOT NULL",
    "service": "TEXT",
    "remote": "TEXT NOT NULL",
    "remotes": "INTEGER NOT NULL",
    "inside": "TEXT",
    "zone": "TEXT",
    "mapped": "TEXT",
    "mapped_port": "INTEGER",
    "closed_reason": "TEXT",
    "json": "TEXT NOT NULL",
}

Value = str | int | None


def tunnel_row(tunnel: TunnelRecord, time: int, json: str) -> tuple[Value, ...]:
    """Values in the order of ``TUNNEL_COLUMNS``."""
    inside = tunnel.inside
    return (
        tunnel.id,
        time,
        tunnel.key,
        tunnel.kind.text,
        tunnel.state,
        tunnel.confidence.text,
        tunnel.first_seen,
        tunnel.last_seen,
        tunnel.packets,
        tunnel.bytes,
        *_end(tunnel.client),
        *_end(tunnel.remote),
        *_host(inside),
        _ip(inside.address if inside else None),
        _ip(tunnel.teredo.server if tunnel.teredo else None),
        *_end(tunnel.teredo.mapped if tunnel.teredo else None),
        json,
    )


def exposure_row(exposure: ExposureRecord, time: int, json: str) -> tuple[Value, ...]:
    """Values in the order of ``EXPOSURE_COLUMNS``."""
    return (
        exposure.id,
        time,
        exposure.tunnel_id,
        exposure.tunnel_kind.text,
        exposure.state.text,
        exposure.last_state.text,
        exposure.first_seen,
        exposure.last_seen,
        text(exposure.address),
        exposure.transport,
        exposure.port,
        exposure.service,
        text(exposure.remote.ip),
        exposure.remotes_count,
        *_host(exposure.inside),
        *_end(exposure.mapped),
        exposure.closed_reason,
        json,
    )


def _host(inside: Inside | None) -> tuple[str | None, str | None]:
    return (_ip(inside.ip), inside.zone) if inside else (None, None)


def _end(endpoint: Endpoint | None) -> tuple[str | None, int | None]:
    return (text(endpoint.ip), endpoint.port or None) if endpoint else (None, None)


def _ip(ip: bytes | None) -> str | None:
    return None if ip is None else text(ip)
