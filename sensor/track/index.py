"""Bounded, seeded, ordered maps in one flat memory, for compiled code.

A map has a fixed number of places. It finds the place of a key, keeps places in an order (oldest
first) and gives freed places out again. Keys are words of 64 bits; what belongs to a key lies in
arrays of the caller, by place. All maps share one ``int64`` memory, so that compiled functions
pass one array; memory that was never used is never touched.

The hash is NH over words (each half added to a secret, halves multiplied, products summed; RFC
4418 section 5), then multiplied by a secret odd number of which the top bits count: whoever does
not know the secrets finds two keys of one bucket with a chance of two in the number of buckets.
Results never depend on the secrets.

A key to be found or added stands anywhere, in this memory or another, with its hash in the word
before it, so that whoever needs it twice hashes it once. Where no place is named it is the key at
hand.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sensor.jit import compiled, inlined, prefetch

Memory = npt.NDArray[np.int64]
signed: Any = np.int64  # a word of 64 bits, whatever number it came from

KEY_WORDS = 16  # of the longest key

# The head of the memory: secrets, the hash of the key at hand and that key. Places in it are
# NumPy's integers: of Python's, Numba compiles each function anew for every number.
_SECRETS = 0  # four for each word of a key: two for each of two independent hashes
_ODD = _SECRETS + 4 * KEY_WORDS
SECRETS = 4 * KEY_WORDS + 1
KEY: Any = np.int64(_ODD + 2)
HEAD = int(KEY) + KEY_WORDS

# The head of each map.
_CAPACITY, _WIDTH, _STRIDE, _SHIFT, _MASK = 0, 1, 2, 3, 4
_COUNT, _USED, _FREE, _OLDEST, _NEWEST = 5, 6, 7, 8, 9
_PLACES, _BUCKETS, _LEAST_SHIFT, _LAST_FREE = 10, 11, 12, 13
MAP_HEAD = 14
# Buckets of an empty map: few, so that a small map stays in the processor's cache.
_FIRST_BITS = 10

# A bucket holds a place + 1 in its lower half, 0 if it is empty, and above it the upper half of the
# hash: enough to pass by the places of other keys, which may lie far apart, without a look at them.
_PLACE, _TAG = np.int64(0xFFFFFFFF), np.int64(-1 << 32)

# The words of each place, side by side so that one line of the cache holds most of them: the
# places before and after it (+ 1; 0: none), the hash of its key, the key, the caller's data. A
# freed place is chained by its first word: the second one stays, so that a walk goes on from a
# place that has ended.
_PREVIOUS, _NEXT, _OWN_HASH, _KEY = 0, 1, 2, 3
_LINE = 8  # words in a line of the cache

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


# Laying out, in Python


class Shape(NamedTuple):
    """How many places a map has, and the words of a key and of the data of a place."""

    capacity: int
    key: int
    data: int

    @property
    def stride(self) -> int:
        """Words of a place; whole lines, unless that would waste more than it saves."""
        words = _KEY + self.key + self.data
        return -(-words // _LINE) * _LINE if -words % _LINE <= 2 else words

    @property
    def size(self) -> int:
        return -(-(self.capacity * self.stride + (1 << self.bits)) // _LINE) * _LINE

    @property
    def bits(self) -> int:
        """Of the number of buckets when the map is full: at least a third of them is empty."""
        return max(1, (self.capacity * 3 // 2).bit_length())


def zeroed(words: int) -> Memory:
    """A memory that begins where a line of the cache does."""
    memory = np.zeros(words + _LINE, dtype=np.int64)
    skip = -memory.ctypes.data // 8 % _LINE
    return memory[skip : skip + words]


def sow(memory: Memory, secrets: Memory) -> None:
    """Write the secrets: ``int64[SECRETS]`` of chance."""
    memory[_SECRETS : _SECRETS + SECRETS] = secrets
    memory[_ODD] |= 1


def lay_map(memory: Memory, head: int, start: int, shape: Shape) -> int:
    """Write the head of an empty map whose words start at ``start``; returns where they end."""
    memory[head + _CAPACITY] = shape.capacity
    memory[head + _WIDTH] = shape.key
    memory[head + _STRIDE] = shape.stride
    bits = min(shape.bits, _FIRST_BITS)
    memory[head + _SHIFT] = 64 - bits
    memory[head + _MASK] = (1 << bits) - 1
    memory[head + _LEAST_SHIFT] = 64 - shape.bits
    memory[head + _PLACES] = start
    memory[head + _BUCKETS] = start + shape.capacity * shape.stride
    return start + shape.size


# Reading, in Python


def words_of(memory: Memory, head: int, place: int) -> int:
    """Where the caller's words of a place begin."""
    at = memory[head + _PLACES] + place * memory[head + _STRIDE]
    return int(at + _KEY + memory[head + _WIDTH])


