"""Feeds rows to the table and turns its events into changes of what the outputs read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from sensor.schema.records import (
    Change,
    Endpoint,
    ExposureRecord,
    FlowRecord,
    Proof,
    TunnelRecord,
)
from sensor.schema.rows import Observation, Rows, observation, readable
from sensor.schema.words import EventType, Layer
from sensor.track.conversation import TCP
from sensor.track.exposure import REMOTES_SHOWN, Exposure
from sensor.track.flows import flow_record
from sensor.track.interface import NEVER, TableLike
from sensor.track.layout import Event
from sensor.track.limits import EVICTED
from sensor.track.settings import TrackSettings
from sensor.track.teredo import read_trailers
from sensor.track.tunnels import Tunnel
from sensor.track.unreachable import refused_service
from sensor.track.vantage import outer_ip

SWEEP = 10_000_000_000
HOUR = 3_600_000_000_000
FrameBytes = Callable[[Observation], bytes]


class Tracker:
    """Feeds rows to the table and turns its events into changes of records.

    Without ``story`` only the last word on each tunnel is wanted, and no conversation.
    """

    def __init__(
        self,
        settings: TrackSettings,
        table: TableLike,
        captures: tuple[str, ...] = (),
        service_name: Callable[[int, int], str | None] = lambda transport, port: None,
        story: bool = True,
    ) -> None:
        self.settings = settings
        self.table = table
        self.captures = captures
        self.tunnels: dict[int, Tunnel] = {}  # by place in the table
        self.exposures: dict[int, Exposure] = {}  # the same
        self._service_name = service_name
        self._story = story
        self._serials: dict[int, Tunnel] = {}  # the same by serial
        self._changes: list[Change] = []
        self._digest = 0
        self._moment = (0, 0)
        self._ordinals: dict[tuple[str, str, int, int], int] = {}
        self._next_sweep = -(1 << 63)

    def update(self, rows: Rows, frame: FrameBytes) -> None:
        """Take rows in packet-time order, marked in place by the table.

        ``frame`` gives the octets of a row's frame while they are at hand.
        """
        times, digests, whole = rows["time"], rows["inner_digest"], readable(rows)
        index = 0
        while index < len(rows):
            now = int(times[index])
            if now >= self._next_sweep:
                self.sweep(now)
            start = index
            index, events = self.table.update(rows, start, min(self._next_sweep, NEVER))
            if index > start:
                self._enter(int(times[index - 1]), int(digests[index - 1]))
            self._handle(events, whole, frame)

    def sweep(self, now: int) -> None:
        """Every ten seconds of packet time: end what is silent, repeat hourly what is exposed."""
        self._next_sweep = now - now % SWEEP + SWEEP
        self._ordinals.clear()
        ended = self.table.expire(now)
        self._take_conversations()
        for event in ended:
            self._end(event)
        for exposure in self.exposures.values():
            if now - exposure.documented >= HOUR:
                exposure.state = self.table.exposure(exposure.place)
                if exposure.state.last > exposure.documented:
                    self._document("exposure-seen", exposure.state.last, exposure)

    def finish(self) -> None:
        """The observation is over: last conversations, and what is true of the rest at its end."""
        self._ordinals.clear()
        self.table.finish()
        self._take_conversations()
        for place in self.tunnels:
            tunnel = self._tunnel(place)
            self._change("tunnel-updated", tunnel.state.last, tunnel.record(self.settings))
        for exposure in self.exposures.values():
            exposure.state = self.table.exposure(exposure.place)
            self._document("exposure-seen", exposure.state.last, exposure)

    def take_changes(self) -> list[Change]:
        changes, self._changes = self._changes, []
        return changes

    def _tunnel(self, place: int) -> Tunnel:
        """A known tunnel as the table has it now.

        Asked for where its state is read, not at every event: a snapshot takes its time.
        """
        tunnel = self.tunnels[place]
        tunnel.state = self.table.tunnel(place)
        return tunnel

    # events

    def _enter(self, time: int, digest: int) -> None:
        """Changes count anew with each frame; equal packets at one time share their identity."""
        if self._moment != (time, digest):
            self._moment = time, digest
            self._ordinals.clear()

    def _handle(self, events: Sequence[Event], rows: Rows, frame: FrameBytes) -> None:
        """The events of one update in order; several of them mostly speak of one row."""
        at, row = -1, None
        for event in events:
            if event.type == EventType.END:
                self._take_conversations()
                self._end(event)
            elif event.type == EventType.CLOSED:
                self._take_conversations()
            else:
                if row is None or at != event.row:
                    at, row = event.row, observation(rows, event.row)
                self._show(event, row, frame)

    def _show(self, event: Event, row: Observation, frame: FrameBytes) -> None:
        """An event of a tunnel, with the row that caused it."""
        self._digest = row.inner_digest
        tunnel = self.tunnels.get(event.tunnel) or self._discover(event, row, frame)
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            handler(self, tunnel, event, row, frame)

    def _discover(self, event: Event, row: Observation, frame: FrameBytes) -> Tunnel:
        state = self.table.tunnel(event.tunnel)
        tunnel = Tunnel(event.tunnel, state, self._serials.get(state.parent))
        self.tunnels[event.tunnel] = self._serials[state.serial] = tunnel
        if row.stack[0] == Layer.ETHERNET and not row.depth and tunnel.is_local(self.settings):
            if row.outer_source == state.client:
                tunnel.mac = frame(row)[6:12]
            elif row.outer_destination == state.client:
                tunnel.mac = frame(row)[0:6]
        if state.asked:
            # Before the promotion; its octets are gone, and with them only an option of XP's.
            nonce = state.asked_nonce.to_bytes(8, sys.byteorder, signed=True)
            server = outer_ip(state.asked_server, state.version)
            tunnel.qualification.ask(
                server, state.asked_source, nonce if state.asked_auth else None
            )
        tunnel.note_embedded(row, self.settings.sixrd)
        self._tell("tunnel-discovered", tunnel, event.time)
        return tunnel

    def _end(self, event: Event) -> None:
        self._digest = 0
        self._close_tunnel(event.tunnel, "evicted" if event.value == EVICTED else "idle")

    def _close_tunnel(self, place: int, reason: str) -> None:
        tunnel = self._tunnel(place)
        tunnel.phase, tunnel.closed_reason = "closed", reason
        for exposure in self.table.services(place):
            self._close_exposure(exposure, tunnel, "tunnel-closed")
        self._change("tunnel-closed", tunnel.state.last, tunnel.record(self.settings))
        del self.tunnels[place], self._serials[tunnel.state.serial]

    def _close_exposure(self, place: int, tunnel: Tunnel, reason: str) -> None:
        exposure = self.exposures.pop(place)
        exposure.state = self.table.exposure(place)
        record = self._record(exposure, tunnel, reason)
        self._change("exposure-closed", exposure.state.last, record)

    def _updated(self, tunnel: Tunnel, time: int) -> None:
        self._tell("tunnel-updated", tunnel, time)

    def _tell(self, action: str, tunnel: Tunnel, time: int) -> None:
        """What is not the last word on a tunnel."""
        if self._story:
            self._change(action, time, self._tunnel(tunnel.place).record(self.settings))

    def _on_solicitation(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        qualification = tunnel.qualification
        server = outer_ip(row.outer_destination, row.outer_version)
        qualification.ask(server, row.inner_source, row.nonce if row.has_auth else None)
        if qualification.see_previous_mapping(row, frame(row)):
            self._updated(tunnel, event.time)

    def _on_advertisement(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        state = self._tunnel(tunnel.place).state
        client = Endpoint(state.client[:4], state.client_port)
        before = tunnel.qualification.qualified_at
        spoken = state.outbound > 0
        if tunnel.qualification.advertise(row, frame(row), client, spoken=spoken):
            self._requalified(tunnel, before, event.time)

    def _requalified(self, tunnel: Tunnel, before: int | None, time: int) -> None:
        """``before`` is since when it was qualified, until the news."""
        after = tunnel.qualification.qualified_at
        tunnel.phase = "discovered" if after is None else "qualified"
        if before is None and after is not None:
            self._tell("tunnel-qualified", tunnel, time)
        else:
            self._updated(tunnel, time)

    def _on_mapping(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        before = tunnel.qualification.qualified_at
        if tunnel.qualification.see_address(row, bool(event.value)):
            self._requalified(tunnel, before, event.time)

    def _on_test_reply(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        if tunnel.qualification.learn_relay(row):
            self._updated(tunnel, event.time)

    def _on_trailers(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        if tunnel.qualification.see_trailers(read_trailers(row, frame(row))):
            self._updated(tunnel, event.time)

    def _on_anomaly(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        self._updated(tunnel, event.time)

    def _on_peer(self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes) -> None:
        tunnel.note_embedded(row, self.settings.sixrd)

    def _on_kinds(self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes) -> None:
        tunnel.note_embedded(row, self.settings.sixrd)
        self._updated(tunnel, event.time)

    def _on_join(self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes) -> None:
        """The other view of the same tunnel had a life of its own until now."""
        self._take_conversations()
        self._digest = row.inner_digest
        absorbed = self.tunnels.get(event.value)
        if absorbed is not None:
            if tunnel.phase == "discovered" and absorbed.phase == "qualified":
                tunnel.qualification = absorbed.qualification
                tunnel.phase = absorbed.phase
            self._close_tunnel(event.value, "joined")
        self._updated(tunnel, event.time)

    # exposures

    def _on_opening(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        exposure = self._exposure(event.exposure, tunnel)
        self._prove(exposure, event, [self._proof(row, _opening_word(row.inner_transport))])

    def _on_answer(self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes) -> None:
        exposure = self._exposure(event.exposure, tunnel)
        exposure.place_host(row, self._tunnel(tunnel.place))
        what = "SYN-ACK out" if row.inner_transport == TCP else "datagram out"
        self._prove(exposure, event, [*self._openings(event), self._proof(row, what)])

    def _on_refusal(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        exposure = self._exposure(event.exposure, tunnel)
        self._prove(exposure, event, [*self._openings(event), self._proof(row, "RST out")])

    def _on_completed(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        self.exposures[event.exposure].prove(self._proof(row, "ACK in"))

    def _on_unreachable(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        """Only an opening that was seen can be refused: an error alone opens nothing."""
        refused = refused_service(row, frame(row))
        if refused is None:
            return
        transport, service, (ip, port) = refused
        place = self.table.refuse(event.tunnel, transport, service, ip, port, event.time)
        if place < 0:
            return
        exposure = self.exposures[place]
        stronger = self.table.exposure(place).state > exposure.state.state
        proof = self._proof(row, "unreachable out")
        self._prove(exposure, event._replace(value=int(stronger)), [proof])

    def _on_dropped(
        self, tunnel: Tunnel, event: Event, row: Observation, frame: FrameBytes
    ) -> None:
        self._close_exposure(event.exposure, tunnel, "evicted")

    def _exposure(self, place: int, tunnel: Tunnel) -> Exposure:
        """The one at a place of the table; new ones are first met in ``tunnel``."""
        if place not in self.exposures:
            self.exposures[place] = Exposure(place, self.table.exposure(place), tunnel)
        return self.exposures[place]

    def _openings(self, event: Event) -> list[Proof]:
        """The first packet of an event's conversation, where it was the opening."""
        seen = self.table.conversation(event.conversation)
        if seen.flipped:
            return []
        capture = self._capture(seen.source)
        return [Proof(capture, seen.frame, seen.first, _opening_word(seen.transport))]

    def _proof(self, row: Observation, what: str) -> Proof:
        return Proof(self._capture(row.source), row.frame, row.time, what)

    def _capture(self, source: int) -> str:
        return self.captures[source] if source < len(self.captures) else ""

    def _prove(self, exposure: Exposure, event: Event, proofs: list[Proof]) -> None:
        """What frames show of the strongest attempt; a document where its state is news."""
        if event.value:
            exposure.strengthen(self.table.exposure(exposure.place))
        exposure.prove(*proofs)
        if event.value:
            self._document("exposure-opened", event.time, exposure)

    def _document(self, action: str, time: int, exposure: Exposure) -> None:
        """``exposure`` as the table has it now."""
        exposure.documented = time
        self._change(action, time, self._record(exposure, self.tunnels[exposure.state.tunnel]))

    def _record(
        self, exposure: Exposure, tunnel: Tunnel, closed_reason: str | None = None
    ) -> ExposureRecord:
        service = self._service_name(exposure.state.transport, exposure.state.port)
        remotes = self.table.remotes(exposure.place, REMOTES_SHOWN)
        carrier = self._tunnel(tunnel.place)
        return exposure.record(carrier, self.settings, service, remotes, closed_reason)

    def _change(
        self,
        action: str,
        time: int,
        record: TunnelRecord | ExposureRecord | FlowRecord,
    ) -> None:
        subject = record.tunnel_id if isinstance(record, FlowRecord) else record.id
        moment = (action, subject, time, self._digest)
        ordinal = self._ordinals.get(moment, 0)
        self._changes.append(Change(action, time, self._digest, ordinal, record))
        self._ordinals[moment] = ordinal + 1

    def _take_conversations(self) -> None:
        self._digest = 0
        if not self._story:
            self.table.drop_closed()
            return
        closed = self.table.take_closed()
        carriers = {place: self._tunnel(place) for place in {seen.tunnel for seen in closed}}
        for seen in closed:
            self._change("inner-flow", seen.last, flow_record(seen, carriers[seen.tunnel]))


def _opening_word(transport: int) -> str:
    return "SYN in" if transport == TCP else "datagram in"


_Handler = Callable[[Tracker, Tunnel, Event, Observation, FrameBytes], None]
_HANDLERS: dict[int, _Handler] = {
    EventType.SOLICITATION: Tracker._on_solicitation,
    EventType.ADVERTISEMENT: Tracker._on_advertisement,
    EventType.MAPPING: Tracker._on_mapping,
    EventType.TEST_REPLY: Tracker._on_test_reply,
    EventType.TRAILERS: Tracker._on_trailers,
    EventType.PEER: Tracker._on_peer,
    EventType.KINDS: Tracker._on_kinds,
    EventType.ANOMALY: Tracker._on_anomaly,
    EventType.JOIN: Tracker._on_join,
    EventType.OPENING: Tracker._on_opening,
    EventType.ANSWER: Tracker._on_answer,
    EventType.REFUSAL: Tracker._on_refusal,
    EventType.COMPLETED: Tracker._on_completed,
    EventType.UNREACHABLE: Tracker._on_unreachable,
    EventType.DROPPED: Tracker._on_dropped,
}
