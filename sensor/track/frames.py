"""What an event needs of a row's frame that the row itself does not hold."""

from __future__ import annotations

from sensor.errors import DecodeError
from sensor.schema.rows import Observation
from sensor.wire.cursor import Cursor
from sensor.wire.icmpv6 import PROTOCOL
from sensor.wire.ipv6 import HEADER_LENGTH, walk_extensions

_NEXT_HEADER_AT = 6
_MESSAGE_HEADER = 4  # type, code, checksum
_MESSAGE_AT = HEADER_LENGTH + _MESSAGE_HEADER


def icmpv6_body(row: Observation, frame: bytes) -> bytes:
    """The body of a row's inner ICMPv6 message, behind whatever extension headers.

    DecodeError if the frame is shorter than when the row was made.
    """
    start = row.inner_offset
    end = min(start + row.inner_length, len(frame))
    if end - start >= _MESSAGE_AT and frame[start + _NEXT_HEADER_AT] == PROTOCOL:
        return frame[start + _MESSAGE_AT : end]  # as nearly always: no extension headers
    next_header = Cursor(frame, start + _NEXT_HEADER_AT, end).u8()
    cursor = Cursor(frame, start + HEADER_LENGTH, end)
    if not walk_extensions(next_header, cursor).complete:
        raise DecodeError("truncated", cursor.position)
    cursor.skip(_MESSAGE_HEADER)
    return cursor.rest()
