"""The maps of compiled code against plain dictionaries, whatever is done to them in what order."""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from typing import Any

import numpy as np
import pytest

import sensor.track.index
from sensor.track.index import KEY, KEY_WORDS, MAP_HEAD, SECRETS, Shape

from ..modules import compiled

index = compiled(sensor.track.index)

Key = tuple[int, ...]

# Word 64 decides which bits of a hash choose the bucket; with nothing but zeros all words below
# 2**32 have the hash of their number, and all keys want the same bucket.
SECRET = {
    "zero": bytes(8 * SECRETS),
    "ones": b"\xff" * (8 * SECRETS),
    "random": random.Random(5).randbytes(8 * SECRETS),
}
CHAINS = 3
# In the data of a place: a stamp, then the two words of its turn in a chain.
STAMP, TURN, WIDTH = 0, 1, 3


class Memory:
    """One memory with some maps and, behind their heads, the ends of their chains."""

    def __init__(self, secrets: bytes, *shapes: Shape) -> None:
        heads = [index.HEAD + number * MAP_HEAD for number in range(len(shapes))]
        ends = index.HEAD + len(shapes) * MAP_HEAD
        first = ends + 2 * CHAINS * len(shapes)
        self.words = index.zeroed(first + sum(shape.size for shape in shapes))
        index.sow(self.words, np.frombuffer(secrets, dtype=np.int64))
        self.maps: list[Model] = []
        for number, shape in enumerate(shapes):
            self.maps.append(Model(self, heads[number], ends + 2 * CHAINS * number, shape))
            first = index.lay_map(self.words, heads[number], first, shape)
        assert first == len(self.words)

    def taken(self) -> list[int]:
        return [len(model.stamps) for model in self.maps]

    def set_key(self, key: Key) -> None:
        self.words[KEY : KEY + len(key)] = key


class Model:
    """A map and the dictionary, lists and sets that it should equal."""

    def __init__(self, memory: Memory, head: int, ends: int, shape: Shape) -> None:
        self.memory, self.shape = memory, shape
        # NumPy's integers, as the table's: of Python's each would be compiled for anew.
        self.head: Any = np.int64(head)
        self.ends: list[Any] = [np.int64(ends + 2 * number) for number in range(CHAINS)]
        self.kept: OrderedDict[Key, int] = OrderedDict()
        self.hidden: dict[int, int] = {}  # place -> the one that came after it
        self.stamps: dict[int, int] = {}
        self.chains: list[list[int]] = [[] for _ in range(CHAINS)]

    @property
    def words(self) -> sensor.track.index.Memory:
        words: sensor.track.index.Memory = self.memory.words
        return words

    def _stamp_at(self, place: int) -> int:
        return int(index.data(self.words, self.head, place)) + STAMP

    def find(self, key: Key) -> int:
        self.memory.set_key(key)
        place = int(index.find(self.words, self.head))
        assert place == self.kept.get(key, -1), key
        return place

    def add(self, key: Key) -> int:
        """Where the key is, was, or could not be put."""
        found = self.find(key)
        if found >= 0:
            return found
        place = int(index.add(self.words, self.head))
        full = len(self.kept) + len(self.hidden) == self.shape.capacity
        assert (place == -1) == full
        if place >= 0:
            assert place < self.shape.capacity
            assert place not in self.stamps
            self.kept[key] = place
            self.stamps[place] = len(self.stamps) + 1_000_000 * place
            self.words[self._stamp_at(place)] = self.stamps[place]
        return place

    def rename(self, key: Key, other: Key) -> None:
        if self.find(other) >= 0:
            return
        place = self.kept[key]
        index.rename(self.words, self.head, place)
        self.kept = OrderedDict(
            (other if known == key else known, at) for known, at in self.kept.items()
        )

    def touch(self, key: Key) -> None:
        index.touch(self.words, self.head, self.kept[key])
        self.kept.move_to_end(key)

    def hide(self, key: Key) -> None:
        behind = self.after(key)
        place = self.kept.pop(key)
        index.hide(self.words, self.head, place)
        self.hidden[place] = behind

    def after(self, key: Key) -> int:
        order = list(self.kept.values())
        return (*order, -1)[order.index(self.kept[key]) + 1]

    def release(self, place: int) -> None:
        self._leave_chains(place)
        index.release(self.words, self.head, place)
        del self.hidden[place], self.stamps[place]

    def drop(self, key: Key) -> None:
        place, behind = self.kept[key], self.after(key)
        self._leave_chains(place)
        del self.kept[key], self.stamps[place]
        index.drop(self.words, self.head, place)
        assert index.after(self.words, self.head, place) == behind

    def retire(self, key: Key) -> None:
        place, behind = self.kept[key], self.after(key)
        del self.kept[key], self.stamps[place]
        index.retire(self.words, self.head, place)
        assert index.after(self.words, self.head, place) == behind

    def append(self, number: int, place: int) -> None:
        if any(place in chain for chain in self.chains):
            return
        index.append(self.words, self.ends[number], self.head, TURN, place)
        self.chains[number].append(place)

    def _leave_chains(self, place: int) -> None:
        for number, chain in enumerate(self.chains):
            if place in chain:
                self.unlink(number, place)

    def unlink(self, number: int, place: int) -> None:
        index.unlink(self.words, self.ends[number], self.head, TURN, place)
        self.chains[number].remove(place)

    def check(self) -> None:
        """All that can be read equals the model."""
        words, head = self.words, self.head
        order = list(self.kept.values())
        assert index.in_order(words, head) == order
        assert index.count(words, head) == len(order)
        assert index.oldest(words, head) == (order[0] if order else -1)
        for key, place in list(self.kept.items()):
            assert tuple(index.key_of(words, head, place).tolist()) == key
            assert self.find(key) == place
            self.memory.set_key((0,) * KEY_WORDS)
            index.recall(words, head, place)
            assert tuple(words[KEY : KEY + len(key)].tolist()) == key
        for place, stamp in self.stamps.items():
            assert words[self._stamp_at(place)] == stamp
        for number, chain in enumerate(self.chains):
            ends = int(self.ends[number])
            assert index.chain(words, ends, head, TURN, len(chain) + 1) == chain
            assert index.chain(words, ends, head, TURN, 2) == chain[:2]


