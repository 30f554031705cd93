"""The captures of the benchmark: made by seed, in chunks, the same octets every time.

Frames are smaller than on a real uplink, 212 octets on average in the mixed capture and 167 in
the tunnelled one, so that 10,000,000 of them stay in the memory of a small machine: half of TCP's
segments are bare acknowledgements, the others carry 60 to 1,000 octets (inside tunnels 24 to 480);
voice has 160, DNS and ARP what they need. Payload is random and checksums are right. Conversations
begin, answer and end, but for those that the end of the capture cuts. In the scattered
capture ordinary ones have their first frame only, and frames 90 octets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from .census import Census
from .draws import Draws, Numbers, Octets, Purpose
from .frames import Book, Frames, Painter, pcap_header
from .scripts import FORGED, MILLISECOND, QUALIFICATION, Carrier, Share, ordinary, tunnelled
from .world import Tunnels, World

SEED = 4380
FIRST_TIME = 1_795_248_000_000_000  # 2026-11-21T08:00:00Z
_CONVERSATIONS_AT_ONCE = 8_192
_SHORTEST_GAP, _GAPS = MILLISECOND, 60 * MILLISECOND


@dataclass(frozen=True)
class Recipe:
    """What a capture is made of; ``rate`` is its frames in a second of packet time.

    The first conversations set up one Teredo tunnel each, the others are drawn by ``shares``.
    """

    frames: int
    rate: int
    shares: tuple[Share, ...]
    tunnels: Tunnels
    seed: int = SEED


def mixed(frames: int) -> Recipe:
    """2 % tunnelled, over 300 tunnels."""
    shares = (*ordinary(98), *tunnelled(2))
    return Recipe(frames, 200_000, shares, Tunnels(264, 24, 12))


def scattered(frames: int) -> Recipe:
    """As ``mixed``, but each ordinary frame is a flow of its own.

    So it is in scans, floods and sampled traffic. Tools that follow flows need longer for it.
    """
    alone = [
        Share(replace(script, steps=script.steps[:1]), share) for script, share in ordinary(98)
    ]
    return replace(mixed(frames), shares=(*alone, *tunnelled(2)))


def all_tunnelled(frames: int, tunnels: int = 10_000) -> Recipe:
    """Nothing but tunnels, 88 % of them Teredo."""
    sixinfour, sixtofour = tunnels * 8 // 100, tunnels * 4 // 100
    of_kinds = Tunnels(tunnels - sixinfour - sixtofour, sixinfour, sixtofour)
    return Recipe(frames, 150_000, tuple(tunnelled(100)), of_kinds)


def forged(frames: int) -> Recipe:
    """Each frame from another endpoint, none of them answered."""
    return Recipe(frames, 200_000, (Share(FORGED, 1),), Tunnels(0, 0, 0))


def write(recipe: Recipe, stream: BinaryIO) -> Census:
    """Write the whole capture."""
    return _Writer(recipe).write(stream)


class _Writer:
    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._draws = Draws(recipe.seed)
        self._world = World(self._draws, recipe.tunnels)
        # The scripts of shares, then the one that sets tunnels up.
        self._scripts = [share.script for share in recipe.shares] + [QUALIFICATION]
        self._book = Book(self._scripts)
        self._painter = Painter(self._book, self._world, self._draws)
        often = np.array([share.frames / len(share.script.steps) for share in recipe.shares])
        self._up_to = np.cumsum(often) / often.sum()
        frames_each = sum(share.frames for share in recipe.shares) / often.sum()
        self._spacing_ns = round(frames_each * 1e9 / recipe.rate)
        self._seen: set[int] = set()

    def write(self, stream: BinaryIO) -> Census:
        census = Census()
        stream.write(pcap_header())
        for frames in self._in_order():
            part = frames.at(slice(self._recipe.frames - census.frames))
            stream.write(self._records(part, census).data)
            if census.frames == self._recipe.frames:
                break
        census.tunnels = len(self._seen)
        return census

    def _in_order(self) -> Iterator[Frames]:
        """All frames by time, a chunk at a time, without end."""
        first = 0
        waiting = self._frames_of(np.arange(0))
        while True:
            batch = np.arange(first, first + _CONVERSATIONS_AT_ONCE)
            first += _CONVERSATIONS_AT_ONCE
            waiting = waiting.before(self._frames_of(batch))
            waiting = waiting.at(np.argsort(waiting.time, kind="stable"))
            # No later conversation has a frame before its own start.
            ready = int(np.searchsorted(waiting.time, self._start(np.array([first]))[0]))
            yield waiting.at(slice(ready))
            waiting = waiting.at(slice(ready, None))

    def _start(self, conversations: Numbers) -> Numbers:
        starts: Numbers = FIRST_TIME + conversations * self._spacing_ns // 1000
        return starts

    def _frames_of(self, conversations: Numbers) -> Frames:
        """Every frame of these conversations."""
        scripts = self._script_of(conversations)
        lengths = self._book.length[scripts]
        total = int(lengths.sum())
        number = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        gaps = self._gap_of(conversations, scripts)
        return Frames(
            np.repeat(conversations, lengths),
            np.repeat(self._book.first[scripts], lengths) + number,
            np.repeat(self._start(conversations), lengths) + number * np.repeat(gaps, lengths),
        )

    def _script_of(self, conversations: Numbers) -> Numbers:
        drawn = self._draws.below(1 << 40, Purpose.SCRIPT, conversations) / (1 << 40)
        scripts: Numbers = np.searchsorted(self._up_to, drawn, side="right")
        setting_up = conversations < self._recipe.tunnels.teredo
        scripts[setting_up] = len(self._scripts) - 1
        return scripts

    def _gap_of(self, conversations: Numbers, scripts: Numbers) -> Numbers:
        fixed = np.array([script.gap or 0 for script in self._scripts])[scripts]
        drawn = _SHORTEST_GAP + self._draws.below(_GAPS, Purpose.GAP, conversations)
        gaps: Numbers = np.where(fixed > 0, fixed, drawn)
        return gaps

    def _records(self, frames: Frames, census: Census) -> Octets:
        """The frames' records one after the other, as the file holds them."""
        shapes = self._book.shape[frames.step]
        lengths = np.zeros(len(frames), np.int64)
        painted = []
        for number in np.unique(shapes):
            chosen = np.flatnonzero(shapes == number)
            shape, of_shape = self._book.shapes[number], frames.at(chosen)
            records = self._painter.records(shape, of_shape)
            lengths[chosen] = records.shape[1]
            painted.append((chosen, records))
            if shape.carrier is not Carrier.NONE:
                self._count_tunnels(shape.carrier, self._painter.tunnels(shape, of_shape), census)
        starts = np.cumsum(lengths) - lengths
        whole = np.empty(int(lengths.sum()), np.uint8)
        for chosen, records in painted:
            windows = np.lib.stride_tricks.sliding_window_view(
                whole, records.shape[1], writeable=True
            )
            windows[starts[chosen]] = records
        census.frames += len(frames)
        census.octets += len(whole) - 16 * len(frames)
        return whole

    def _count_tunnels(self, carrier: Carrier, tunnels: Numbers, census: Census) -> None:
        self._seen.update(np.unique(tunnels).tolist())
        if carrier is not Carrier.PROTOCOL_41:
            census.kinds["teredo"] += len(tunnels)
            return
        sixtofour = int(self._recipe.tunnels.is_sixtofour(tunnels).sum())
        census.kinds += Counter({"6to4": sixtofour, "6in4": len(tunnels) - sixtofour})
