"""MPLS label stacks (RFC 3032)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sensor.errors import DecodeError
from sensor.wire.cursor import Cursor

ETHERTYPE = 0x8847
ETHERTYPE_MULTICAST = 0x8848
MAX_LABELS = 16
LABEL_LENGTH = 4
_BOTTOM = 0x100
_TTL = 64


class Label(NamedTuple):
    """One entry of 4 octets: 20 bits of label, 3 of traffic class, the bottom bit, 8 of TTL."""

    label: int
    traffic_class: int
    bottom: bool
    ttl: int


def parse(cursor: Cursor) -> tuple[Label, ...]:
    """Read a stack down to its bottom; the cursor then stands at what it carries.

    DecodeError if it is cut or has more than MAX_LABELS. Nothing in it says what is carried: the
    first nibble there, 4 or 6, is all there is to go by (RFC 4928).
    """
    labels: list[Label] = []
    while not labels or not labels[-1].bottom:
        if len(labels) == MAX_LABELS:
            raise DecodeError("too many labels", cursor.position)
        labels.append(_parse_label(cursor.u32()))
    return tuple(labels)


def _parse_label(entry: int) -> Label:
    return Label(
        label=entry >> 12,
        traffic_class=entry >> 9 & 7,
        bottom=bool(entry & _BOTTOM),
        ttl=entry & 0xFF,
    )


def build(labels: Iterable[int], payload: bytes) -> bytes:
    """A stack, top label first, and what it carries; ValueError for a stack of no labels."""
    entries = [label << 12 | _TTL for label in labels]
    if not entries:
        raise ValueError("a label stack has at least one label")
    entries[-1] |= _BOTTOM
    return b"".join(entry.to_bytes(4) for entry in entries) + payload
