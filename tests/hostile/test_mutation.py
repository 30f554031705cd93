"""Damaged packets: rows stay well-formed, every frame has its reason, nothing is raised."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sensor.capture.batch import FrameBatch, batch_of
from sensor.decode.scalar import decode_batch
from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import STACK_LIMIT, TUNNEL_LIMIT, Observation, pack, unpack
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind, Reason
from sensor.wire.addresses import SixRdDomain, packed

from .corpus import Whole, captured, carried, generated

pytestmark = pytest.mark.slow


MUTATIONS = 200_000
BATCH = 2_000
SETTINGS = DecodeSettings(
    sixrd=(SixRdDomain(packed("2001:db8::"), 32, 8),),
    known_servers=frozenset({packed("198.51.100.1")}),
)
EDGES = (0, 1, 4, 7, 8, 19, 20, 39, 40, 41, 0x3B, 0x3F, 0x60, 0x7F, 0x80, 0xFE, 0xFF)
LENGTHS = (0, 1, 7, 8, 19, 20, 39, 40, 41, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
LINK_TYPES = (0, 1, 12, 101, 113, 228, 229, 276, 9999)
# Where Ethernet, IPv4 and UDP without options keep their lengths; inner packets add theirs.
LENGTH_OFFSETS = (16, 38)


class Mutator:
    """Draws a frame and damages it in one to three ways."""

    def __init__(self, seeds: list[Whole], dice: random.Random) -> None:
        self._seeds = seeds
        self._lengths = [length_fields(seed) for seed in seeds]
        self._dice = dice

    def draw(self) -> Whole:
        number = self._dice.randrange(len(self._seeds))
        seed = self._seeds[number]
        data = bytearray(seed.data)
        for _ in range(self._dice.randint(1, 3)):
            if data:
                self._damage(data, self._lengths[number])
        link_type = seed.link_type
        if self._dice.randrange(50) == 0:
            link_type = self._dice.choice(LINK_TYPES)
        return Whole(seed.name, bytes(data), link_type)

    def _damage(self, data: bytearray, lengths: list[int]) -> None:
        dice, place = self._dice, self._dice.randrange(len(data))
        match dice.randrange(7):
            case 0:
                data[place] ^= 1 << dice.randrange(8)
            case 1:
                data[place] = dice.choice(EDGES)
            case 2:
                del data[place:]
            case 3:
                data[place:place] = dice.randbytes(dice.randint(1, 8))
            case 4:
                data[place:place] = data[place : place + dice.randint(1, 64)]
            case 5:
                other = dice.choice(self._seeds).data
                data[place:] = other[min(place, len(other)) :]
            case _:
                at = dice.choice(lengths)
                if at + 2 <= len(data):
                    near = int.from_bytes(data[at : at + 2]) + dice.randint(-9, 9)
                    value = dice.choice((near & 0xFFFF, dice.choice(LENGTHS)))
                    data[at : at + 2] = value.to_bytes(2)


def length_fields(seed: Whole) -> list[int]:
    decoded = decode_batch(batch_of([seed.data], seed.link_type), SETTINGS)
    return [*LENGTH_OFFSETS, *(row.inner_offset + 4 for row in unpack(decoded.rows))]


def batch_from(frames: list[Whole], dice: random.Random) -> FrameBatch:
    batch = batch_of([frame.data for frame in frames])
    batch.linktypes[:] = [frame.link_type for frame in frames]
    # A quarter of them were longer on the wire.
    batch.wire[:] += [dice.choice((0, 0, 0, dice.randrange(2000))) for _ in frames]
    return batch


def check(row: Observation, batch: FrameBatch) -> None:
    """Everything a reader of rows may rely on."""
    i = row.frame - batch.first_frame
    size = int(batch.captured[i])
    assert (row.captured_length, row.wire_length) == (size, int(batch.wire[i]))
    assert row.wire_length >= size
    assert row.payload_offset <= size
    if row.inner_length:
        assert row.payload_offset <= row.inner_offset <= size - 40
        assert row.inner_length >= 40
    else:  # a packet that carries nothing through its tunnel
        assert not any(row.inner_source + row.inner_destination)
        assert row.inner_offset == row.has_transport == row.hop_limit == 0
    assert row.stack_length <= STACK_LIMIT
    assert all(row.stack[: row.stack_length])
    assert not any(row.stack[row.stack_length :])
    assert row.kind in Kind.__members__.values()
    if row.kind == Kind.NONE:
        assert (row.depth, row.kinds, row.anomalies) == (0, 0, Anomaly.TOO_MANY_LAYERS)
    else:
        assert row.stack_length
        assert row.kinds >> row.kind & 1
    assert Confidence.WEAK <= row.confidence <= Confidence.CERTAIN
    assert row.reasons < 2 * max(Evidence)
    assert row.anomalies < 2 * max(Anomaly)
    assert row.has_auth <= (row.auth_offset < row.inner_offset)
    if row.has_auth:
        nonce = row.auth_offset + 4 + row.auth_id_length + row.auth_value_length
        assert batch.frame(i)[nonce : nonce + 8] == row.nonce
    if row.trailer_count:
        assert row.trailers_offset == row.inner_offset + row.inner_length < size
    if row.outer_version == 4:
        assert not any(row.outer_source[4:] + row.outer_destination[4:])
    assert not row.copy_of
    assert not row.quoted or row.confidence > Confidence.WEAK


def check_batch(batch: FrameBatch) -> int:
    """Decode a batch, check all of it, and say how many rows it had."""
    decoded = decode_batch(batch, SETTINGS)
    rows = unpack(decoded.rows)
    assert len(decoded.reasons) == len(batch)
    reasons = [Reason(int(code)) for code in decoded.reasons]
    assert pack(rows).tobytes() == decoded.rows.tobytes()
    depths: dict[int, list[int]] = {}
    believed, quoted, unfollowed = set(), set(), set()
    for row in rows:
        check(row, batch)
        depths.setdefault(row.frame, []).append(row.depth)
        if row.kind == Kind.NONE:
            unfollowed.add(row.frame)
        elif row.quoted:
            quoted.add(row.frame)
        elif row.confidence > Confidence.WEAK:
            believed.add(row.frame)
    assert all(found == list(range(len(found))) for found in depths.values())
    assert all(len(found) <= TUNNEL_LIMIT for found in depths.values())
    # The ledger is exact: what a frame's rows are worth is what its reason says.
    assert frames_with(Reason.TUNNELLED, reasons, batch) == believed
    assert frames_with(Reason.TOO_MANY_LAYERS, reasons, batch) == unfollowed
    assert frames_with(Reason.QUOTED, reasons, batch) <= quoted
    weak = depths.keys() - believed - unfollowed - frames_with(Reason.QUOTED, reasons, batch)
    assert frames_with(Reason.WEAK, reasons, batch) == weak
    return len(rows)


def frames_with(reason: Reason, reasons: list[Reason], batch: FrameBatch) -> set[int]:
    return {batch.first_frame + i for i, found in enumerate(reasons) if found is reason}


def mutate(seeds: list[Whole], seed: int, count: int) -> int:
    print(f"seed {seed}")
    dice = random.Random(seed)
    mutator = Mutator(seeds, dice)
    rows = 0
    for _ in range(count // BATCH):
        rows += check_batch(batch_from([mutator.draw() for _ in range(BATCH)], dice))
    return rows


def test_mutations_of_generated_frames(seed: int) -> None:
    assert mutate(generated() + carried(), seed, 10_000) > 3_500


def test_mutations_of_all_frames(captures: Path, seed: int) -> None:
    """Half of the damage hits generated frames, which hold every kind of header."""
    seeds = captured(captures)
    made = generated() + carried()
    seeds += made * (len(seeds) // len(made))
    assert mutate(seeds, seed, MUTATIONS) > MUTATIONS // 5