def key_of(memory: Memory, head: int, place: int) -> Memory:
    start = int(memory[head + _PLACES] + place * memory[head + _STRIDE]) + _KEY
    return memory[start : start + int(memory[head + _WIDTH])]


def in_order(memory: Memory, head: int) -> list[int]:
    """Places, oldest first."""
    places: list[int] = []
    place = int(memory[head + _OLDEST]) - 1
    while place >= 0:
        places.append(place)
        place = int(memory[memory[head + _PLACES] + place * memory[head + _STRIDE] + _NEXT]) - 1
    return places


def chain(memory: Memory, ends: int, head: int, field: int, most: int) -> list[int]:
    """The places of a chain, at most so many, first to last."""
    places: list[int] = []
    place = int(memory[ends]) - 1
    while place >= 0 and len(places) < most:
        places.append(place)
        place = int(memory[words_of(memory, head, place) + field + _NEXT]) - 1
    return places


# Hashing


@inlined
def _nh(m: Memory, words: int, first: int, k: Memory, key: int) -> np.uint64:
    """NH of a key of so many words at ``k[key]``, with the secrets from ``first`` on."""
    total = np.uint64(words)
    for i in range(words):
        word = np.uint64(k[key + i])
        low = (word + np.uint64(m[first + 2 * i])) & _LOW
        high = ((word >> _HALF) + np.uint64(m[first + 2 * i + 1])) & _LOW
        total += low * high
    return total


@compiled
def hash_key(m: Memory, head: int) -> None:
    """Hash the key at hand for a map."""
    hash_at(m, m[head + _WIDTH], m, KEY)


@inlined
def hash_at(m: Memory, words: int, k: Memory, key: int) -> None:
    """Hash a key of so many words, as ``hash_key`` does."""
    k[key - 1] = signed(_nh(m, words, _SECRETS, k, key) * np.uint64(m[_ODD]))


@inlined
def fold(m: Memory, words: int, k: Memory, key: int, to: Memory, short: int) -> None:
    """Make of a key of so many words two words at ``to[short]`` that tell it apart from any other
    met.

    Two keys fold to the same with a chance of 2**-64, whatever is known but the secrets. The first
    of the two serves as their hash.
    """
    first = _nh(m, words, _SECRETS, k, key)
    second = _nh(m, words, _SECRETS + 2 * KEY_WORDS, k, key)
    to[short - 1] = signed(first * np.uint64(m[_ODD]))
    to[short] = signed(first)
    to[short + 1] = signed(second)


@compiled
def _home(m: Memory, head: int, hashed: int) -> int:
    """The bucket where a hash belongs; the upper half of it is enough."""
    return signed(np.uint64(hashed) >> np.uint64(m[head + _SHIFT]))


@compiled
def _at(m: Memory, head: int, place: int) -> int:
    """Where the words of a place begin."""
    return m[head + _PLACES] + place * m[head + _STRIDE]


@compiled
def data(m: Memory, head: int, place: int) -> int:
    """Where the caller's words of a place begin."""
    return _at(m, head, place) + _KEY + m[head + _WIDTH]


@compiled
def _same_key(m: Memory, a: int, k: Memory, key: int, width: int) -> bool:
    i = 0
    while i < width and m[a + i] == k[key + i]:
        i += 1
    return i == width


@compiled
def _write_key(m: Memory, head: int, place: int, k: Memory, key: int) -> None:
    at = _at(m, head, place)
    m[at + _OWN_HASH] = k[key - 1]
    for i in range(m[head + _WIDTH]):
        m[at + _KEY + i] = k[key + i]


# Finding, adding, ending


@compiled
def find(m: Memory, head: int) -> int:
    """The place of the key at hand, or -1; ``add`` may then follow without a second search."""
    hash_key(m, head)
    return seek(m, head, m, KEY)


@compiled
def seek(m: Memory, head: int, k: Memory, key: int) -> int:
    """The place of a hashed key, or -1; ``put`` may then follow."""
    hashed, width = k[key - 1], m[head + _WIDTH]
    buckets, mask = m[head + _BUCKETS], m[head + _MASK]
    bucket = _home(m, head, hashed)
    while True:
        word = m[buckets + bucket]
        if word == 0:
            return -1
        if (word ^ hashed) & _TAG == 0:
            place = (word & _PLACE) - 1
            if _same_key(m, _at(m, head, place) + _KEY, k, key, width):
                return place
        bucket = (bucket + 1) & mask


