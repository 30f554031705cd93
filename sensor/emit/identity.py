"""The identity of a document: the same packets give the same, however often they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sensor.schema.records import Change, ExposureRecord, FlowRecord, SensorRecord, TunnelRecord

ID_SIZE = 20


def event_id(change: Change, observer: str) -> str:
    """40 hexadecimal digits for ``event.id``.

    Nothing goes in that a second reading could change: no path, no count of documents, no
    processing time.
    """
    numbers = (change.time, change.digest, change.ordinal)
    parts = (
        observer.encode(errors="surrogateescape"),
        change.action.encode(),
        _subject(change.record),
        *(str(number).encode() for number in numbers),
    )
    return hashlib.sha256(_prefixed(parts)).digest()[:ID_SIZE].hex()


def _prefixed(parts: Iterable[bytes]) -> bytes:
    """Parts with their lengths, so that no two lists of parts give the same octets."""
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def _subject(record: TunnelRecord | ExposureRecord | FlowRecord | SensorRecord) -> bytes:
    match record:
        case FlowRecord():
            return _flow_key(record)
        case SensorRecord():
            return _totals(record)
        case _:
            return record.id.encode()


def _flow_key(flow: FlowRecord) -> bytes:
    ports = (flow.source.port, flow.destination.port, flow.transport, flow.icmp_type)
    numbers = ",".join(map(str, (*ports, flow.icmp_code)))
    parts = (flow.source.ip, flow.destination.ip, numbers.encode(), flow.tunnel_id.encode())
    return _prefixed(parts)


def _totals(ledger: SensorRecord) -> bytes:
    totals = (ledger.read, ledger.tunnelled, ledger.copies, ledger.other, ledger.unreadable)
    counts = (sorted(ledger.kinds.items()), sorted(ledger.reasons.items()))
    return repr((totals, counts)).encode()
