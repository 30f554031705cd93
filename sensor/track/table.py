"""The table: tunnels, conversations and learned flows by packet time, rows in, events out.

This is the scalar specification. Whatever becomes compiled keeps its rows and its events. All
keys are packed octets, all maps keep insertion order, and every one of them has a limit.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from sensor.schema.rows import Event, Observation
from sensor.schema.words import (
    Anomaly,
    End,
    EventType,
    Evidence,
    Kind,
    TeredoPacket,
    Transport,
    Vantage,
)
from sensor.track.conversation import ICMPV6, TCP, UDP, Conversation
from sensor.track.keys import (
    client_key,
    conversation_key,
    destination_of,
    moved_key,
    source_of,
)
from sensor.track.marks import Marks, counts
from sensor.track.marks import accepted as accepted
from sensor.track.recent import Recent, Sighting, signature, view_key
from sensor.track.settings import TrackSettings
from sensor.track.slots import Ends, TunnelSlot
from sensor.track.vantage import (
    inside_end,
    is_local,
    likely_client,
    maps_destination,
    outer_ip,
)
from sensor.wire.addresses import is_multicast6, parse_teredo
from sensor.wire.tcp import ACK, RST, SYN

MINUTE = 60_000_000_000
# A conversation first met within this time of the first row, on a tunnel met in mid-life, may have
# been opened before the capture began.
UNSEEN_START = MINUTE
WELL_KNOWN_PORTS = 1024
TESTS_KEPT = 16
EVICTED = 1  # value of an END event: there was no room; 0: silent for too long
NEVER = 1 << 63  # later than any packet time
_ECHO_REPLY = 129
_UNREACHABLE = 1
_SETUP = (TeredoPacket.ROUTER_SOLICITATION, TeredoPacket.ROUTER_ADVERTISEMENT)
_SETUP_SEEN = Evidence.ROUTER_SOLICITATION | Evidence.ROUTER_ADVERTISEMENT


class Table:
    """Rows in packet-time order in, events out; see the module's docstring."""

    def __init__(self, settings: TrackSettings, vantages: tuple[Vantage, ...] = ()) -> None:
        self.settings = settings
        self.vantages = vantages
        self.slots: OrderedDict[int, TunnelSlot] = OrderedDict()
        self.conversations: OrderedDict[int, Conversation] = OrderedDict()
        self.limits_hit: Counter[str] = Counter()
        self._next_slot = 0
        self._next_conversation = 0
        self._unanswered: OrderedDict[int, None] = OrderedDict()
        self._clients: dict[bytes, int] = {}
        self._conversation_keys: dict[bytes, int] = {}
        self._began: int | None = None
        self._marks = Marks(settings.limits, self.limits_hit)
        self._views = Recent(settings.limits.join_window_ns)
        self._promotion_minute = -1
        self._promotions = 0
        self._events: list[Event] = []
        self._closed: list[Conversation] = []
        self._ended: dict[int, TunnelSlot] = {}
        self._ended_unpromoted = 0

    # rows

    def update(
        self, rows: list[Observation], start: int, until: int = NEVER
    ) -> tuple[int, list[Event]]:
        """Take rows in packet-time order (those of one frame together, depth ascending).

        Goes from ``start`` to the end of the first frame that causes events, so that whoever
        handles them finds the counters as they were at that frame, wherever a batch ends; and no
        further than the first frame at ``until`` or later, when a sweep is due. Returns where to
        go on and the events in order; an event's ``row`` is an index of ``rows``. Rows are marked
        in place: learned flows named, mirrored copies given their original.
        """
        self._begin()
        index = start
        while index < len(rows) and not self._events and rows[index].time < until:
            index = self._take_frame(rows, index)
        return index, self._events

    def _begin(self) -> None:
        """Forget what was handed out last time."""
        self._events, self._closed, self._ended = [], [], {}

    def _take_frame(self, rows: list[Observation], index: int) -> int:
        """All rows of one frame; returns the index of the next frame's first row."""
        if self._began is None:
            self._began = rows[index].time
        end = index + 1
        while end < len(rows) and rows[end].depth:
            end += 1
        for at in range(index, end):
            rows[at] = self._marks.mark(rows[at], rows[at - 1])
        counted = [at for at in range(index, end) if counts(rows[at])]
        parent: TunnelSlot | None = None
        outbound = False
        for at in counted:
            parent, outbound = self._take(at, rows[at], parent, outbound, at == counted[-1])
        return end

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
            self._touch(seen, row.time)
            if row.depth == 0 and self._second_view(index, row, seen, outbound):
                return None, False
            slot = self._root(seen)
            self._count(index, row, slot, outbound)
        if deepest and not _is_setup(row):
            self._converse(index, row, slot, outbound)
        return slot, outbound

    # tunnels

    def _slot_of(
        self, row: Observation, parent: TunnelSlot | None, parent_outbound: bool
    ) -> tuple[TunnelSlot, bool]:
        """The tunnel of a row and whether the row leaves its client."""
        source, destination = source_of(row), destination_of(row)
        if parent is not None and parent.inside_known:
            # A nested tunnel lies the way the one around it does, whatever ends it names.
            client, far = (source, destination) if parent_outbound else (destination, source)
            return self._known_or_new(row, client, far, parent.slot), parent_outbound
        around = parent.slot if parent else None
        slot = self._known(row, source, destination, around)
        if slot is not None:
            if not slot.inside_known:
                slot = self._learn_inside(slot, row)
            return slot, slot.client == source
        end = inside_end(row, self.settings)
        known = end is not End.UNKNOWN
        if not known:
            end = likely_client(row)
        client, far = (source, destination) if end is End.SOURCE else (destination, source)
        return self._new_slot(row, client, far, known, around), end is End.SOURCE

    def _known(
        self, row: Observation, source: Ends, destination: Ends, parent: int | None
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

    def _doubt(self, slot: TunnelSlot) -> tuple[bool, bool, bool, int]:
        """The smaller, the surer it is that the slot's client is an inside end."""
        return (
            not slot.inside_known,
            not self._is_local(slot.client[0], slot),
            not slot.reasons & _SETUP_SEEN,
            slot.slot,
        )

    def _learn_inside(self, slot: TunnelSlot, row: Observation) -> TunnelSlot:
        """A later row may tell the inside end that the first could not."""
        end = inside_end(row, self.settings)
        if end is End.UNKNOWN:
            return slot
        source, destination = source_of(row), destination_of(row)
        client, far = (source, destination) if end is End.SOURCE else (destination, source)
        if client != slot.client:
            if row.outer_transport == Transport.UDP:
                return self._known_or_new(row, client, far, slot.parent)
            slot.client, slot.far = client, far
            slot.inbound, slot.outbound = slot.outbound, slot.inbound
        slot.inside_known = True
        return slot

    def _known_or_new(
        self, row: Observation, client: Ends, far: Ends, parent: int | None
    ) -> TunnelSlot:
        """The tunnel of a client that is known to be the inside end."""
        number = self._clients.get(client_key(row, client, far, parent))
        if number is None:
            return self._new_slot(row, client, far, True, parent)
        slot = self.slots[number]
        slot.inside_known = True
        return slot

    def _new_slot(
        self, row: Observation, client: Ends, far: Ends, known: bool, parent: int | None
    ) -> TunnelSlot:
        if len(self.slots) >= self.settings.limits.tunnels:
            self._evict_tunnel()
        slot = TunnelSlot(self._next_slot, row, client, far, known)
        self._next_slot += 1
        slot.parent = parent
        slot.key = client_key(row, client, far, parent)
        self.slots[slot.slot] = slot
        self._clients[slot.key] = slot.slot
        self._unanswered[slot.slot] = None
        return slot

    def _touch(self, slot: TunnelSlot, now: int) -> None:
        """Keep the maps in the order in which tunnels were last seen."""
        slot.last = max(slot.last, now)
        self.slots.move_to_end(slot.slot)
        if slot.slot in self._unanswered:
            self._unanswered.move_to_end(slot.slot)

    def _evict_tunnel(self) -> None:
        """The oldest that nobody answered goes first, an answered one only if there is none."""
        self.limits_hit["tunnels"] += 1
        number = next(iter(self._unanswered or self.slots))
        self._end_tunnel(self.slots[number], self.slots[number].last, EVICTED)

    def _end_tunnel(self, slot: TunnelSlot, now: int, value: int = 0) -> None:
        """Forget a tunnel together with its views from the other side of the NAT."""
        for number in list(slot.open):
            self._close(number)
        for view in list(slot.views):
            self._end_tunnel(self.slots[view], now, value)
        del self.slots[slot.slot]
        self._unanswered.pop(slot.slot, None)
        del self._clients[slot.key]
        if slot.joined is not None:
            del self.slots[slot.joined].views[slot.slot]
        elif slot.promoted:
            self._ended[slot.slot] = slot
            self._event(EventType.END, -1, slot, now, value=value)
        else:
            self._ended_unpromoted += 1

    def _root(self, slot: TunnelSlot) -> TunnelSlot:
        return slot if slot.joined is None else self.slots[slot.joined]

    def _second_view(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> bool:
        """Whether this packet was already seen on the other side of the NAT; joins the two."""
        client, far = source_of(row), destination_of(row)
        if not outbound:
            client, far = far, client
        key = view_key(row, far, outbound)
        if key is None:
            return False
        seen, sign = self._views.find(key, row.time), signature(row)
        if seen is None or seen.client == client or seen.signature != sign:
            if self._views.add(key, Sighting(row.time, row.frame, client, sign)):
                self.limits_hit["sightings"] += 1
            return False
        other = self._clients.get(client_key(row, seen.client, far, None))
        if other is None:
            return False
        return self._join(index, row, slot, self.slots[other])

    def _join(self, index: int, row: Observation, slot: TunnelSlot, other: TunnelSlot) -> bool:
        """Make one of two views of a tunnel; the view from inside names the host and stays."""
        first, second = self._root(slot), self._root(other)
        if first is second:
            self._touch(first, row.time)
            return True
        inside = [view for view in (second, first) if self._is_local(view.client[0], view)]
        if len(inside) != 1 or not _mapping_agrees(row, first, second):
            return False
        root = inside[0]
        absorbed = first if root is second else second
        self._absorb(root, absorbed)
        self._touch(root, row.time)
        if root.promoted or absorbed.promoted:
            self._promote(index, row, root)
            self._event(EventType.JOIN, index, root, row.time, value=absorbed.slot)
        return True

    def _absorb(self, root: TunnelSlot, absorbed: TunnelSlot) -> None:
        for number in (absorbed.slot, *absorbed.views):
            self.slots[number].joined = root.slot
            root.views[number] = None
        absorbed.views = {}
        self._unanswered.pop(absorbed.slot, None)  # from now on the other one is answered for it
        root.vantages |= absorbed.vantages | {Vantage.INSIDE, Vantage.OUTSIDE}
        root.address = root.address or absorbed.address
        root.asked = root.asked or absorbed.asked
        root.midstream &= absorbed.midstream
        self._move_conversations(absorbed, root)

    def _move_conversations(self, absorbed: TunnelSlot, root: TunnelSlot) -> None:
        """Open conversations go on in the tunnel that stays, unless it has seen them itself."""
        for number in list(absorbed.open):
            conversation = self.conversations[number]
            key = moved_key(conversation.key, root.slot)
            if key in self._conversation_keys:
                self._close(number)
                continue
            del self._conversation_keys[conversation.key]
            self._conversation_keys[key] = number
            conversation.key, conversation.tunnel = key, root.slot
            del absorbed.open[number]
            root.open[number] = None

    def _is_local(self, address: bytes, slot: TunnelSlot) -> bool:
        ip = outer_ip(address, 4 if slot.ipv4 else 6)
        return is_local(ip, slot.vlan, self.settings)

    def _vantage(self, row: Observation, slot: TunnelSlot, outbound: bool) -> Vantage:
        """The side named for the capture, else what the client's address tells."""
        if row.source < len(self.vantages) and self.vantages[row.source]:
            return self.vantages[row.source]
        client = row.outer_source if outbound else row.outer_destination
        if self._is_local(client, slot):
            return Vantage.INSIDE
        return Vantage.OUTSIDE if slot.inside_known else Vantage.UNKNOWN

    def _count(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> None:
        another_kind = bool(slot.packets and row.kinds & ~slot.kinds)
        slot.count(row, outbound)
        slot.vantages.add(self._vantage(row, slot, outbound))
        if slot.answered:
            self._unanswered.pop(slot.slot, None)
        if not slot.promoted and self._may_promote(slot, row.time):
            self._promote(index, row, slot)
        if slot.promoted:
            self._observe(index, row, slot, outbound)
            if another_kind:
                self._event(EventType.KINDS, index, slot, row.time)
        elif outbound and row.teredo_packet == TeredoPacket.ROUTER_SOLICITATION:
            slot.asked = row

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
            self._event(EventType.SOLICITATION, index, slot, row.time)
        elif row.teredo_packet == TeredoPacket.ROUTER_ADVERTISEMENT and not outbound:
            self._event(EventType.ADVERTISEMENT, index, slot, row.time)
        if row.kind == Kind.TEREDO:
            self._observe_mapping(index, row, slot, outbound)
            self._observe_test(index, row, slot, outbound)
        if row.trailer_count:
            self._event(EventType.TRAILERS, index, slot, row.time, value=int(outbound))
        self._observe_peer(index, row, slot, outbound)
        new = row.anomalies & ~slot.anomalies
        if new:
            slot.anomalies |= new
            self._event(EventType.ANOMALY, index, slot, row.time, value=new)

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
        if parse_teredo(address) is not None:
            slot.address = address
            self._event(EventType.MAPPING, index, slot, row.time, value=int(outbound))

    def _observe_test(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> None:
        """RFC 4380 section 5.2.9: the reply comes from the relay nearest to the native node."""
        if outbound and row.teredo_packet == TeredoPacket.CONNECTIVITY_TEST:
            slot.tests[row.inner_destination, row.inner_source_port, row.icmp_sequence] = None
            if len(slot.tests) > TESTS_KEPT:
                slot.tests.popitem(last=False)
        elif not outbound and _is_echo_reply(row):
            test = (row.inner_source, row.inner_source_port, row.icmp_sequence)
            if test in slot.tests:
                del slot.tests[test]
                self._event(EventType.TEST_REPLY, index, slot, row.time)

    def _observe_peer(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> None:
        far = destination_of(row) if outbound else source_of(row)
        slot.far = far
        if far in slot.peers:
            return
        if len(slot.peers) >= self.settings.limits.peers:
            self.limits_hit["peers"] += 1
            return
        slot.peers[far] = None
        self._event(EventType.PEER, index, slot, row.time)

    # conversations

    def _converse(self, index: int, row: Observation, slot: TunnelSlot, outbound: bool) -> None:
        """Count the packet in its inner conversation and say what it opens, answers, refuses."""
        if not row.has_transport or row.inner_transport not in (TCP, UDP, ICMPV6):
            return
        if row.inner_transport == ICMPV6 and row.icmp_type < 128:
            if row.icmp_type == _UNREACHABLE and outbound and slot.promoted:
                self._event(EventType.UNREACHABLE, index, slot, row.time)
            return
        number, new = self._conversation_of(row, slot, outbound)
        conversation = self.conversations[number]
        conversation.add(row)
        if not (slot.promoted and conversation.from_outside):
            return
        if is_multicast6(conversation.responder[0]):
            return  # a group is no host's service
        if row.inner_transport == TCP:
            self._converse_tcp(index, row, slot, conversation, number)
        elif row.inner_transport == UDP:
            self._converse_udp(index, row, slot, conversation, number, new)

    def _conversation_of(
        self, row: Observation, slot: TunnelSlot, outbound: bool
    ) -> tuple[int, bool]:
        key = conversation_key(row, slot.slot)
        number = self._conversation_keys.get(key)
        if number is not None:
            if not self.conversations[number].gives_way_to(row):
                self.conversations.move_to_end(number)
                return number, False
            self._close_early(number, row.time)
        if len(self.conversations) >= self.settings.limits.conversations:
            self.limits_hit["conversations"] += 1
            self._close_early(next(iter(self.conversations)), row.time)
        number = self._next_conversation
        self._next_conversation += 1
        conversation = Conversation(row, slot.slot, key, self._from_outside(row, slot, outbound))
        if self._opened_before(row, slot):
            conversation.flip()
        self.conversations[number] = conversation
        self._conversation_keys[key] = number
        slot.open[number] = None
        return number, True

    def _from_outside(self, row: Observation, slot: TunnelSlot, outbound: bool) -> bool | None:
        """Whether the sender is outside; None where no inside end is known, or both are."""
        far = destination_of(row) if outbound else source_of(row)
        number = self._clients.get(client_key(row, far, slot.client, slot.parent))
        if number is not None and number != slot.slot:
            other = self.slots[number]
            remote = row.inner_destination if outbound else row.inner_source
            if other.address == remote and self._is_local(far[0], other):
                return None
        return (not outbound) if slot.inside_known else None

    def _opened_before(self, row: Observation, slot: TunnelSlot) -> bool:
        """Whether the first packet seen is an answer to one that was not.

        For UDP this is a guess by ports, made only where the capture may have begun in mid-life:
        elsewhere a sender could choose its port to hide an opening.
        """
        if row.inner_transport == TCP:
            return row.tcp_flags & (SYN | ACK) == SYN | ACK
        if row.inner_transport != UDP or not slot.midstream or self._began is None:
            return False
        early = row.time - self._began <= UNSEEN_START
        return early and row.inner_source_port < WELL_KNOWN_PORTS <= row.inner_destination_port

    def _converse_tcp(
        self,
        index: int,
        row: Observation,
        slot: TunnelSlot,
        conversation: Conversation,
        number: int,
    ) -> None:
        flags = row.tcp_flags
        event: EventType | None = None
        if conversation.by_originator(row):
            if flags & (SYN | ACK | RST) == SYN:
                event = EventType.OPENING
                conversation.open(row)
            elif (
                flags & (ACK | RST) == ACK and conversation.answered and not conversation.completed
            ):
                event = EventType.COMPLETED
                conversation.completed = True
        elif conversation.answers_syn(row):
            if flags & (SYN | ACK) == SYN | ACK:
                event = EventType.ANSWER
                conversation.answered = True
            elif flags & RST and conversation.syns and not conversation.answered:
                event = EventType.REFUSAL
        if event is not None:
            self._event(event, index, slot, row.time, number)

    def _converse_udp(
        self,
        index: int,
        row: Observation,
        slot: TunnelSlot,
        conversation: Conversation,
        number: int,
        new: bool,
    ) -> None:
        if conversation.by_originator(row):
            if new:
                self._event(EventType.OPENING, index, slot, row.time, number)
        elif conversation.received.packets == 1:
            self._event(EventType.ANSWER, index, slot, row.time, number)

    def _close_early(self, number: int, now: int) -> None:
        """A conversation that ends between two sweeps, in its turn among the events."""
        slot = self.slots[self.conversations[number].tunnel]
        self._close(number)
        self._event(EventType.CLOSED, -1, slot, now)

    def _close(self, number: int) -> None:
        conversation = self.conversations.pop(number)
        del self._conversation_keys[conversation.key]
        slot = self.slots[conversation.tunnel]
        del slot.open[number]
        if slot.promoted:
            self._closed.append(conversation)

    def take_closed(self) -> list[Conversation]:
        """Conversations that the last call ended; those of candidates are not kept."""
        closed, self._closed = self._closed, []
        return closed

    def tunnel(self, number: int) -> TunnelSlot:
        """A slot that is alive, or ended in the last update."""
        return self.slots.get(number) or self._ended[number]

    # time

    def expire(self, now: int) -> list[Event]:
        """End what has been silent for too long by packet time; returns END events."""
        self._begin()
        limits = self.settings.limits
        for number, conversation in list(self.conversations.items()):
            if now - conversation.last > conversation.idle(limits):
                self._close(number)
        for slot in list(self.slots.values()):
            idle = limits.teredo_idle_ns if slot.kind == Kind.TEREDO else limits.tunnel_idle_ns
            if slot.slot in self.slots and now - slot.last > idle:
                self._end_tunnel(slot, now)
        self._marks.expire(now)
        return self._events

    def finish(self) -> None:
        """The capture is over: every conversation ends, tunnels are left as they are."""
        self._begin()
        for number in list(self.conversations):
            self._close(number)

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
        value: int = 0,
    ) -> None:
        self._events.append(Event(kind, index, slot.slot, conversation, time, value))


def _mapping_agrees(row: Observation, first: TunnelSlot, second: TunnelSlot) -> bool:
    """Where the packet names the client's mapping, it must be the public one of the two."""
    clients = (first.client, second.client)
    if row.outer_transport != Transport.UDP:
        return True
    if _is_setup(row):
        return not row.has_origin or (row.origin_ip.ljust(16, b"\0"), row.origin_port) in clients
    return any(
        address is not None and (address.ip.ljust(16, b"\0"), address.port) in clients
        for address in (parse_teredo(row.inner_source), parse_teredo(row.inner_destination))
    )


def _is_setup(row: Observation) -> bool:
    return row.teredo_packet in _SETUP


def _is_echo_reply(row: Observation) -> bool:
    return bool(
        row.has_transport and row.inner_transport == ICMPV6 and row.icmp_type == _ECHO_REPLY
    )