@compiled
def add(m: Memory, head: int) -> int:
    """A place for the key at hand, which ``find`` has just missed; -1 if there is none."""
    return put(m, head, m, KEY)


@compiled
def put(m: Memory, head: int, k: Memory, key: int) -> int:
    """A place for a hashed key, which ``seek`` has just missed; -1 if there is none."""
    place = m[head + _FREE] - 1
    if place >= 0:
        free = m[_at(m, head, place) + _PREVIOUS]
        m[head + _FREE] = free
        prefetch(m, _at(m, head, free - 1), 0)  # the next one to be given out
    else:
        place = m[head + _USED]
        if place >= m[head + _CAPACITY]:
            return -1
        m[head + _USED] = place + 1
    _write_key(m, head, place, k, key)
    _into_bucket(m, head, place)
    _append(m, head + _OLDEST, m[head + _PLACES], m[head + _STRIDE], place)
    m[head + _COUNT] += 1
    if 2 * m[head + _COUNT] > m[head + _MASK] and m[head + _SHIFT] > m[head + _LEAST_SHIFT]:
        _grow(m, head)
    return place


@compiled
def _grow(m: Memory, head: int) -> None:
    """Twice as many buckets."""
    buckets = m[head + _BUCKETS]
    for i in range(m[head + _MASK] + 1):
        m[buckets + i] = 0
    m[head + _MASK] = 2 * m[head + _MASK] + 1
    m[head + _SHIFT] -= 1
    place = oldest(m, head)
    while place >= 0:
        _into_bucket(m, head, place)
        place = after(m, head, place)


@compiled
def _into_bucket(m: Memory, head: int, place: int) -> None:
    buckets, mask = m[head + _BUCKETS], m[head + _MASK]
    hashed = m[_at(m, head, place) + _OWN_HASH]
    bucket = _home(m, head, hashed)
    while m[buckets + bucket]:
        bucket = (bucket + 1) & mask
    m[buckets + bucket] = hashed & _TAG | place + 1


@compiled
def _out_of_bucket(m: Memory, head: int, place: int) -> None:
    """Empty a place's bucket and move up whoever was pushed past it."""
    buckets, mask = m[head + _BUCKETS], m[head + _MASK]
    hole = _home(m, head, m[_at(m, head, place) + _OWN_HASH])
    while m[buckets + hole] & _PLACE != place + 1:
        hole = (hole + 1) & mask
    bucket = hole
    while True:
        bucket = (bucket + 1) & mask
        word = m[buckets + bucket]
        if word == 0:
            break
        if (bucket - _home(m, head, word)) & mask >= (bucket - hole) & mask:
            m[buckets + hole] = word
            hole = bucket
    m[buckets + hole] = 0


@compiled
def hide(m: Memory, head: int, place: int) -> None:
    """Forget a key and its turn; the place stays taken until it is released."""
    _out_of_bucket(m, head, place)
    _unlink(m, head + _OLDEST, m[head + _PLACES], m[head + _STRIDE], place)
    m[head + _COUNT] -= 1


@compiled
def release(m: Memory, head: int, place: int) -> None:
    """Give out a hidden place again."""
    m[_at(m, head, place) + _PREVIOUS] = m[head + _FREE]
    m[head + _FREE] = place + 1


@compiled
def drop(m: Memory, head: int, place: int) -> None:
    hide(m, head, place)
    release(m, head, place)


@compiled
def retire(m: Memory, head: int, place: int) -> None:
    """Drop a place and give it out again after all others, so that what comes one after another
    lies side by side: for a map of which no place ends otherwise, mostly the oldest."""
    hide(m, head, place)
    m[_at(m, head, place) + _PREVIOUS] = 0
    if m[head + _FREE]:
        m[_at(m, head, m[head + _LAST_FREE] - 1) + _PREVIOUS] = place + 1
    else:
        m[head + _FREE] = place + 1
    m[head + _LAST_FREE] = place + 1


@compiled
def rename(m: Memory, head: int, place: int) -> None:
    """Give a place the key at hand, which ``find`` has just missed; it keeps its turn."""
    _out_of_bucket(m, head, place)
    _write_key(m, head, place, m, KEY)
    _into_bucket(m, head, place)


@compiled
def recall(m: Memory, head: int, place: int) -> None:
    """Make a place's key the key at hand."""
    key = _at(m, head, place) + _KEY
    for i in range(m[head + _WIDTH]):
        m[KEY + i] = m[key + i]


# Fetching ahead. These are hints: where a key will be looked for, whatever changes until then.


