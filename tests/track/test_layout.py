"""The states of the table as arrays hold them: one list of fields, two readings of its octets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from sensor.track import layout
from sensor.track.layout import Fields, octets, words


class Layout(NamedTuple):
    fields: Fields
    state: Any  # the class of the named tuple that readers get
    compiled: np.dtype[Any]


LAYOUTS = {
    "tunnel": Layout(layout.TUNNEL_FIELDS, layout.TunnelState, layout.TUNNEL),
    "conversation": Layout(
        layout.CONVERSATION_FIELDS, layout.ConversationState, layout.CONVERSATION
    ),
    "exposure": Layout(layout.EXPOSURE_FIELDS, layout.ExposureState, layout.EXPOSURE),
    "host": Layout(layout.HOST_FIELDS, layout.HostState, layout.HOST),
    "event": Layout(layout.EVENT_FIELDS, layout.Event, layout.EVENT),
}
each = pytest.mark.parametrize("kept", LAYOUTS.values(), ids=LAYOUTS.keys())


def offset(kept: np.dtype[Any], name: str) -> int:
    assert kept.fields is not None
    return int(kept.fields[name][1])


@each
def test_arrays_and_named_tuples_have_the_same_fields(kept: Layout) -> None:
    assert octets(kept.fields).names == kept.state._fields


@each
def test_a_field_stands_at_one_offset_however_it_is_read(kept: Layout) -> None:
    read = octets(kept.fields)
    assert read.itemsize == kept.compiled.itemsize
    for name in kept.state._fields:
        if read[name] == np.dtype("V16"):
            first = offset(read, name)
            assert offset(kept.compiled, f"{name}_0") == first
            assert offset(kept.compiled, f"{name}_1") == first + 8
            assert kept.compiled[f"{name}_0"] == kept.compiled[f"{name}_1"] == np.dtype("i8")
        else:
            assert offset(kept.compiled, name) == offset(read, name)
            assert kept.compiled[name] == read[name]


@each
def test_fields_stand_one_behind_the_other_and_each_is_aligned(kept: Layout) -> None:
    end = 0
    for name in kept.compiled.names or ():
        assert offset(kept.compiled, name) == end
        assert end % kept.compiled[name].itemsize == 0
        end += kept.compiled[name].itemsize
    assert kept.compiled.itemsize == -(-end // 8) * 8


@each
def test_what_is_written_by_words_is_read_by_octets(kept: Layout) -> None:
    array = np.zeros(3, kept.compiled)
    for number, name in enumerate(kept.compiled.names or ()):
        array[name][1] = number + 1
    (state,) = map(kept.state._make, array.view(octets(kept.fields))[1:2].tolist())
    written = iter(range(1, 1 + len(kept.compiled.names or ())))
    for value in state:
        if isinstance(value, bytes):
            pair = next(written).to_bytes(8, "little") + next(written).to_bytes(8, "little")
            assert value == pair
        else:
            assert value == next(written)


def test_the_size_is_made_up_to_whole_words() -> None:
    fields: Fields = (("i8", "a"), ("u1", "b c"))
    assert words(fields).itemsize == octets(fields).itemsize == 16
    assert words((("address", "a"), ("u2", "b c d e"))).itemsize == 24


def test_a_history_and_the_syns_have_room() -> None:
    history = octets(layout.CONVERSATION_FIELDS)["history"]
    assert history.itemsize >= layout.HISTORY
    syns = [name for name in layout.ConversationState._fields if name.startswith("syn_")]
    assert len(syns) == layout.SYNS_KEPT


def test_every_proof_has_a_bit_of_its_own_and_fits_its_field() -> None:
    proofs = [value for name, value in vars(layout).items() if name.startswith("PROOF_")]
    assert sum(proofs) == sum(set(proofs)) == (1 << len(proofs)) - 1
    assert max(proofs) <= np.iinfo(layout.EXPOSURE["proofs"]).max
