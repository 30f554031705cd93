"""What tells one implementation's Teredo from another's on the wire; ours is the RFCs'."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sensor.wire.teredo import BUBBLE_HOP_LIMIT


class Trial(Enum):
    """The form of the echo request of a connectivity test (RFC 4380 section 5.2.9)."""

    OWN = "own"  # 16 random octets of data
    WINDOWS = "windows"  # identifier and sequence are the nonce; 4 octets: a cached relay, or zero
    MIREDO = "miredo"  # process number, Unix time, and 18 octets of keyed digest


@dataclass(frozen=True, slots=True)
class Style:
    """How a client does what the RFCs leave open.

    ``soliciting`` is the interface identifier of the link-local source of its solicitations,
    without the cone bit, which the cone phase sets.
    """

    soliciting: bytes = bytes.fromhex("0000ffffffffffff")
    cone_phase: bool = False  # RFC 5991 section 3.2 lets it go
    asks_secondary: bool = True
    authenticates: bool = True  # an authentication header without key, for its nonce
    random_flags: bool = True  # RFC 5991 section 3.1
    tells_mapping: bool = False  # the former mapping in a source link-layer option, as XP does
    legacy_prefix: bool = False  # 3ffe:831f::/32
    bubble_hop_limit: int = BUBBLE_HOP_LIMIT
    keyed_bubbles: bool = False  # its own come from a link-local address made for each peer
    trial: Trial = Trial.OWN
    trial_hop_limit: int = 64
    trailers: bool = True  # RFC 6081
    offers_port: bool = False  # behind every symmetric NAT, not only one that keeps port numbers
    jitter: tuple[float, float] = (0.75, 1.0)  # of the refresh interval (RFC 4380 section 5.2)


OWN = Style()
WINDOWS_XP = Style(
    soliciting=bytes.fromhex("0000fffffffffffd"),
    cone_phase=True,
    random_flags=False,
    tells_mapping=True,
    legacy_prefix=True,
    trial=Trial.WINDOWS,
    trial_hop_limit=21,
    trailers=False,
)
WINDOWS_7 = Style(
    soliciting=bytes.fromhex("0000fffffffffffe"),
    trial=Trial.WINDOWS,
    trial_hop_limit=21,
    offers_port=True,
)
MIREDO = Style(
    asks_secondary=False,
    bubble_hop_limit=0,
    keyed_bubbles=True,
    trial=Trial.MIREDO,
    trial_hop_limit=128,
    trailers=False,
    jitter=(1.0, 1.0),
)
