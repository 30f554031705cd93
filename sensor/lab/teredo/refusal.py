"""Why a server or relay does not take or send something: the words that drops are counted by."""

from __future__ import annotations

from sensor.errors import SensorError

MALFORMED = "malformed"
BAD_CHECKSUM = "bad-checksum"
BUBBLE_WITH_PAYLOAD = "bubble-with-payload"
INDICATOR = "indicator-out-of-place"  # an origin or authentication where none belongs
TRAILER = "trailer-refused"  # its type asks for that (RFC 6081 section 4.1)

NOT_GLOBAL = "ipv4-not-global"
NOT_TEREDO = "not-teredo"
NOT_SERVED = "not-served"
MAPPING_DIFFERS = "mapping-differs"
LOOP = "loop"
HOP_LIMIT = "hop-limit"


class Refused(SensorError):
    """A packet that is not taken or not sent; its text is the word it is counted under."""
