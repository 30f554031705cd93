"""What the decoder says of a frame, in the words of the contract."""

from __future__ import annotations

from typing import NamedTuple

from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import Observation
from sensor.schema.words import (
    Anomaly,
    Confidence,
    Evidence,
    Kind,
    Layer,
    Reason,
    TeredoPacket,
    kind_texts,
)

ETHERNET = 1
DEFAULTS = DecodeSettings()


class Seen(NamedTuple):
    kind: str
    confidence: str
    reasons: str  # words, in the order of their bits
    anomalies: str = ""
    packet: str = "none"


def decode(
    data: bytes,
    link_type: int = ETHERNET,
    wire_length: int | None = None,
    settings: DecodeSettings = DEFAULTS,
) -> tuple[Reason, list[Observation]]:
    wire = len(data) if wire_length is None else wire_length
    return decode_frame(Frame(data, link_type, wire), settings)


def only_row(data: bytes, **options: int) -> Observation:
    """The row of a frame that has exactly one."""
    reason, rows = decode(data, **options)  # type: ignore[arg-type]
    assert len(rows) == 1, reason
    return rows[0]


def seen(row: Observation) -> Seen:
    return Seen(
        Kind(row.kind).text,
        Confidence(row.confidence).text,
        " ".join(Evidence(row.reasons).words),
        " ".join(Anomaly(row.anomalies).words),
        TeredoPacket(row.teredo_packet).text,
    )


def all_seen(data: bytes, **options: int) -> list[Seen]:
    return [seen(row) for row in decode(data, **options)[1]]  # type: ignore[arg-type]


def anomalies(row: Observation) -> list[str]:
    return Anomaly(row.anomalies).words


def kinds(row: Observation) -> list[str]:
    return kind_texts(row.kinds)


def stack(row: Observation) -> str:
    assert not any(row.stack[row.stack_length :])
    return " ".join(Layer(code).text for code in row.stack[: row.stack_length])
