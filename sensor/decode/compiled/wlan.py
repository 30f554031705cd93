"""Where the LLC header of an 802.11 frame starts (``sensor.wire.wlan``).

Places in a frame are offsets in the arena; -1 is a header that was cut, -2 one that leads nowhere.
"""

from __future__ import annotations

from sensor.decode.compiled.numbers import (
    MAX_PRESENT,
    RADIOTAP_FLAGS,
    RADIOTAP_LENGTH,
    RADIOTAP_MORE,
    RADIOTAP_TSFT,
    WLAN_LENGTH,
)
from sensor.decode.compiled.octets import Array, Flag, Number, octet
from sensor.jit import inlined

CUT = -1
NOWHERE = -2
_VERSION = 0x0003
_TYPE = 0x000C
_TYPE_DATA = 0x0008
_NO_DATA = 0x0040
_QOS = 0x0080
_TO_DS = 0x0100
_FROM_DS = 0x0200
_MORE_FRAGMENTS = 0x0400
_PROTECTED = 0x4000
_ORDER = 0x8000
_FRAGMENT_NUMBER = 0x000F
_QOS_AMSDU = 0x0080
_REFUSED = _VERSION | _NO_DATA | _MORE_FRAGMENTS | _PROTECTED
_ADDRESS_LENGTH = 6
_QOS_LENGTH = 2
_HT_CONTROL_LENGTH = 4
_SUBFRAME_LENGTH = 14


@inlined
def behind_radiotap(arena: Array, start: Number, end: Number) -> tuple[Number, Number]:
    """Where the 802.11 frame starts, and the Flags field, 0 if there is none."""
    if end - start < RADIOTAP_LENGTH:
        return CUT, 0
    length = _low(arena, start + 2, 2)
    if octet(arena, start) or length < RADIOTAP_LENGTH:
        return NOWHERE, 0
    frame = start + length
    if frame > end:
        return CUT, 0
    at = start + RADIOTAP_LENGTH
    present = fields = _low(arena, at, 4) if frame - at >= 4 else -1
    at += 4
    words = 1
    while present >= 0 and present & RADIOTAP_MORE:
        if words == MAX_PRESENT:
            return NOWHERE, 0
        present = _low(arena, at, 4) if frame - at >= 4 else -1
        at += 4
        words += 1
    if present < 0:
        return CUT, 0
    if not fields & RADIOTAP_FLAGS:
        return frame, 0
    if fields & RADIOTAP_TSFT:
        at += (start - at) % 8 + 8
    return (frame, octet(arena, at)) if at < frame else (CUT, 0)


@inlined
def _low(arena: Array, at: Number, count: Number) -> Number:
    """A little-endian number of ``count`` octets."""
    number = 0
    for i in range(count):
        number |= octet(arena, at + i) << 8 * i
    return number


@inlined
def behind_wlan(arena: Array, start: Number, end: Number, padded: Flag) -> Number:
    """Behind the header of a data frame, of an aggregate behind its first subframe's."""
    if end - start < WLAN_LENGTH:
        return CUT
    control, sequence = _low(arena, start, 2), _low(arena, start + WLAN_LENGTH - 2, 2)
    if control & _REFUSED or control & _TYPE != _TYPE_DATA or sequence & _FRAGMENT_NUMBER:
        return NOWHERE
    at = start + WLAN_LENGTH
    if control & _TO_DS and control & _FROM_DS:
        at += _ADDRESS_LENGTH
    aggregate = False
    if control & _QOS:
        if end - at < _QOS_LENGTH:
            return CUT
        aggregate = _low(arena, at, 2) & _QOS_AMSDU != 0
        at += _QOS_LENGTH
        if control & _ORDER:
            at += _HT_CONTROL_LENGTH
    if padded:
        at += (start - at) % 4
    if aggregate:
        at += _SUBFRAME_LENGTH
    return at if at <= end else CUT
