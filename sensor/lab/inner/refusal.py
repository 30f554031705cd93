"""Why an endpoint does not take or send something: the words that more than one counts by."""

from __future__ import annotations

from sensor.errors import SensorError

MALFORMED = "malformed"
LENGTH = "length"  # an IPv6 packet that claims more octets than there are
BAD_CHECKSUM = "bad-checksum"
BUBBLE_WITH_PAYLOAD = "bubble-with-payload"
INDICATOR = "indicator-out-of-place"  # an origin or authentication where none belongs
TRAILER = "unknown-trailer"  # whose type forbids to take the packet (RFC 6081 section 4.1)

NOT_GLOBAL = "ipv4-not-global"
NOT_TEREDO = "not-teredo"
NOT_SERVED = "not-served"
MAPPING_DIFFERS = "mapping-differs"
LOOP = "loop"
HOP_LIMIT = "hop-limit"
TOO_BIG = "packet-too-big"
NOT_REACHED = "not-reached"  # packets whose Teredo client or native host did not answer


class Refused(SensorError):
    """A packet that is not taken or not sent; its text is the word it is counted under."""
