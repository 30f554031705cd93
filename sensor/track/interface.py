"""What the tracker asks of a table: the compiled one, or its scalar twin."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from sensor.schema.rows import Rows
from sensor.track.layout import (
    ConversationState,
    Event,
    ExposureState,
    HostState,
    TunnelState,
)

NEVER = (1 << 63) - 1  # later than any packet time


class TableLike(Protocol):
    """Rows by packet time in, events out.

    Places (of tunnels, conversations, exposures) count from 0 and are used again; what an event
    names can be read until the next ``update`` or ``expire``, also where it has ended.
    """

    @property
    def limits_hit(self) -> Counter[str]: ...

    @property
    def unpromoted(self) -> int:
        """Candidates that no answer and no budget made a tunnel, those of the past included."""

    def update(self, rows: Rows, start: int, until: int = NEVER) -> tuple[int, list[Event]]:
        """Take rows in packet-time order (those of one frame together, depth ascending).

        Goes from ``start`` to the end of the first frame that causes events, so that whoever
        handles them finds the counters as they were at that frame, wherever a batch ends; and no
        further than the first frame at ``until`` or later, when a sweep is due. Returns where to
        go on and the events in order; an event's ``row`` is an index of ``rows``. Rows are marked
        in place: learned flows named, mirrored copies given their original.
        """

    def expire(self, now: int) -> list[Event]:
        """End what has been silent for too long; END events."""

    def finish(self) -> None:
        """The capture is over: every conversation ends, tunnels are left as they are."""

    def refuse(
        self, tunnel: int, transport: int, service: tuple[bytes, int], remote: bytes, port: int,
        time: int,
    ) -> int:  # fmt: skip
        """An ICMPv6 error refuses an opening that was seen; the exposure if that is news, or -1."""

    def tunnel(self, place: int) -> TunnelState: ...

    def exposure(self, place: int) -> ExposureState: ...

    def conversation(self, place: int) -> ConversationState: ...

    def services(self, tunnel: int) -> list[int]:
        """Places of the exposures that a tunnel carries, or carried when it ended."""

    def remotes(self, exposure: int, most: int) -> list[bytes]:
        """The first addresses that reached for an exposure, in the order met."""

    def take_closed(self) -> list[ConversationState]:
        """Conversations of tunnels that ended since they were last taken; call it at CLOSED, END
        and JOIN events, after ``expire`` and after ``finish``, before the tunnels are let go."""

    def drop_closed(self) -> None:
        """Forget them: nobody asked for conversations."""

    def hosts(self) -> list[HostState]:
        """The accumulators of scan detections, oldest seen first."""
