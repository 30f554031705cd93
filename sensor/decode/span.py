"""Octets of a frame that a header announced, of which perhaps not all can be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sensor.errors import DecodeError
from sensor.schema.words import Anomaly, Reason
from sensor.wire.cursor import Cursor

_LONGEST_PACKET = 40 + 65535  # of IPv6


@dataclass(frozen=True, slots=True)
class Span:
    """Octets of a payload: ``end`` may be read, up to ``declared`` was announced.

    ``cut`` says why less can be read than was announced, if it is less. Up to ``whole_at``, a
    packet put together from fragments, what is announced counts for nothing (-1: no such packet).
    """

    start: int
    end: int
    declared: int
    cut: Anomaly
    whole_at: int = -1

    def announce(self, length: int) -> Span:
        """The payload of a header that itself announces ``length`` octets from ``start`` on."""
        if self.widened:
            return self
        declared = self.start + length
        cut = self.cut
        if declared > self.declared and not self.fragment:
            cut |= Anomaly.LENGTH_MISMATCH
        return replace(self, end=min(self.end, declared), declared=declared, cut=cut)

    def after(self, position: int) -> Span:
        return replace(self, start=position)

    def first_fragment(self) -> Span:
        """The same octets, with more of them to come in other frames."""
        return replace(self, cut=self.cut | Anomaly.FRAGMENT_INCOMPLETE)

    def quote(self, end: int) -> Span:
        """The start of an IP packet in an ICMP error, which does not say how much it leaves out."""
        return replace(self, end=end, declared=self.start + _LONGEST_PACKET, cut=Anomaly.TRUNCATED)

    def cursor(self, data: bytes) -> Cursor:
        """A reader of what can be read of the frame's octets ``data``."""
        return Cursor(data, min(self.start, self.end), self.end)

    def octets(self, data: bytes) -> bytes:
        return data[self.start : self.end]

    @property
    def widened(self) -> bool:
        """Whether a packet put together from fragments stands in it, longer than was announced."""
        return self.start <= self.whole_at

    @property
    def length(self) -> int:
        return self.declared - self.start

    @property
    def present(self) -> int:
        """How many octets can be read."""
        return self.end - self.start

    @property
    def fragment(self) -> bool:
        return bool(self.cut & Anomaly.FRAGMENT_INCOMPLETE)

    @property
    def missing(self) -> Anomaly:
        """Why something is missing; nothing if all that was announced can be read."""
        return self.cut if self.declared > self.end else self.cut & Anomaly.FRAGMENT_INCOMPLETE

    def unread(self, error: DecodeError, reason: Reason) -> Reason:
        """Why no header could be read: the octets in which it ends are missing, or ``reason``."""
        cut = error.reason == "truncated" and self.missing
        return Reason.TRUNCATED_PAYLOAD if cut else reason