def some_key(dice: random.Random, width: int) -> Key:
    """One of few, so that they meet again; words that hash alike where secrets are zero."""
    few = [0, 1, -1, 1 << 62, -(1 << 63), 1 << 32]
    return tuple(
        dice.choice(few) if dice.random() < 0.3 else dice.randrange(4) for _ in range(width)
    )


def step(dice: random.Random, model: Model) -> None:
    """One random operation that a caller may do."""
    key = some_key(dice, model.shape.key)
    held = list(model.kept)
    taken = list(model.stamps)
    act = dice.random()
    if act < 0.35 or not held:
        model.add(key)
    elif act < 0.45:
        model.find(key)
    elif act < 0.55:
        model.touch(dice.choice(held))
    elif act < 0.65:
        model.drop(dice.choice(held))
    elif act < 0.72:
        model.hide(dice.choice(held))
    elif act < 0.79 and model.hidden:
        model.release(dice.choice(list(model.hidden)))
    elif act < 0.86:
        model.rename(dice.choice(held), key)
    elif act < 0.95:
        model.append(dice.randrange(CHAINS), dice.choice(taken))
    else:
        number = dice.randrange(CHAINS)
        if model.chains[number]:
            model.unlink(number, dice.choice(model.chains[number]))


@pytest.mark.slow
@pytest.mark.parametrize("secrets", SECRET)
@pytest.mark.parametrize("capacity", [1, 2, 3, 8, 40])
def test_anything_in_any_order(capacity: int, secrets: str, seed: int) -> None:
    dice = random.Random(f"{seed} {capacity} {secrets}")
    memory = Memory(SECRET[secrets], *(Shape(capacity, width, WIDTH) for width in (1, 3, 7)))
    most = [0] * len(memory.maps)
    for number in range(1500):
        step(dice, dice.choice(memory.maps))
        most = [max(pair) for pair in zip(most, memory.taken(), strict=True)]
        if number % 10 == 0:
            for model in memory.maps:
                model.check()
    assert min(most) >= min(capacity, 8)


@pytest.mark.slow
@pytest.mark.parametrize("secrets", ["ones", "random"])
def test_a_map_grows_and_shrinks(secrets: str, seed: int) -> None:
    """Beyond the buckets that it begins with, and again and again."""
    dice = random.Random(f"{seed} {secrets}")
    (model,) = Memory(SECRET[secrets], Shape(3000, 2, WIDTH)).maps
    for most in (3000, 500, 3000):
        while len(model.kept) < most:
            model.add((dice.getrandbits(62), dice.randrange(4)))
        model.check()
        for key in dice.sample(list(model.kept), 400):
            model.drop(key)
            model.add((dice.getrandbits(62), -1))
        while len(model.kept) > 200:
            model.drop(dice.choice(list(model.kept)))
        model.check()


def test_a_full_map_gives_no_place_until_one_is_released() -> None:
    (model,) = Memory(SECRET["zero"], Shape(3, 1, WIDTH)).maps
    places = {model.add((number,)) for number in range(3)}
    assert places == {0, 1, 2}
    assert model.add((3,)) == -1
    model.hide((1,))
    assert model.add((3,)) == -1
    assert model.find((1,)) == -1
    model.release(next(iter(model.hidden)))
    assert model.add((3,)) in places
    model.check()


