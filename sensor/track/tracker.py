"""Feeds rows to the table and turns its events into changes of what the outputs read."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable

from sensor.schema.records import (
    Change,
    Endpoint,
    ExposureRecord,
    FlowRecord,
    Proof,
    TunnelRecord,
)
from sensor.schema.rows import Event, Observation
from sensor.schema.words import EventType, ExposureState, Layer, Vantage
from sensor.track.conversation import TCP, Conversation
from sensor.track.exposure import Attempt, Exposure
from sensor.track.identity import identity
from sensor.track.settings import TrackSettings
from sensor.track.table import EVICTED, Table
from sensor.track.teredo import read_trailers
from sensor.track.tunnels import Tunnel, flow_record
from sensor.track.unreachable import refused_service
from sensor.wire.addresses import is_global6

SWEEP = 10_000_000_000
HOUR = 3_600_000_000_000
FrameBytes = Callable[[Observation], bytes]


class Tracker:
    """Feeds rows to the table and turns its events into changes of records."""

    def __init__(
        self,
        settings: TrackSettings,
        captures: tuple[str, ...] = (),
        vantages: tuple[Vantage, ...] = (),
        service_name: Callable[[int, int], str | None] = lambda transport, port: None,
    ) -> None:
        self.settings = settings
        self.captures = captures
        self.table = Table(settings, vantages)
        self.tunnels: dict[int, Tunnel] = {}
        self.exposures: OrderedDict[bytes, Exposure] = OrderedDict()
        self._service_name = service_name
        self._attempts: OrderedDict[bytes, None] = OrderedDict()  # exposures without an answer
        self._changes: list[Change] = []
        self._digest = 0
        self._moment = (0, 0)
        self._ordinals: Counter[tuple[str, str, int, int]] = Counter()
        self._next_sweep = -(1 << 63)

    def update(self, rows: list[Observation], frame: FrameBytes) -> None:
        """Take rows in packet-time order, marking them in place as the table does.

        ``frame`` gives the octets of a row's frame while they are at hand.
        """
        index = 0
        while index < len(rows):
            if rows[index].time >= self._next_sweep:
                self.sweep(rows[index].time)
            index, events = self.table.update(rows, index, self._next_sweep)
            self._enter(rows[index - 1])
            for event in events:
                self._handle(event, rows, frame)

    def sweep(self, now: int) -> None:
        """Every ten seconds of packet time: end what is silent, repeat hourly what is exposed."""
        self._next_sweep = now - now % SWEEP + SWEEP
        self._ordinals.clear()
        self._refresh()
        ended = self.table.expire(now)
        self._take_conversations()
        for event in ended:
            self._end(event)
        for exposure in self.exposures.values():
            due = now - exposure.documented >= HOUR
            if due and exposure.last > exposure.documented:
                self._document("exposure-seen", exposure.last, exposure)

    def finish(self) -> None:
        """The observation is over: last conversations, and what is true of the rest at its end."""
        self._ordinals.clear()
        self._refresh()
        self.table.finish()
        self._take_conversations()
        for tunnel in self.tunnels.values():
            self._change("tunnel-updated", tunnel.slot.last, tunnel.record(self.settings))
        for exposure in self.exposures.values():
            self._document("exposure-seen", exposure.last, exposure)

    def _refresh(self) -> None:
        """A service is in use as long as its conversations are."""
        for conversation in self.table.conversations.values():
            self._touch(conversation)

    def _touch(self, conversation: Conversation) -> None:
        tunnel = self.tunnels.get(conversation.tunnel)
        if tunnel is None or not conversation.from_outside:
            return
        service = Endpoint(*conversation.responder)
        exposure = self.exposures.get(self._exposure_key(tunnel, service, conversation.transport))
        if exposure is not None:
            exposure.last = max(exposure.last, conversation.last)

    def take_changes(self) -> list[Change]:
        changes, self._changes = self._changes, []
        return changes

    # events

    def _enter(self, row: Observation) -> None:
        """Changes count anew with each frame; equal packets at one time share their identity."""
        if self._moment != (row.time, row.inner_digest):
            self._moment = row.time, row.inner_digest
            self._ordinals.clear()

    def _handle(self, event: Event, rows: list[Observation], frame: FrameBytes) -> None:
        if event.type == EventType.END:
            self._take_conversations()
            self._end(event)
        elif event.type == EventType.CLOSED:
            self._take_conversations()
        else:
            row = rows[event.row]
            self._digest = row.inner_digest
            tunnel = self.tunnels.get(event.tunnel) or self._discover(event, row, frame)
            handler = _HANDLERS.get(EventType(event.type))
            if handler is not None:
                handler(self, tunnel, event, row, frame(row))

    def _discover(self, event: Event, row: Observation, frame: FrameBytes) -> Tunnel:
        slot = self.table.tunnel(event.tunnel)
        tunnel = self.tunnels[event.tunnel] = Tunnel(slot)
        parent = self.tunnels.get(slot.parent) if slot.parent is not None else None
        tunnel.parent = parent.id if parent else None
        if row.stack[0] == Layer.ETHERNET and not row.depth and tunnel.is_local(self.settings):
            if row.outer_source == slot.client[0]:
                tunnel.mac = frame(row)[6:12]
            elif row.outer_destination == slot.client[0]:
                tunnel.mac = frame(row)[0:6]
        if slot.asked is not None:
            # Before the promotion; its octets are gone, and with them only an option of XP's.
            tunnel.qualification.solicit(slot.asked, b"")
        tunnel.note_embedded(row, self.settings.sixrd)
        self._change("tunnel-discovered", event.time, tunnel.record(self.settings))
        return tunnel

    def _end(self, event: Event) -> None:
        self._digest = 0
        reason = "evicted" if event.value == EVICTED else "idle"
        self._close_tunnel(self.tunnels.pop(event.tunnel), reason)

    def _close_tunnel(self, tunnel: Tunnel, reason: str) -> None:
        tunnel.state, tunnel.closed_reason = "closed", reason
        for key in list(tunnel.services):
            self._close_exposure(key, tunnel, "tunnel-closed")
        self._change("tunnel-closed", tunnel.slot.last, tunnel.record(self.settings))

    def _close_exposure(self, key: bytes, tunnel: Tunnel, reason: str) -> None:
        exposure = self.exposures.pop(key)
        self._attempts.pop(key, None)
        tunnel.services.pop(key, None)
        self._change("exposure-closed", exposure.last, self._record(exposure, tunnel, reason))

    def _updated(self, tunnel: Tunnel, time: int) -> None:
        self._change("tunnel-updated", time, tunnel.record(self.settings))

    def _on_solicitation(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        if tunnel.qualification.solicit(row, data):
            self._updated(tunnel, event.time)

    def _on_advertisement(
        self, tunnel: Tunnel, event: Event, row: Observation, data: bytes
    ) -> None:
        client = Endpoint(tunnel.slot.client[0][:4], tunnel.slot.client[1])
        before = tunnel.qualification.qualified_at
        if not tunnel.qualification.advertise(row, data, client):
            return
        if before is None and tunnel.qualification.qualified_at is not None:
            tunnel.state = "qualified"
            self._change("tunnel-qualified", event.time, tunnel.record(self.settings))
        else:
            self._updated(tunnel, event.time)

    def _on_mapping(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        if tunnel.qualification.see_address(row, bool(event.value)):
            self._updated(tunnel, event.time)

    def _on_test_reply(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        if tunnel.qualification.learn_relay(row):
            self._updated(tunnel, event.time)

    def _on_trailers(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        trailers = read_trailers(row, data)
        if tunnel.qualification.see_trailers(trailers, bool(event.value)):
            self._updated(tunnel, event.time)

    def _on_anomaly(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        self._updated(tunnel, event.time)

    def _on_peer(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        tunnel.note_embedded(row, self.settings.sixrd)

    def _on_kinds(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        tunnel.note_embedded(row, self.settings.sixrd)
        self._updated(tunnel, event.time)

    def _on_join(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        """The other view of the same tunnel had a life of its own until now."""
        self._take_conversations()
        self._digest = row.inner_digest
        absorbed = self.tunnels.pop(event.value, None)
        if absorbed is not None:
            if tunnel.state == "discovered" and absorbed.state == "qualified":
                tunnel.qualification = absorbed.qualification
                tunnel.state = absorbed.state
            for key in list(absorbed.services):
                self._move_exposure(key, absorbed, tunnel)
            self._close_tunnel(absorbed, "joined")
        self._updated(tunnel, event.time)

    def _move_exposure(self, key: bytes, absorbed: Tunnel, tunnel: Tunnel) -> None:
        """The service goes on in another tunnel, unless it is one of that tunnel already."""
        exposure = self.exposures[key]
        service = Endpoint(exposure.address, exposure.port)
        moved = self._exposure_key(tunnel, service, exposure.transport)
        if moved != key:
            if moved in self.exposures:
                return
            self.exposures[moved] = self.exposures.pop(key)
            if key in self._attempts:
                del self._attempts[key]
                self._attempts[moved] = None
        del absorbed.services[key]
        self._carry(moved, exposure, tunnel)

    def _carry(self, key: bytes, exposure: Exposure, tunnel: Tunnel) -> None:
        """The tunnel that was last seen to lead to the service."""
        before = self.tunnels.get(exposure.tunnel)
        if before is not None:
            before.services.pop(key, None)
        exposure.tunnel = tunnel.slot.slot
        tunnel.services[key] = None

    # exposures

    def _on_opening(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        state = ExposureState.ATTEMPTED if tunnel.slot.answered else ExposureState.REPLY_UNSEEN
        attempt = _attempt_of(row)
        self._meet(tunnel, row, attempt, state, [self._proof(row, _opening_word(row))])

    def _on_answer(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        what = "SYN-ACK out" if row.inner_transport == TCP else "datagram out"
        self._meet_reply(tunnel, event, row, ExposureState.ANSWERED, what)

    def _on_refusal(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        self._meet_reply(tunnel, event, row, ExposureState.REFUSED, "RST out")

    def _on_unreachable(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        """Only an opening that was seen can be refused: an error alone opens nothing."""
        refused = refused_service(row, data)
        if refused is None:
            return
        if self._exposure_key(tunnel, refused.service, refused.transport) in self.exposures:
            proof = self._proof(row, "unreachable out")
            self._meet(tunnel, row, refused, ExposureState.REFUSED, [proof])

    def _on_completed(self, tunnel: Tunnel, event: Event, row: Observation, data: bytes) -> None:
        attempt = _attempt_of(row)
        key = self._exposure_key(tunnel, attempt.service, attempt.transport)
        exposure = self.exposures.get(key)
        if exposure is not None and exposure.remote == attempt.remote:
            exposure.prove(self._proof(row, "ACK in"))
            exposure.last = max(exposure.last, row.time)

    def _meet_reply(
        self, tunnel: Tunnel, event: Event, row: Observation, state: ExposureState, what: str
    ) -> None:
        """An answer or a refusal, with the opening that it belongs to where that was seen."""
        opening = self.table.conversations[event.conversation].outer
        attempt = Attempt(
            row.inner_transport,
            Endpoint(row.inner_source, row.inner_source_port),
            Endpoint(row.inner_destination, row.inner_destination_port),
        )
        proofs = [self._proof(row, what)]
        if _attempt_of(opening) == attempt:
            proofs.insert(0, self._proof(opening, _opening_word(opening)))
        self._meet(tunnel, row, attempt, state, proofs)

    def _meet(
        self,
        tunnel: Tunnel,
        row: Observation,
        attempt: Attempt,
        state: ExposureState,
        proofs: list[Proof],
    ) -> None:
        key = self._exposure_key(tunnel, attempt.service, attempt.transport)
        exposure = self.exposures.get(key)
        if exposure is None:
            if not self._make_room():
                return
            exposure = Exposure(identity(key), row.time, tunnel.slot.slot, attempt)
            self.exposures[key] = exposure
            self._attempts[key] = None
        self._carry(key, exposure, tunnel)
        if state is ExposureState.ANSWERED:
            exposure.place(row, tunnel.slot.address)
            self._attempts.pop(key, None)
        if exposure.meet(row.time, state, attempt.remote, proofs):
            self._document("exposure-opened", row.time, exposure)

    def _make_room(self) -> bool:
        """At the limit the oldest service that never answered gives way; answered ones stay."""
        if len(self.exposures) < self.settings.limits.exposures:
            return True
        self.table.limits_hit["exposures"] += 1
        if not self._attempts:
            return False
        oldest = next(iter(self._attempts))
        carrier = self.tunnels[self.exposures[oldest].tunnel]
        self._close_exposure(oldest, carrier, "evicted")
        return True

    def _exposure_key(self, tunnel: Tunnel, service: Endpoint, transport: int) -> bytes:
        """A global address is the same service through whatever tunnel; others are not."""
        key = bytes([transport]) + service.port.to_bytes(2) + service.ip
        return key if is_global6(service.ip) else key + tunnel.id.encode()

    def _proof(self, row: Observation, what: str) -> Proof:
        capture = self.captures[row.source] if row.source < len(self.captures) else ""
        return Proof(capture, row.frame, row.time, what)

    def _document(self, action: str, time: int, exposure: Exposure) -> None:
        exposure.documented = time
        tunnel = self.tunnels[exposure.tunnel]
        self._change(action, time, self._record(exposure, tunnel))

    def _record(
        self, exposure: Exposure, tunnel: Tunnel, closed_reason: str | None = None
    ) -> ExposureRecord:
        service = self._service_name(exposure.transport, exposure.port)
        return exposure.record(tunnel, self.settings, service, closed_reason)

    def _change(
        self,
        action: str,
        time: int,
        record: TunnelRecord | ExposureRecord | FlowRecord,
    ) -> None:
        subject = record.tunnel_id if isinstance(record, FlowRecord) else record.id
        moment = (action, subject, time, self._digest)
        self._changes.append(Change(action, time, self._digest, self._ordinals[moment], record))
        self._ordinals[moment] += 1

    def _take_conversations(self) -> None:
        self._digest = 0
        for conversation in self.table.take_closed():
            tunnel = self.tunnels[conversation.tunnel]
            self._touch(conversation)
            self._change("inner-flow", conversation.last, flow_record(conversation, tunnel))


def _attempt_of(row: Observation) -> Attempt:
    """What a packet from outside asks for."""
    return Attempt(
        row.inner_transport,
        Endpoint(row.inner_destination, row.inner_destination_port),
        Endpoint(row.inner_source, row.inner_source_port),
    )


def _opening_word(row: Observation) -> str:
    return "SYN in" if row.inner_transport == TCP else "datagram in"


_HANDLERS = {
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
}