@compiled
def fetch_bucket(m: Memory, head: int, k: Memory, key: int) -> None:
    """Ask for the bucket of a hashed key."""
    prefetch(m, m[head + _BUCKETS] + _home(m, head, k[key - 1]), 0)


@compiled
def fetch_place(m: Memory, head: int, k: Memory, key: int) -> int:
    """Ask for the place of a hashed key; returns it, or another one very rarely, or -1."""
    hashed, buckets, mask = k[key - 1], m[head + _BUCKETS], m[head + _MASK]
    bucket = _home(m, head, hashed)
    while True:
        word = m[buckets + bucket]
        if word == 0:
            return -1
        if (word ^ hashed) & _TAG == 0:
            place = (word & _PLACE) - 1
            at = _at(m, head, place)
            prefetch(m, at, 0)
            prefetch(m, at, _LINE)
            return place
        bucket = (bucket + 1) & mask


@compiled
def fetch_oldest(m: Memory, head: int) -> None:
    """Ask for what it takes to drop the second oldest place, and for the place after it.

    Called after each drop, so that every place is asked for two drops ahead of its own.
    """
    if m[head + _COUNT] > 1:
        at = _at(m, head, after(m, head, oldest(m, head)))
        prefetch(m, m[head + _BUCKETS] + _home(m, head, m[at + _OWN_HASH]), 0)
        prefetch(m, _at(m, head, m[at + _NEXT] - 1), 0)


@compiled
def fetch_side_by_side(m: Memory, head: int, ahead: int) -> None:
    """Ask for what it will take to retire the place that is so many behind the oldest, and for the
    place as many further on; there is one at least."""
    place, used = oldest(m, head) + ahead, m[head + _USED]
    at = _at(m, head, place if place < used else place - used if place < 2 * used else 0)
    prefetch(m, m[head + _BUCKETS] + _home(m, head, m[at + _OWN_HASH]), 0)
    prefetch(m, at + ahead * m[head + _STRIDE], 0)


@compiled
def spare(m: Memory, head: int) -> int:
    """The place that will be given out next, -1 where none was freed."""
    return m[head + _FREE] - 1


@compiled
def fetch_neighbours(m: Memory, head: int, field: int, place: int) -> None:
    """Ask for the places before and after one in a chain."""
    at = data(m, head, place) + field
    prefetch(m, _at(m, head, m[at + _PREVIOUS] - 1), 0)
    prefetch(m, _at(m, head, m[at + _NEXT] - 1), 0)


# Order


@compiled
def touch(m: Memory, head: int, place: int) -> None:
    """Make a place the newest."""
    if m[head + _NEWEST] != place + 1:
        places, stride = m[head + _PLACES], m[head + _STRIDE]
        _unlink(m, head + _OLDEST, places, stride, place)
        _append(m, head + _OLDEST, places, stride, place)


@compiled
def count(m: Memory, head: int) -> int:
    return m[head + _COUNT]


@compiled
def oldest(m: Memory, head: int) -> int:
    """The first place in order, or -1."""
    return m[head + _OLDEST] - 1


@compiled
def after(m: Memory, head: int, place: int) -> int:
    """The next place in order, or -1; also asked of a place that has ended just now."""
    return m[_at(m, head, place) + _NEXT] - 1


# Chains of places through two of the caller's words, from ``field`` on; ``ends`` is where the
# first and the last place of the chain stand.


@compiled
def append(m: Memory, ends: int, head: int, field: int, place: int) -> None:
    _append(m, ends, data(m, head, 0) + field, m[head + _STRIDE], place)


@compiled
def unlink(m: Memory, ends: int, head: int, field: int, place: int) -> None:
    _unlink(m, ends, data(m, head, 0) + field, m[head + _STRIDE], place)


@compiled
def following(m: Memory, head: int, field: int, place: int) -> int:
    """The place behind another in its chain, or -1."""
    return m[data(m, head, place) + field + _NEXT] - 1


@compiled
def _append(m: Memory, ends: int, links: int, stride: int, place: int) -> None:
    last = m[ends + 1]
    at = links + place * stride
    m[at + _PREVIOUS] = last
    m[at + _NEXT] = 0
    if last:
        m[links + (last - 1) * stride + _NEXT] = place + 1
    else:
        m[ends] = place + 1
    m[ends + 1] = place + 1


@compiled
def _unlink(m: Memory, ends: int, links: int, stride: int, place: int) -> None:
    at = links + place * stride
    before, behind = m[at + _PREVIOUS], m[at + _NEXT]
    if before:
        m[links + (before - 1) * stride + _NEXT] = behind
    else:
        m[ends] = behind
    if behind:
        m[links + (behind - 1) * stride + _PREVIOUS] = before
    else:
        m[ends + 1] = before