@pytest.mark.parametrize("secrets", SECRET)
@pytest.mark.parametrize("capacity", [1, 2, 3, 8, 40])
def test_retired_places_are_given_out_in_turn(capacity: int, secrets: str, seed: int) -> None:
    dice = random.Random(f"{seed} {capacity} {secrets}")
    (model,) = Memory(SECRET[secrets], Shape(capacity, 2, WIDTH)).maps
    free: deque[int] = deque()
    used = 0
    for number in range(1000):
        held, act = list(model.kept), dice.random()
        if act < 0.5:
            place = model.add((number, 0))
            if free:
                assert place == free.popleft()
            elif used < capacity:
                assert place == used
                used += 1
        elif act < 0.6 and held:
            model.touch(dice.choice(held))
        elif held:
            key = held[0] if act < 0.9 else dice.choice(held)
            free.append(model.kept[key])
            model.retire(key)
        model.check()
    assert used == capacity


def test_a_walk_goes_on_where_places_end() -> None:
    """As sweeps do: from a place that has just been hidden or dropped to the one after it."""
    (model,) = Memory(SECRET["random"], Shape(50, 1, WIDTH)).maps
    for number in range(50):
        model.add((number,))
    order = list(model.kept.items())
    walked = []
    place = int(index.oldest(model.words, model.head))
    for key, expected in order:
        walked.append(place)
        if expected % 3 == 0:
            model.drop(key)
        elif expected % 3 == 1:
            model.hide(key)
        place = int(index.after(model.words, model.head, place))
    assert walked == [at for _, at in order]
    assert place == -1
    model.check()


def test_equal_hashes_are_not_equal_keys() -> None:
    """With zero secrets the hash of words below 2**32 is the same whatever they are."""
    (model,) = Memory(SECRET["zero"], Shape(64, 2, WIDTH)).maps
    for number in range(64):
        model.add((number, 63 - number))
    hashes = {
        int(index._nh(model.words, 2, 0, model.words, KEY))
        for key in model.kept
        if model.find(key) >= 0
    }
    assert len(hashes) == 1
    for number in range(0, 64, 2):  # out of the middle of one long run of buckets
        model.drop((number, 63 - number))
    model.check()
    for number in range(64):
        model.add((number, 63 - number))
    model.check()


# Folding


def folded(memory: Memory, key: Key) -> tuple[int, int]:
    memory.set_key(key)
    short = np.zeros(3, dtype=np.int64)
    index.fold(memory.words, len(key), memory.words, KEY, short, 1)
    hashed, first, second = short.tolist()
    odd = int(memory.words[KEY - 2])
    assert (hashed - first * odd) % (1 << 64) == 0
    return first, second


def test_folded_keys_tell_keys_apart(seed: int) -> None:
    dice = random.Random(seed)
    memory = Memory(SECRET["random"], Shape(1, 2, WIDTH))
    keys = {some_key(dice, 14) for _ in range(2000)}
    keys |= {
        (*[0] * place, word, *[0] * (13 - place)) for place in range(14) for word in (1, 1 << 32)
    }
    found = {folded(memory, key) for key in keys}
    assert len(found) == len(keys)
    assert {folded(memory, key) for key in sorted(keys)} == found


def test_folded_keys_depend_on_every_secret_of_theirs() -> None:
    key = tuple(range(1, KEY_WORDS + 1))
    known = folded(Memory(SECRET["random"], Shape(1, 2, WIDTH)), key)
    for number in range(4 * KEY_WORDS):
        other = bytearray(SECRET["random"])
        other[8 * number] ^= 1
        assert folded(Memory(bytes(other), Shape(1, 2, WIDTH)), key) != known, number


# Layout


def test_a_memory_begins_with_a_line_of_the_cache() -> None:
    for size in (1, 7, 64, 1000):
        memory = index.zeroed(size)
        assert memory.ctypes.data % 64 == 0
        assert len(memory) == size
        assert not memory.any()


@pytest.mark.parametrize("capacity", [1, 2, 3, 5, 100, 1000, 65_537])
@pytest.mark.parametrize("words", [(1, 0), (2, 3), (3, 2), (7, 17)])
def test_a_map_is_never_full_of_buckets(capacity: int, words: tuple[int, int]) -> None:
    """A search ends at an empty bucket: there must be one."""
    shape = Shape(capacity, *words)
    assert 1 << shape.bits > capacity
    assert shape.stride >= 3 + sum(words)
    assert shape.size >= capacity * shape.stride + (1 << shape.bits)
    assert shape.size % 8 == 0


def test_fetching_ahead_changes_nothing(seed: int) -> None:
    dice = random.Random(seed)
    memory = Memory(SECRET["random"], *(Shape(20, width, WIDTH) for width in (1, 3)))
    for _ in range(200):
        for model in memory.maps:
            step(dice, model)
            memory.set_key(some_key(dice, model.shape.key))
            index.hash_key(memory.words, model.head)
            before = memory.words.copy()
            index.fetch_oldest(memory.words, model.head)
            if model.kept:
                for ahead in (1, 6, 100):
                    index.fetch_side_by_side(memory.words, model.head, ahead)
            index.fetch_bucket(memory.words, model.head, memory.words, KEY)
            place = index.fetch_place(memory.words, model.head, memory.words, KEY)
            assert place == index.seek(memory.words, model.head, memory.words, KEY)
            assert np.array_equal(memory.words, before)
