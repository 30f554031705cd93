"""The open conversations of the scalar table, and the pile of those that ended."""

from __future__ import annotations

from collections import Counter, OrderedDict

from sensor.schema.rows import Observation
from sensor.track.conversation import Conversation
from sensor.track.hosts import Hosts
from sensor.track.keys import conversation_key, moved_key
from sensor.track.layout import ConversationState
from sensor.track.limits import CLOSED_KEPT, SECOND
from sensor.track.settings import TrackLimits
from sensor.track.slots import TunnelSlot

# What the pile leaves free, so that any one frame can be taken whole.
_FRAME_ROOM = 16


class Conversations:
    """By serial, in the order of the seconds in which they were last heard."""

    def __init__(self, limits: TrackLimits, hosts: Hosts, limits_hit: Counter[str]) -> None:
        self._limits = limits
        self._hosts = hosts
        self._limits_hit = limits_hit
        self._open: OrderedDict[int, tuple[Conversation, TunnelSlot]] = OrderedDict()
        self._serials: dict[bytes, int] = {}
        self._pile: list[Conversation] = []
        self._next = 0

    def __len__(self) -> int:
        return len(self._open)

    def __getitem__(self, serial: int) -> Conversation:
        return self._open[serial][0]

    @property
    def full(self) -> bool:
        """Whether the pile must be taken before another frame."""
        kept = len(self._open) + len(self._pile)
        return kept > self._limits.conversations + CLOSED_KEPT - _FRAME_ROOM

    def going_on(self, row: Observation, slot: TunnelSlot) -> Conversation | None:
        """The conversation of a packet; one that gives way to it ends here."""
        serial = self._serials.get(conversation_key(row, slot.serial))
        if serial is None:
            return None
        conversation = self[serial]
        if conversation.gives_way_to(row):
            self.close(serial)
            return None
        if row.time // SECOND != conversation.last // SECOND:
            self._open.move_to_end(serial)
        return conversation

    def begin(
        self, row: Observation, slot: TunnelSlot, from_outside: bool | None, flipped: bool
    ) -> Conversation:
        """A new one with ``row`` as its first packet, still uncounted; the oldest makes room."""
        if len(self._open) >= self._limits.conversations:
            self._limits_hit["conversations"] += 1
            self.close(next(iter(self._open)))
        key = conversation_key(row, slot.serial)
        conversation = Conversation(self._next, row, slot.serial, key, from_outside)
        self._next += 1
        if flipped:
            conversation.flip()
        self._file(conversation, slot)
        if slot.promoted and conversation.asks_a_service:
            self._hosts.note_conversation(conversation)
        return conversation

    def _file(self, conversation: Conversation, slot: TunnelSlot) -> None:
        self._open[conversation.serial] = conversation, slot
        self._serials[conversation.key] = conversation.serial
        slot.open[conversation.serial] = None

    def close(self, serial: int) -> None:
        """End one; those of candidates are forgotten at once."""
        conversation, slot = self._open.pop(serial)
        del self._serials[conversation.key]
        del slot.open[serial]
        if not slot.promoted:
            return
        self._pile.append(conversation)
        if conversation.asks_a_service and not conversation.received.packets:
            self._hosts.note_unanswered(conversation)

    def close_of(self, slot: TunnelSlot) -> None:
        """End those of one tunnel."""
        for serial in list(slot.open):
            self.close(serial)

    def close_idle(self, now: int) -> None:
        """End what has been silent for too long."""
        for serial, (conversation, _) in list(self._open.items()):
            if now - conversation.last > conversation.idle(self._limits):
                self.close(serial)

    def close_all(self) -> None:
        for serial in list(self._open):
            self.close(serial)

    def move(self, absorbed: TunnelSlot, root: TunnelSlot) -> None:
        """Open conversations go on in the tunnel that stays, unless it has seen them itself."""
        for serial in list(absorbed.open):
            conversation = self[serial]
            key = moved_key(conversation.key, root.serial)
            if key in self._serials:
                self.close(serial)
                continue
            del self._serials[conversation.key]
            del absorbed.open[serial]
            conversation.key, conversation.tunnel = key, root.serial
            self._file(conversation, root)

    def take(self) -> list[ConversationState]:
        """Those that ended, in that order, once."""
        pile, self._pile = self._pile, []
        return [conversation.frozen() for conversation in pile]

    def drop(self) -> None:
        self._pile.clear()
