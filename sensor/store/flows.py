"""Conversations as narrow rows: no document is kept, it is rendered when read."""

from __future__ import annotations

from typing import Any

from sensor.schema.fields import Context
from sensor.schema.records import Change, Endpoint, FlowRecord, Scope
from sensor.schema.words import ConnectionState, Kind, Transport, Vantage

# Column -> SQL type, in the order of ``flatten``; id, context and created are the store's own.
COLUMNS = {
    "action": "TEXT NOT NULL",
    "time": "INTEGER NOT NULL",
    "digest": "BLOB NOT NULL",
    "ordinal": "INTEGER NOT NULL",
    "tunnel": "TEXT NOT NULL",
    "kind": "INTEGER NOT NULL",
    "source": "BLOB NOT NULL",
    "source_port": "INTEGER NOT NULL",
    "destination": "BLOB NOT NULL",
    "destination_port": "INTEGER NOT NULL",
    "transport": "INTEGER NOT NULL",
    "icmp_type": "INTEGER NOT NULL",
    "icmp_code": "INTEGER NOT NULL",
    "inbound": "INTEGER",
    "state": "INTEGER NOT NULL",
    "history": "TEXT NOT NULL",
    "first_seen": "INTEGER NOT NULL",
    "last_seen": "INTEGER NOT NULL",
    "source_packets": "INTEGER NOT NULL",
    "source_bytes": "INTEGER NOT NULL",
    "destination_packets": "INTEGER NOT NULL",
    "destination_bytes": "INTEGER NOT NULL",
    "outer_transport": "INTEGER NOT NULL",
    "outer_source": "BLOB NOT NULL",
    "outer_source_port": "INTEGER NOT NULL",
    "outer_destination": "BLOB NOT NULL",
    "outer_destination_port": "INTEGER NOT NULL",
    "vantage": "INTEGER NOT NULL",
    "both_directions": "INTEGER NOT NULL",
    "midstream": "INTEGER NOT NULL",
    "loss_percent": "REAL NOT NULL",
}

_DIGEST_SIZE = 8  # SQLite's integers are signed: a digest of 64 bits may not fit


def flatten(change: Change, flow: FlowRecord) -> tuple[Any, ...]:
    """The values of a conversation in the order of ``COLUMNS``."""
    return (
        change.action,
        change.time,
        change.digest.to_bytes(_DIGEST_SIZE),
        change.ordinal,
        flow.tunnel_id,
        int(flow.tunnel_kind),
        *flow.source,
        *flow.destination,
        flow.transport,
        flow.icmp_type,
        flow.icmp_code,
        flow.inbound,
        int(flow.state),
        flow.history,
        flow.first_seen,
        flow.last_seen,
        flow.source_packets,
        flow.source_bytes,
        flow.destination_packets,
        flow.destination_bytes,
        int(flow.outer_transport),
        *flow.outer_source,
        *flow.outer_destination,
        int(flow.scope.vantage),
        flow.scope.both_directions,
        flow.scope.midstream,
        flow.scope.loss_percent,
    )


def restore(values: tuple[Any, ...]) -> Change:
    """The change that ``flatten`` made these values of."""
    row = dict(zip(COLUMNS, values, strict=True))
    digest = int.from_bytes(row["digest"])
    return Change(row["action"], row["time"], digest, row["ordinal"], _flow(row))


def _flow(row: dict[str, Any]) -> FlowRecord:
    inbound = row["inbound"]
    return FlowRecord(
        tunnel_id=row["tunnel"],
        tunnel_kind=Kind(row["kind"]),
        source=_end(row, "source"),
        destination=_end(row, "destination"),
        transport=row["transport"],
        icmp_type=row["icmp_type"],
        icmp_code=row["icmp_code"],
        inbound=None if inbound is None else bool(inbound),
        state=ConnectionState(row["state"]),
        history=row["history"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        source_packets=row["source_packets"],
        source_bytes=row["source_bytes"],
        destination_packets=row["destination_packets"],
        destination_bytes=row["destination_bytes"],
        outer_transport=Transport(row["outer_transport"]),
        outer_source=_end(row, "outer_source"),
        outer_destination=_end(row, "outer_destination"),
        scope=_scope(row),
    )


def _end(row: dict[str, Any], name: str) -> Endpoint:
    return Endpoint(row[name], row[f"{name}_port"])


def _scope(row: dict[str, Any]) -> Scope:
    return Scope(
        Vantage(row["vantage"]),
        bool(row["both_directions"]),
        bool(row["midstream"]),
        row["loss_percent"],
    )


def context_of(values: tuple[Any, ...], created: int) -> Context:
    """The context of a conversation from a row of the table ``context``."""
    observer, interface, namespace, zone = values
    return Context(observer, interface, namespace, created, zone)
