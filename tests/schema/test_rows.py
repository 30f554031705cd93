"""The row layout: what the compiled kernel will write must be what the scalar twin says."""

from __future__ import annotations

import numpy as np

from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import OBSERVATION, STACK_LIMIT, Observation, pack, unpack

from .. import build

LARGEST = 256  # octets of a row: four cache lines


def test_a_row_is_bounded_and_has_the_fields_of_the_twin() -> None:
    assert OBSERVATION.itemsize <= LARGEST
    assert OBSERVATION.names == Observation._fields
    assert OBSERVATION["stack"].shape == (STACK_LIMIT,)


def test_rows_survive_packing() -> None:
    made = [
        row
        for data in build.exchange()
        for row in decode_frame(Frame(data, 1, len(data)), DecodeSettings())[1]
    ]
    assert len(made) == len(build.exchange())
    rows = pack(made)
    assert rows.dtype == OBSERVATION
    assert unpack(rows) == made
    assert rows["nonce"][0].tobytes() == made[0].nonce


def test_no_rows_are_rows_too() -> None:
    assert pack([]).shape == (0,)
    assert unpack(pack([])) == []


def test_octets_that_end_in_zero_are_kept() -> None:
    blank = Observation._make(unpack(np.zeros(1, OBSERVATION))[0])
    row = blank._replace(origin_ip=bytes(4), nonce=b"\x01" + bytes(7))
    assert unpack(pack([row])) == [row]
