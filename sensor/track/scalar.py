"""The table: tunnels, conversations, exposures by packet time, rows in, events out.

This is the scalar specification: the compiled table keeps its rows, its events and its states. All
keys are packed octets, all maps keep insertion order, and every one of them has a limit. Serials
count tunnels, conversations and exposures; here they are their places too.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from itertools import islice

from sensor.schema.rows import Observation, Rows, unpack
from sensor.schema.words import (
    PORTED,
    Anomaly,
    End,
    EventType,
    Evidence,
    Kind,
    TeredoPacket,
    Transport,
    Vantage,
)
from sensor.schema.words import ExposureState as State
from sensor.track.connectivity import ConnectivityTests
from sensor.track.conversation import ICMPV6, TCP, UDP, Conversation
from sensor.track.conversations import Conversations
from sensor.track.exposures import Exposures, ExposureSlot
from sensor.track.hosts import Hosts
from sensor.track.interface import NEVER
from sensor.track.keys import client_key, destination_of, ends_of, source_of
from sensor.track.layout import (
    PROOF_ANSWER,
    PROOF_COMPLETED,
    PROOF_OPENING,
    PROOF_REFUSAL,
    PROOF_UNREACHABLE,
    ConversationState,
    Event,
    ExposureState,
    HostState,
    TunnelState,
)
from sensor.track.limits import (
    EVICTED,
    MINUTE,
    NOTICES_PER_MINUTE,
    SECOND,
    UNSEEN_START,
    WELL_KNOWN_PORTS,
)
from sensor.track.marks import Marks, counts
from sensor.track.peers import Peers, embedding_ends
from sensor.track.settings import TrackSettings
from sensor.track.slots import NO_PARENT, Ends, TunnelSlot
from sensor.track.vantage import (
    inside_end,
    is_local,
    likely_client,
    lying_inside,
    mapped_end,
    mapped_port,
    maps_destination,
    outer_ip,
    vlan_of,
)
from sensor.track.views import Views
from sensor.wire.addresses import is_multicast6, parse_teredo
from sensor.wire.tcp import ACK, SYN

_UNREACHABLE = 1
_SETUP = (TeredoPacket.ROUTER_SOLICITATION, TeredoPacket.ROUTER_ADVERTISEMENT)
_SETUP_SEEN = Evidence.ROUTER_SOLICITATION | Evidence.ROUTER_ADVERTISEMENT
_OUTCOMES = {EventType.ANSWER: State.ANSWERED, EventType.REFUSAL: State.REFUSED}
_PROOFS = {
    EventType.OPENING: PROOF_OPENING,
    EventType.ANSWER: PROOF_ANSWER,
    EventType.REFUSAL: PROOF_REFUSAL,
}
_MARKED = ("copy_of", "reasons", "kind", "kinds", "teredo_packet")


class Table:
    """Rows in packet-time order in, events out; see the module's docstring."""

    def __init__(self, settings: TrackSettings, vantages: tuple[Vantage, ...] = ()) -> None:
        self.settings = settings
        self.vantages = vantages
        self.slots: OrderedDict[int, TunnelSlot] = OrderedDict()
        self.limits_hit: Counter[str] = Counter()
        self._hosts = Hosts(self.limits_hit)
        self._conversations = Conversations(settings.limits, self._hosts, self.limits_hit)
        self._exposures = Exposures(settings.limits.exposures, self.limits_hit)
        self._next_slot = 0
        self._unanswered: OrderedDict[int, None] = OrderedDict()
        self._clients: dict[bytes, int] = {}
        self._began: int | None = None
        self._marks = Marks(settings.limits, self.limits_hit)
        self._views = Views(
            settings.limits.join_window_ns, self.slots, self._clients, self.limits_hit
        )
        self._tests = ConnectivityTests(self.limits_hit)
        self._peers = Peers(settings.limits.peers, self.limits_hit)
        self._promotion_minute = -1
        self._promotions = 0
        self._events: list[Event] = []
        self._ended: dict[int, TunnelSlot] = {}
        self._ended_unpromoted = 0

    # rows

    def update(self, rows: Rows, start: int, until: int = NEVER) -> tuple[int, list[Event]]:
        """See ``TableLike``; with ``NEVER`` no packet time is too late."""
        self._begin()
        times = rows["time"]
        index = start
        while index < len(rows) and not self._events:
            time = int(times[index])
            if time >= until != NEVER:
                break
            if self._conversations.full:
                self._events.append(Event(time, 0, -1, -1, -1, -1, EventType.CLOSED))
                break
            index = self._take_frame(rows, index)
        return index, self._events

    def _begin(self) -> None:
        """Forget what was handed out last time."""
        self._events, self._ended = [], {}
        self._exposures.release()

    def _take_frame(self, rows: Rows, index: int) -> int:
        """All rows of one frame; returns the index of the next frame's first row."""
        depths = rows["depth"]
        end = index + 1
        while end < len(rows) and depths[end]:
            end += 1
        frame = self._marked(rows, index, end)
        if self._began is None:
            self._began = frame[0].time
        counted = [at for at, row in enumerate(frame) if counts(row)]
        parent: TunnelSlot | None = None
        outbound = False
        for at in counted:
            deepest = at == counted[-1]
            parent, outbound = self._take(index + at, frame[at], parent, outbound, deepest)
        return end

    def _marked(self, rows: Rows, index: int, end: int) -> list[Observation]:
        """The rows of one frame, marked; the marks are written back."""
        frame = unpack(rows[index:end])
        for at, row in enumerate(frame):
            frame[at] = self._marks.mark(row, frame[max(at - 1, 0)])
            if frame[at] is not row:
                for name in _MARKED:
                    rows[name][index + at] = getattr(frame[at], name)
        return frame

    def _take(
        self,
        index: int,
        row: Observation,
        parent: TunnelSlot | None,
        parent_outbound: bool,
        deepest: bool,
    ) -> tuple[TunnelSlot | None, bool]:
        """Attribute one row; returns its tunnel and direction for the row nested in it."""
        if row.depth and parent is None:
            return None, False  # nested in a packet that was seen on the other side already
        if row.kind == Kind.IP6_IN_IP6 and parent is not None:
            slot, outbound = parent, parent_outbound
        else:
            seen, outbound = self._slot_of(row, parent, parent_outbound)
            if seen is None:
                self._note_embedded(row)
                return None, False
            self._touch(seen, row.time)
            if row.depth == 0 and self._second_view(index, row, seen, outbound):
                return None, False
            slot = self._views.root(seen)
            slot.see_from(self._vantage(row, seen, slot))
            self._count(index, row, slot, outbound)
        if deepest and not _is_setup(row):
            self._converse(index, row, slot, outbound)
        return slot, outbound

    # tunnels

    def _slot_of(
        self, row: Observation, parent: TunnelSlot | None, parent_outbound: bool
    ) -> tuple[TunnelSlot | None, bool]:
        """The tunnel of a row, if it is anybody's, and whether the row leaves its client."""
        source, destination = source_of(row), destination_of(row)
        if parent is not None and parent.inside_known:
            # A nested tunnel lies the way the one around it does, whatever ends it names.
            client, far = (source, destination) if parent_outbound else (destination, source)
            return self._known_or_new(row, client, far, parent.serial), parent_outbound
        around = parent.serial if parent else NO_PARENT
        slot = self._known(row, source, destination, around)
        if slot is not None:
            slot = self._corrected(slot, row) if slot.inside_known else self._learned(slot, row)
            return slot, slot.client == source
        end = self._inside_end(row, around)
        known = end is not End.UNKNOWN
        if not known:
            end = self._likely_client(row, around)
        if end is End.UNKNOWN:
            return None, False
        client, far = ends_of(row, end)
        return self._new_slot(row, client, far, known, around), end is End.SOURCE

    def _known(
        self, row: Observation, source: Ends, destination: Ends, parent: int
    ) -> TunnelSlot | None:
        """The tunnel of either end; of two, the same one for both directions."""
        found = []
        for client, far in ((source, destination), (destination, source)):
            number = self._clients.get(client_key(row, client, far, parent))
            if number is not None:
                found.append(self.slots[number])
        if len(found) < 2:
            return found[0] if found else None
        return min(found, key=self._doubt)

    def _doubt(self, slot: TunnelSlot) -> tuple[bool, bool, bool, bool, int]:
        """The smaller, the surer it is that the slot's client is an inside end."""
        return (
            not slot.inside_known,
            not slot.local,
            not slot.reasons & _SETUP_SEEN,
            not slot.proved,
            slot.serial,
        )

    def _inside_end(self, row: Observation, parent: int) -> End:
        """By the row alone; else of two Teredo ends the sender, if its mapping is a client's."""
        end = inside_end(row, self.settings)
        if end is not End.UNKNOWN:
            return end
        source = self._mapping_of(row, End.SOURCE, parent)
        if source is None:
            return End.UNKNOWN
        other = self._mapping_of(row, End.DESTINATION, parent)
        sure = other is None or self._doubt(source) < self._doubt(other)
        return End.SOURCE if sure else End.UNKNOWN

    def _likely_client(self, row: Observation, parent: int) -> End:
        if self._mapping_of(row, End.DESTINATION, parent) is not None:
            return End.DESTINATION
        return likely_client(row)

    def _mapping_of(self, row: Observation, end: End, parent: int) -> TunnelSlot | None:
        """The tunnel of a client whose address stands beside another end of the same IPv4."""
        port = mapped_port(row, end)
        if port is None:
            return None
        ip = row.outer_source if end is End.SOURCE else row.outer_destination
        number = self._clients.get(client_key(row, (ip, port), (ip, port), parent))
        slot = None if number is None else self.slots[number]
        return slot if slot is not None and slot.inside_known else None

    def _corrected(self, slot: TunnelSlot, row: Observation) -> TunnelSlot:
        """A client believed by what packets say gives way to an end that lies inside, and until it
        has shown its own address also to one that shows its own."""
        if slot.local or row.outer_transport not in PORTED:
            return slot
        end = lying_inside(row, self.settings)
        if end is End.UNKNOWN and not slot.proved:
            end = mapped_end(row)
        if end is End.UNKNOWN:
            return slot
        client, far = ends_of(row, end)
        return self._known_or_new(row, client, far, slot.parent)

    def _learned(self, slot: TunnelSlot, row: Observation) -> TunnelSlot:
        """A later row may tell the inside end that the first could not."""
        end = self._inside_end(row, slot.parent)
        if end is End.UNKNOWN:
            return slot
        client, far = ends_of(row, end)
        if client != slot.client:
            if row.outer_transport in PORTED:
                return self._known_or_new(row, client, far, slot.parent)
            slot.client, slot.far = client, far
            slot.local = self._is_local(slot)
            slot.inbound, slot.outbound = slot.outbound, slot.inbound
        return self._know_inside(slot)

    def _know_inside(self, slot: TunnelSlot) -> TunnelSlot:
        """What was said before nobody could call inbound: it must not hide what is said now."""
        if not slot.inside_known:
            slot.inside_known = True
            self._conversations.close_of(slot)
        return slot

    def _known_or_new(self, row: Observation, client: Ends, far: Ends, parent: int) -> TunnelSlot:
        """The tunnel of a client that is known to be the inside end."""
        number = self._clients.get(client_key(row, client, far, parent))
        if number is None:
            return self._new_slot(row, client, far, True, parent)
        return self._know_inside(self.slots[number])

    def _new_slot(
        self, row: Observation, client: Ends, far: Ends, known: bool, parent: int
    ) -> TunnelSlot:
        if len(self.slots) >= self.settings.limits.tunnels:
            self._evict_tunnel()
        slot = TunnelSlot(self._next_slot, row, client, far, parent)
        self._next_slot += 1
        slot.inside_known = known
        slot.local = self._is_local(slot)
        slot.key = client_key(row, client, far, parent)
        self.slots[slot.serial] = slot
        self._clients[slot.key] = slot.serial
        self._unanswered[slot.serial] = None
        return slot

    def _touch(self, slot: TunnelSlot, now: int) -> None:
        """Keep the maps in the order of the seconds in which tunnels were last seen."""
        moves = now // SECOND != slot.last // SECOND
        slot.last = max(slot.last, now)
        if not moves:
            return
        self.slots.move_to_end(slot.serial)
        if slot.serial in self._unanswered:
            self._unanswered.move_to_end(slot.serial)

    def _evict_tunnel(self) -> None:
        """The oldest that nobody answered goes first, an answered one only if there is none."""
        self.limits_hit["tunnels"] += 1
        number = next(iter(self._unanswered or self.slots))
        self._end_tunnel(self.slots[number], self.slots[number].last, EVICTED)

    def _end_tunnel(self, slot: TunnelSlot, now: int, value: int = 0) -> None:
        """Forget a tunnel together with its views from the other side of the NAT."""
        self._conversations.close_of(slot)
        for view in list(slot.views):
            self._end_tunnel(self.slots[view], now, value)
        self._exposures.end_of(slot)
        self._peers.forget(slot)
        del self.slots[slot.serial]
        self._unanswered.pop(slot.serial, None)
        del self._clients[slot.key]
        if slot.joined is not None:
            del self.slots[slot.joined].views[slot.serial]
        elif slot.promoted:
            self._ended[slot.serial] = slot
            self._event(EventType.END, -1, slot, now, value=value)
        else:
            self._ended_unpromoted += 1

    def _second_view(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> bool:
        """Whether this packet was already seen on the other side of the NAT; joins the two."""
        other = self._views.other(row, slot, outbound)
        if other is None:
            return False
        own = self._views.root(slot)
        if own is other:
            self._touch(own, row.time)
        else:
            root, absorbed = (own, other) if own.local else (other, own)
            self._join(index, row, root, absorbed)
        return True

    def _join(self, index: int, row: Observation, root: TunnelSlot, absorbed: TunnelSlot) -> None:
        """Make one of two views of a tunnel; the view from inside names the host and stays."""
        self._absorb(root, absorbed)
        self._touch(root, row.time)
        if root.promoted or absorbed.promoted:
            self._promote(index, row, root)
            self._event(EventType.JOIN, index, root, row.time, value=absorbed.serial)

    def _absorb(self, root: TunnelSlot, absorbed: TunnelSlot) -> None:
        for number in (absorbed.serial, *absorbed.views):
            self.slots[number].joined = root.serial
            root.views[number] = None
        absorbed.views = {}
        self._unanswered.pop(absorbed.serial, None)  # now the other one is answered for it
        root.vantages |= absorbed.vantages
        root.see_from(Vantage.INSIDE, Vantage.OUTSIDE)
        root.address = root.address or absorbed.address
        root.asked = root.asked or absorbed.asked
        root.midstream &= absorbed.midstream
        self._conversations.move(absorbed, root)
        self._exposures.move(absorbed, root)

    def _is_local(self, slot: TunnelSlot) -> bool:
        """Whether the client's address is one of the inside network itself."""
        return is_local(outer_ip(slot.client[0], slot.version), vlan_of(slot), self.settings)

    def _vantage(self, row: Observation, seen: TunnelSlot, root: TunnelSlot) -> Vantage:
        """The side named for the capture, else what the client's address tells."""
        if row.source < len(self.vantages) and self.vantages[row.source]:
            return self.vantages[row.source]
        if seen.local:
            return Vantage.INSIDE
        return Vantage.OUTSIDE if root.inside_known else Vantage.UNKNOWN

    def _count(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> None:
        another_kind = bool(slot.packets and row.kinds & ~slot.kinds)
        slot.count(row, outbound)
        if slot.answered:
            self._unanswered.pop(slot.serial, None)
        if not slot.promoted and self._may_promote(slot, row.time):
            self._promote(index, row, slot)
        if slot.promoted:
            self._observe(index, row, slot, outbound)
            if another_kind:
                self._event(EventType.KINDS, index, slot, row.time)
        elif outbound and row.teredo_packet == TeredoPacket.ROUTER_SOLICITATION:
            slot.asked = row
        if row.kind == Kind.TEREDO and not outbound and row.inner_destination != slot.address:
            self._note_embedded(row)

    def _note_embedded(self, row: Observation) -> None:
        """A Teredo destination that is not the client's: somebody tries addresses."""
        address = parse_teredo(row.inner_destination)
        if address is not None:
            self._hosts.note_embedded(address, row.inner_source, row.time)

    def _may_promote(self, slot: TunnelSlot, now: int) -> bool:
        """Answered ones at once; unanswered ones within a budget by packet time."""
        if slot.answered:
            return True
        if slot.refused:
            return False
        minute = now // MINUTE
        if minute != self._promotion_minute:
            self._promotion_minute, self._promotions = minute, 0
        if self._promotions >= self.settings.limits.promotions_per_minute:
            self.limits_hit["promotions"] += 1
            slot.refused = True
            return False
        self._promotions += 1
        return True

    def _promote(self, index: int, row: Observation, slot: TunnelSlot) -> None:
        if not slot.promoted:
            slot.promoted = True
            self._event(EventType.TUNNEL, index, slot, row.time)

    def _observe(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> None:
        """Events of a promoted tunnel."""
        if row.teredo_packet == TeredoPacket.ROUTER_SOLICITATION and outbound:
            self._notice(EventType.SOLICITATION, index, slot, row.time)
        elif row.teredo_packet == TeredoPacket.ROUTER_ADVERTISEMENT and not outbound:
            self._notice(EventType.ADVERTISEMENT, index, slot, row.time)
        if row.kind == Kind.TEREDO:
            self._observe_mapping(index, row, slot, outbound)
            self._observe_test(index, row, slot, outbound)
        if row.trailer_count and outbound:
            self._notice(EventType.TRAILERS, index, slot, row.time, value=1)
        if row.inner_length:
            self._observe_peers(index, row, slot, outbound)
        new = row.anomalies & ~slot.anomalies
        if new:
            slot.anomalies |= new
            self._event(EventType.ANOMALY, index, slot, row.time, value=new)

    def _notice(
        self, kind: EventType, index: int, slot: TunnelSlot, time: int, value: int = 0
    ) -> bool:
        """An event that a sender can cause with every packet, within the tunnel's budget."""
        minute = time // MINUTE
        if minute != slot.minute:
            slot.minute, slot.notices = minute, 0
        if slot.notices >= NOTICES_PER_MINUTE:
            self.limits_hit["notices"] += 1
            return False
        slot.notices += 1
        self._event(kind, index, slot, time, value=value)
        return True

    def _observe_mapping(
        self, index: int, row: Observation, slot: TunnelSlot, outbound: bool
    ) -> None:
        """The client's own address: what it says itself, or what has proved to reach it.

        What others send to an address proves nothing else, and nothing once the client has spoken.
        """
        address = row.inner_source if outbound else row.inner_destination
        if address == slot.address or row.anomalies & Anomaly.RESERVED_FLAGS:
            return
        if not outbound and (slot.address is not None or not maps_destination(row)):
            return
        if parse_teredo(address) is None:
            return
        if self._notice(EventType.MAPPING, index, slot, row.time, value=int(outbound)):
            slot.address = address

    def _observe_test(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> None:
        """RFC 4380 section 5.2.9: the reply comes from the relay nearest to the native node."""
        if outbound and row.teredo_packet == TeredoPacket.CONNECTIVITY_TEST:
            self._tests.ask(slot.client[0], row)
            return
        own = not outbound and row.inner_destination == slot.address
        if own and self._tests.answer(slot.client[0], row):
            self._notice(EventType.TEST_REPLY, index, slot, row.time)

    def _observe_peers(
        self, index: int, row: Observation, slot: TunnelSlot, outbound: bool
    ) -> None:
        slot.far = destination_of(row) if outbound else source_of(row)
        new = [self._peers.meet(slot, end) for end in (slot.far, *embedding_ends(row))]
        if any(new) and row.outer_transport != Transport.UDP:  # Teredo's say all in MAPPING
            self._event(EventType.PEER, index, slot, row.time)

    # conversations

    def _converse(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> None:
        """Count the packet in its inner conversation and say what it opens, answers, refuses."""
        if not row.has_transport or row.inner_transport not in (TCP, UDP, ICMPV6):
            return
        if row.inner_transport == ICMPV6 and row.icmp_type < 128:
            # An error refuses an opening that waits; without one it tells nothing.
            if row.icmp_type == _UNREACHABLE and outbound and slot.promoted and slot.attempts:
                self._notice(EventType.UNREACHABLE, index, slot, row.time)
            return
        conversation = self._conversations.going_on(row, slot)
        new = conversation is None
        if conversation is None:
            conversation = self._begin_conversation(row, slot, outbound)
        if conversation.contradicts(row, outbound):
            return
        conversation.add(row)
        met = self._exposures.kept(conversation.exposure)
        if met is not None:
            met.touch(row.time)
        if not (slot.promoted and conversation.asks_a_service):
            return
        if is_multicast6(conversation.responder[0]):
            return  # a group is no host's service
        told = conversation.told(row, new)
        if told is EventType.COMPLETED:
            self._complete(index, row, slot, conversation)
        elif told is not None:
            self._meet(told, index, row, slot, conversation)

    def _begin_conversation(
        self, row: Observation, slot: TunnelSlot, outbound: bool
    ) -> Conversation:
        from_outside = self._from_outside(row, slot, outbound)
        flipped = self._opened_before(row, slot)
        conversation = self._conversations.begin(row, slot, from_outside, flipped)
        if slot.promoted and conversation.asks_a_service:
            met = self._exposures.find(slot, conversation.transport, conversation.responder)
            conversation.exposure = met.serial if met else -1
        return conversation

    def _from_outside(self, row: Observation, slot: TunnelSlot, outbound: bool) -> bool | None:
        """Whether the sender is outside; None where no inside end is known, or both are."""
        far = destination_of(row) if outbound else source_of(row)
        number = self._clients.get(client_key(row, far, slot.client, slot.parent))
        if number is not None and number != slot.serial:
            other = self.slots[number]
            remote = row.inner_destination if outbound else row.inner_source
            if other.address == remote and other.local:
                return None
        return (not outbound) if slot.inside_known else None

    def _opened_before(self, row: Observation, slot: TunnelSlot) -> bool:
        """Whether the first packet seen is an answer to one that was not.

        For UDP a guess by ports, only where the capture may have begun in mid-life: else a sender
        could choose its port to hide an opening.
        """
        if row.inner_transport == TCP:
            return row.tcp_flags & (SYN | ACK) == SYN | ACK
        if row.inner_transport != UDP or not slot.midstream or self._began is None:
            return False
        early = row.time - self._began <= UNSEEN_START
        return early and row.inner_source_port < WELL_KNOWN_PORTS <= row.inner_destination_port

    # exposures

    def _meet(
        self,
        kind: EventType,
        index: int,
        row: Observation,
        slot: TunnelSlot,
        conversation: Conversation,
    ) -> None:
        """The service that the conversation asks for, and the event if that is news."""
        exposure = self._exposure_of(index, row, slot, conversation)
        if exposure is None:
            return
        conversation.exposure = exposure.serial
        remote = conversation.originator
        state = _OUTCOMES.get(kind, State.ATTEMPTED if slot.answered else State.REPLY_UNSEEN)
        # The first packet of a conversation is its opening, unless the answer was seen first.
        given = _PROOFS[kind] | (0 if conversation.flipped else PROOF_OPENING)
        stronger = self._exposures.meet(exposure, slot, state, remote, row.time)
        if exposure.prove(remote, given) or stronger:
            serials = conversation.serial, exposure.serial
            self._event(kind, index, slot, row.time, *serials, int(stronger))

    def _exposure_of(
        self, index: int, row: Observation, slot: TunnelSlot, conversation: Conversation
    ) -> ExposureSlot | None:
        """Known or new; None if there is no room and none to give way."""
        transport, service = conversation.transport, conversation.responder
        exposure = self._exposures.find(slot, transport, service)
        if exposure is not None:
            return exposure
        if self._exposures.full:
            dropped = self._exposures.drop_oldest()
            if dropped is None:
                return None
            carrier = dropped.slot
            self._event(EventType.DROPPED, index, carrier, row.time, exposure=dropped.serial)
        return self._exposures.make(slot, transport, service, row.time)

    def _complete(
        self, index: int, row: Observation, slot: TunnelSlot, conversation: Conversation
    ) -> None:
        """The one who opened confirmed the answer: one more proof, if of the attempt told of."""
        exposure = self._exposures.kept(conversation.exposure)
        if exposure is not None and exposure.prove(conversation.originator, PROOF_COMPLETED):
            serials = conversation.serial, exposure.serial
            self._event(EventType.COMPLETED, index, slot, row.time, *serials)

    def refuse(
        self, tunnel: int, transport: int, service: Ends, remote: bytes, port: int, time: int
    ) -> int:
        """See ``TableLike``."""
        slot, end = self.slots[tunnel], (remote, port)
        exposure = self._exposures.find(slot, transport, service)
        if exposure is None:
            return -1
        stronger = self._exposures.meet(exposure, slot, State.REFUSED, end, time)
        return exposure.serial if exposure.prove(end, PROOF_UNREACHABLE) or stronger else -1

    # what is read

    def tunnel(self, place: int) -> TunnelState:
        """A slot that is alive, or ended in the last update."""
        return (self.slots.get(place) or self._ended[place]).frozen()

    def conversation(self, place: int) -> ConversationState:
        return self._conversations[place].frozen()

    def exposure(self, place: int) -> ExposureState:
        return self._exposures[place].frozen()

    def services(self, tunnel: int) -> list[int]:
        return list((self.slots.get(tunnel) or self._ended[tunnel]).services)

    def remotes(self, exposure: int, most: int) -> list[bytes]:
        return list(islice(self._exposures[exposure].remotes, most))

    def take_closed(self) -> list[ConversationState]:
        return self._conversations.take()

    def drop_closed(self) -> None:
        self._conversations.drop()

    def hosts(self) -> list[HostState]:
        return self._hosts.frozen()

    # time

    def expire(self, now: int) -> list[Event]:
        """End what has been silent for too long by packet time; returns END events."""
        self._begin()
        limits = self.settings.limits
        self._conversations.close_idle(now)
        for slot in list(self.slots.values()):
            idle = limits.teredo_idle_ns if slot.kind == Kind.TEREDO else limits.tunnel_idle_ns
            if slot.serial in self.slots and now - slot.last > idle:
                self._end_tunnel(slot, now)
        self._marks.expire(now)
        return self._events

    def finish(self) -> None:
        """The capture is over: every conversation ends, tunnels are left as they are."""
        self._conversations.close_all()

    @property
    def unpromoted(self) -> int:
        """Candidates that no answer and no budget made a tunnel, those of the past included."""
        waiting = sum(not slot.promoted and slot.joined is None for slot in self.slots.values())
        return waiting + self._ended_unpromoted

    def _event(
        self,
        kind: EventType,
        index: int,
        slot: TunnelSlot,
        time: int,
        conversation: int = -1,
        exposure: int = -1,
        value: int = 0,
    ) -> None:
        self._events.append(Event(time, value, index, slot.serial, conversation, exposure, kind))


def _is_setup(row: Observation) -> bool:
    return row.teredo_packet in _SETUP
