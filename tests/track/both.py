"""The compiled table and its scalar twin as one table: whatever the two say is compared.

Places of the compiled table are used again, the twin's are its serials. So everything is compared
with places replaced by serials, and what Python reads are the answers of the compiled table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from sensor.schema.rows import Rows
from sensor.schema.words import EventType, Vantage
from sensor.track import scalar, table
from sensor.track.index import in_order
from sensor.track.interface import NEVER
from sensor.track.layout import (
    ConversationState,
    Event,
    ExposureState,
    HostState,
    TunnelState,
)
from sensor.track.settings import TrackSettings

SECOND = 1_000_000_000
SWEEP = 10 * SECOND
ALL = 1024


class Both:
    """A ``TableLike`` that is two of them; an AssertionError tells where they differ."""

    def __init__(
        self,
        settings: TrackSettings,
        vantages: tuple[Vantage, ...] = (),
        secrets: bytes | None = None,
        label: object = "",
        module: ModuleType = table,
    ) -> None:
        """``module`` is the compiled table's, or the same one as plain Python."""
        self.table: table.Table = module.Table(settings, vantages, secrets=secrets)
        self.twin = scalar.Table(settings, vantages)
        self.label = label
        self.taken = 0  # rows of the batches before
        self._at: object = "the start"
        self._rows: Rows | None = None
        self._copy: Rows | None = None

    # what the tracker asks

    def update(self, rows: Rows, start: int, until: int = NEVER) -> tuple[int, list[Event]]:
        copy = self._copy_of(rows)
        self._at = f"row {self.taken + start}"
        index, events = self.table.update(rows, start, until)
        twin_index, twin_events = self.twin.update(copy, start, until)
        self._same("index returned", self.taken + index, self.taken + twin_index)
        for at in range(start, index):
            if rows[at].tobytes() != copy[at].tobytes():
                self._same(f"marks of row {self.taken + at}", _marks(rows, at), _marks(copy, at))
                self._same(f"row {self.taken + at}", rows[at].tobytes(), copy[at].tobytes())
        self._compare_events(events, twin_events)
        return index, events

    def _copy_of(self, rows: Rows) -> Rows:
        if self._copy is None or rows is not self._rows:
            self.taken += 0 if self._rows is None else len(self._rows)
            self._rows, self._copy = rows, rows.copy()
        return self._copy

    def expire(self, now: int) -> list[Event]:
        self._at = f"the sweep at {now} before row {self.taken + _length(self._rows)}"
        events = self.table.expire(now)
        self._compare_events(events, self.twin.expire(now))
        self.compare()
        return events

    def finish(self) -> None:
        self._at = "the end"
        self.table.finish()
        self.twin.finish()
        self.compare()

    def refuse(
        self, tunnel: int, transport: int, service: tuple[bytes, int], remote: bytes, port: int,
        time: int,
    ) -> int:  # fmt: skip
        asked = transport, service, remote, port, time
        place = self.table.refuse(tunnel, *asked)
        twin = self.twin.refuse(self.serial(tunnel), *asked)
        self._same(f"refused {asked}", self._exposed(place), twin)
        self._same("limits hit", self.table.limits_hit, self.twin.limits_hit)
        return place

    def tunnel(self, place: int) -> TunnelState:
        state = self.table.tunnel(place)
        twin = _in_range(self.twin.tunnel(state.serial))
        self._same(f"tunnel {state.serial}", state._replace(joined=self.serial(state.joined)), twin)
        return state

    def exposure(self, place: int) -> ExposureState:
        state = self.table.exposure(place)
        self._same(
            f"exposure {state.serial}",
            state._replace(tunnel=self.serial(state.tunnel)),
            self.twin.exposure(state.serial),
        )
        return state

    def conversation(self, place: int) -> ConversationState:
        state = self.table.conversation(place)
        twin = self.twin.conversation(state.serial)
        self._same(f"conversation {state.serial}", self._talk(state), _apart(twin))
        return state

    def services(self, tunnel: int) -> list[int]:
        places = self.table.services(tunnel)
        serial = self.serial(tunnel)
        found = [self._exposed(place) for place in places]
        self._same(f"services of tunnel {serial}", found, self.twin.services(serial))
        return places

    def remotes(self, exposure: int, most: int) -> list[bytes]:
        found = self.table.remotes(exposure, most)
        serial = self._exposed(exposure)
        self._same(f"remotes of exposure {serial}", found, self.twin.remotes(serial, most))
        return found

    def take_closed(self) -> list[ConversationState]:
        closed = self.table.take_closed()
        talks = [self._talk(state) for state in closed]
        twins = [_apart(state) for state in self.twin.take_closed()]
        for number, pair in enumerate(zip(talks, twins, strict=False)):
            self._same(f"closed conversation {number}", *pair)
        self._same("number of closed conversations", len(talks), len(twins))
        return closed

    def drop_closed(self) -> None:
        self.table.drop_closed()
        self.twin.drop_closed()

    def hosts(self) -> list[HostState]:
        found, twins = self.table.hosts(), self.twin.hosts()
        for number, pair in enumerate(zip(found, twins, strict=False)):
            self._same(f"host {number}", *pair)
        self._same("number of hosts", len(found), len(twins))
        return found

    @property
    def limits_hit(self) -> Counter[str]:
        return self.table.limits_hit

    @property
    def unpromoted(self) -> int:
        return self.table.unpromoted

    # comparing

    def compare(self) -> None:
        """Everything that either table has now, in its order."""
        twin, ours = self.twin, self.table
        tunnels = self._places(table._CLIENTS)
        self._same("tunnels", [self.serial(place) for place in tunnels], list(twin.slots))
        for place in tunnels:
            self.tunnel(place)
            self.services(place)
        exposures = sorted(self._places(table._EXPOSURES), key=self._exposed)
        alive = sorted(twin._exposures._kept)
        self._same("exposures", [self._exposed(place) for place in exposures], alive)
        for place in exposures:
            self.exposure(place)
            self.remotes(place, ALL)
        talks = self._places(table._CONVERSATIONS)
        serials = [ours.conversation(place).serial for place in talks]
        self._same("conversations", serials, list(twin._conversations._open))
        for place in talks:
            self.conversation(place)
        self.hosts()
        self._same("limits hit", ours.limits_hit, twin.limits_hit)
        self._same("unpromoted", ours.unpromoted, twin.unpromoted)

    def _compare_events(self, events: list[Event], twins: list[Event]) -> None:
        named = [self._named(event) for event in events]
        if named != twins:
            self._same("events", list(map(_readable, named)), list(map(_readable, twins)))
        self._same("limits hit", self.table.limits_hit, self.twin.limits_hit)
        for event in events:
            if event.tunnel >= 0:
                self.tunnel(event.tunnel)
            if event.exposure >= 0:
                self.exposure(event.exposure)
            if event.conversation >= 0:
                self.conversation(event.conversation)
            if event.type == EventType.JOIN:
                self.services(event.value)
            elif event.type == EventType.END:
                self.services(event.tunnel)

    def _named(self, event: Event) -> Event:
        """With serials for places."""
        talk = event.conversation
        return event._replace(
            tunnel=self.serial(event.tunnel),
            exposure=self._exposed(event.exposure),
            conversation=self.table.conversation(talk).serial if talk >= 0 else -1,
            value=self.serial(event.value) if event.type == EventType.JOIN else event.value,
        )

    def _places(self, head: Any) -> list[int]:
        return in_order(self.table._s.m, head)

    def serial(self, place: int) -> int:
        """The serial of a tunnel by its place, -1 for none."""
        return self.table.tunnel(place).serial if place >= 0 else -1

    def _exposed(self, place: int) -> int:
        return self.table.exposure(place).serial if place >= 0 else -1

    def _talk(self, state: ConversationState) -> ConversationState:
        return _apart(state)._replace(tunnel=self.serial(state.tunnel))

    def _same(self, what: str, ours: object, twins: object) -> None:
        if ours != twins:
            raise AssertionError(
                f"{self.label}, at {self._at}: {what}\n" + "\n".join(_differences(ours, twins))
            )


