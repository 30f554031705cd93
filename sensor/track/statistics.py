"""What covert channels would change: statistics over the packets of one tunnel."""

from __future__ import annotations

from sensor.schema.rows import Observation
from sensor.schema.words import TeredoPacket
from sensor.track.sketch import bit64
from sensor.wire.ipv6 import HEADER_LENGTH

_NIBBLES = 16
_COUNTER_BITS = 16
_COUNTER_MOST = (1 << _COUNTER_BITS) - 1


class Statistics:
    """Counts and sketches; ``layout.TunnelState`` says what each of them is."""

    __slots__ = (
        "bubble_octets",
        "bubble_sketch",
        "bubbles",
        "label_sketch",
        "nibbles",
        "nonce_sketch",
        "nonces",
        "tail_octets",
        "trailers",
    )

    def __init__(self) -> None:
        self.bubbles = self.bubble_octets = self.bubble_sketch = 0
        self.trailers = self.tail_octets = 0
        self.nonces = self.nonce_sketch = 0
        self.nibbles = [0] * _NIBBLES
        self.label_sketch = 0

    def count(self, row: Observation) -> None:
        """One packet of the tunnel."""
        if row.teredo_packet == TeredoPacket.BUBBLE:
            self.bubbles += 1
            self.bubble_octets += row.inner_length - HEADER_LENGTH
            self.bubble_sketch |= bit64(row.inner_digest)
        self.trailers += row.trailer_count
        self.tail_octets += row.tail_length
        if row.has_auth:
            self._count_nonce(row.nonce)
        self.label_sketch |= bit64(row.flow_label)

    def _count_nonce(self, nonce: bytes) -> None:
        self.nonces += 1
        self.nonce_sketch |= bit64(int.from_bytes(nonce, "little"))
        for octet in nonce:
            self.nibbles[octet >> 4] = min(self.nibbles[octet >> 4] + 1, _COUNTER_MOST)

    @property
    def packed_nibbles(self) -> int:
        """The counters side by side, the one of nibble 0 lowest."""
        return sum(count << _COUNTER_BITS * nibble for nibble, count in enumerate(self.nibbles))
