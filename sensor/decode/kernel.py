"""The compiled decoder: what ``sensor.decode.scalar`` specifies, row for row and bit for bit.

Its parts, and the rules they keep, are in ``sensor.decode.compiled``. Most frames are ordinary and
told without a walk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sensor.capture.batch import FrameBatch
from sensor.decode.compiled.datagram import datagram, udp
from sensor.decode.compiled.link import ethernet
from sensor.decode.compiled.native import inside, ipv4, ipv6
from sensor.decode.compiled.numbers import LINK_ETHERNET
from sensor.decode.compiled.octets import WORD_SIZE, Array, Number, Record
from sensor.decode.compiled.ordinary import ORDINARY_LAYERS, ordinary
from sensor.decode.compiled.protocol41 import judge_protocol_41, protocol_41
from sensor.decode.compiled.seldom import seldom
from sensor.decode.compiled.settings import arrays
from sensor.decode.compiled.state import (
    FIRST_STEP,
    ROW,
    STEP_DATAGRAM,
    STEP_INSIDE,
    STEP_IPV4,
    STEP_IPV6,
    STEP_LINK,
    STEP_PROTOCOL_41,
    STEP_TUNNEL,
    STEP_UDP,
    UNDECIDED,
    WALK,
)
from sensor.decode.compiled.teredo import is_known
from sensor.decode.compiled.walk import begin, carrier, finish, tunnel
from sensor.decode.compiled.words import EVIDENCE_KNOWN_SERVER
from sensor.decode.decoded import Decoded
from sensor.jit import entry, fixed, inlined, pointer_to, prefetch
from sensor.schema.rows import OBSERVATION, STACK_LIMIT

if TYPE_CHECKING:
    from sensor.decode.settings import DecodeSettings

_FIRST_ROWS = 4096
# The headers of frames so far ahead are asked for: two lines of the cache hold them.
_AHEAD = 12
_LINE_WORDS = 8


def _example() -> tuple[Any, ...]:
    from sensor.decode.settings import DecodeSettings  # a builder's alone: it brings codecs

    columns = tuple(_read_only(dtype) for dtype in ("i8", "i8", "i8", "i8", "i4"))
    found = np.empty(0, ROW), np.empty(0, np.uint8), np.empty((0, 2), np.int64)
    return _read_only("u1"), columns, arrays(DecodeSettings()), np.empty(0, WALK), *found, 0, 0


def _read_only(dtype: str) -> Array:
    """What is only read may be writable or not."""
    array = np.empty(0, dtype)
    array.flags.writeable = False
    return array


@entry(_example)
def _decode(
    arena: Array,
    columns: tuple[Array, ...],
    settings: tuple[Array, ...],
    walks: Array,
    rows: Array,
    reasons: Array,
    fragments: Array,
    first_frame: Number,
    start: Number,
) -> Number:
    """Walk through the frames from ``start`` on while the rows of one more have room.

    The answer is the frame to go on with.
    """
    offsets, captured, wire, times, link_types = columns
    names = settings[4], settings[5], settings[6], settings[7]
    ports = settings[8]
    walk = walks[0]
    enough_layers = walk["layers"] >= ORDINARY_LAYERS
    # These have a place for every frame: what is asked of each is read unchecked.
    start_of, size_of, type_of = pointer_to(offsets), pointer_to(captured), pointer_to(link_types)
    frames = len(offsets)
    i = start
    while i < frames:
        ahead = start_of[min(i + _AHEAD, frames - 1)]
        prefetch(arena, ahead, 0)
        prefetch(arena, ahead, _LINE_WORDS)
        reason = UNDECIDED
        if enough_layers and type_of[i] == LINK_ETHERNET:
            reason = ordinary(arena, names, ports, start_of[i], start_of[i] + size_of[i])
        if reason == UNDECIDED:
            if len(rows) - walk["count"] <= walk["tunnels"]:
                break
            walk["number"] = first_frame + i
            begin(walk, offsets[i], captured[i], wire[i], times[i])
            reason = _through(arena, settings, walk, rows, np.int64(link_types[i]))
            if walk["fragment"] >= 0:
                fragments[walk["fragments"], 0] = i
                fragments[walk["fragments"], 1] = walk["fragment"]
                walk["fragments"] += 1
        reasons[i] = reason
        i += 1
    return i


@inlined
def _through(
    arena: Array, settings: tuple[Array, ...], walk: Record, rows: Array, link_type: Number
) -> Number:
    """Walk through one frame."""
    domains, relays, servers_4, servers_6, whole, first, parent, hints, _ = settings
    names = whole, first, parent, hints
    walk["code"] = link_type
    step = ethernet(arena, walk) if link_type == LINK_ETHERNET else STEP_LINK
    while step >= FIRST_STEP:
        row = rows[walk["count"]]
        if step == STEP_IPV4:
            step = ipv4(arena, walk)
        elif step == STEP_UDP:
            step = udp(arena, walk)
        elif step == STEP_DATAGRAM:
            step = datagram(arena, walk, row)
            if step == STEP_TUNNEL and is_known(walk, servers_4, servers_6):
                row["reasons"] |= EVIDENCE_KNOWN_SERVER
        elif step == STEP_PROTOCOL_41:
            step = protocol_41(arena, walk, row, carrier(walk, rows))
            if step == STEP_TUNNEL:
                judge_protocol_41(walk, row, domains, relays)
        elif step == STEP_TUNNEL:
            step = tunnel(walk, row)
        elif step == STEP_INSIDE:
            step = inside(walk)
        elif step == STEP_IPV6:
            step = ipv6(arena, walk, row)
        else:
            step = seldom(arena, walk, rows, names, step)
    if walk["count"] == walk["first"] and not walk["unfollowed"]:
        return walk["quoting"] if walk["quoting"] else step
    return finish(walk, rows)


def _octets(arena: Array) -> Array:
    """The same octets in the one type that ``_decode`` is compiled for, and at least a word."""
    if arena.size < WORD_SIZE:
        arena = np.pad(arena, (0, WORD_SIZE))
    return np.ascontiguousarray(arena)


class Kernel:
    """Decodes batches as ``sensor.decode.scalar.decode_batch`` does."""

    def __init__(self, settings: DecodeSettings) -> None:
        self._settings = fixed(arrays(settings))
        self._walk = np.zeros(1, dtype=WALK)
        self._walk["layers"] = min(settings.layers, STACK_LIMIT)
        self._walk["tunnels"] = self._tunnels = min(settings.tunnels, STACK_LIMIT)
        self._rows = np.empty(_FIRST_ROWS, dtype=OBSERVATION)
        self._views = self._rows.view(ROW)
        self._fragments = np.empty((0, 2), dtype=np.int64)

    def decode(self, batch: FrameBatch) -> Decoded:
        """Decode every frame of a batch, in order.

        Returns rows of dtype ``OBSERVATION`` (a frame has none, one, or one per nested tunnel,
        depth ascending), ``uint8[len(batch)]`` of ``Reason``, and ``int64[n, 2]`` of where
        fragments stand; rows and fragments are valid until the next call. Never raises for what a
        frame holds.
        """
        columns = (batch.offsets, batch.captured, batch.wire, batch.times, batch.linktypes)
        frames = _octets(batch.arena), tuple(map(np.ascontiguousarray, columns))
        reasons = np.empty(len(batch), dtype=np.uint8)
        if len(self._fragments) < len(batch):
            self._fragments = np.empty((len(batch), 2), dtype=np.int64)
        self._walk["source"] = batch.source
        self._walk["count"] = self._walk["fragments"] = done = 0
        while done < len(batch):
            done = self._decode(*frames, reasons, int(batch.first_frame), done)
            if done < len(batch):
                self._grow(len(batch))
        fragments = self._fragments[: self._walk["fragments"][0]]
        return Decoded(self._rows[: self._walk["count"][0]], reasons, fragments)

    def _decode(
        self, arena: Array, columns: tuple[Array, ...], reasons: Array, first_frame: int, start: int
    ) -> int:
        found = self._walk, self._views, reasons, self._fragments
        done: int = _decode(arena, columns, self._settings, *found, first_frame, start)
        return done

    def _grow(self, frames: int) -> None:
        """Room for twice as many rows, up to what so many frames can have."""
        most = frames * max(self._tunnels, 1) + 1
        rows = np.empty(min(2 * len(self._rows), most), dtype=OBSERVATION)
        count = self._walk["count"][0]
        rows[:count] = self._rows[:count]
        self._rows, self._views = rows, rows.view(ROW)