def _apart(state: ConversationState) -> ConversationState:
    """Without the exposure's place; its serial says which one it is."""
    serial = state.exposure_serial if state.exposure >= 0 else -1
    return state._replace(exposure=-1, exposure_serial=serial)


def _in_range(state: TunnelState) -> TunnelState:
    """Masks as the fields hold them: bit 31, which no row of the decoder sets, is their sign."""
    masks = (state.kinds, state.reasons, state.anomalies)
    kinds, reasons, anomalies = np.array(masks).astype(np.int32).tolist()
    return state._replace(kinds=kinds, reasons=reasons, anomalies=anomalies)


def _marks(rows: Rows, at: int) -> dict[str, int]:
    names = ("copy_of", "reasons", "kind", "kinds", "teredo_packet")
    return {name: int(rows[name][at]) for name in names}


def _length(rows: Rows | None) -> int:
    return 0 if rows is None else len(rows)


def _readable(event: Event) -> str:
    named = [f"{name}={value}" for name, value in event._asdict().items() if name != "type"]
    return f"{EventType(event.type).name} {' '.join(named)}"


def _differences(ours: Any, twins: Any) -> Iterator[str]:
    if isinstance(ours, tuple) and hasattr(ours, "_asdict"):
        for name, value in ours._asdict().items():
            if value != getattr(twins, name):
                yield f"  {name}: compiled {value!r}, twin {getattr(twins, name)!r}"
    else:
        yield f"  compiled {ours!r}"
        yield f"  twin     {twins!r}"


# Driving a table


class Story(NamedTuple):
    """What a table told of rows, with serials for places."""

    events: list[Event]
    marks: bytes
    closed: list[ConversationState]
    tunnels: list[TunnelState]
    hosts: list[HostState]
    limits: Counter[str]


def drive(
    both: Both,
    batches: Iterable[Rows],
    between: Callable[[Both], None] = lambda both: None,
) -> Story:
    """Show batches to a table as the tracker does, with its sweeps; ``between`` batches a check."""
    story = Story([], b"", [], [], [], Counter())
    sweep, marks, taken = -(1 << 63), [], 0
    for rows in batches:
        index = 0
        while index < len(rows):
            now = int(rows["time"][index])
            if now >= sweep:
                sweep = now - now % SWEEP + SWEEP
                _tell(both, story, both.expire(now), taken)
            index, events = both.update(rows, index, min(sweep, NEVER))
            _tell(both, story, events, taken)
        marks.append(rows.tobytes())
        taken += len(rows)
        between(both)
    both.finish()
    _tell(both, story, [], taken)
    for place in both._places(table._CLIENTS):
        state = both.tunnel(place)
        story.tunnels.append(state._replace(joined=both.serial(state.joined)))
    return story._replace(marks=b"".join(marks), hosts=both.hosts(), limits=both.limits_hit)


_LET_GO = {EventType.CLOSED, EventType.END, EventType.JOIN}


def _tell(both: Both, story: Story, events: list[Event], taken: int) -> None:
    for event in events:
        row = event.row + taken if event.row >= 0 else -1
        story.events.append(both._named(event)._replace(row=row))
    if not events or any(event.type in _LET_GO for event in events):
        story.closed.extend(map(both._talk, both.take_closed()))
