"""A conversation survives its way through a row unchanged."""

from __future__ import annotations

import pytest

from sensor.schema.records import Change, FlowRecord
from sensor.schema.words import ConnectionState, Kind, Transport, Vantage
from sensor.store.flows import COLUMNS, flatten, restore
from tests.emit import factory
from tests.emit.factory import CHANGES, changed


def restored(change: Change) -> Change:
    assert isinstance(change.record, FlowRecord)
    values = flatten(change, change.record)
    assert len(values) == len(COLUMNS)
    return restore(values)


@pytest.mark.parametrize("inbound", [True, False, None])
@pytest.mark.parametrize("name", ["flow", "flow-ping"])
def test_a_row_gives_the_same_conversation_back(name: str, inbound: bool | None) -> None:
    change = changed(name, inbound=inbound)
    assert restored(change) == change


@pytest.mark.parametrize("word", [*ConnectionState, *Kind, *Transport], ids=repr)
def test_words_come_back_as_words(word: ConnectionState | Kind | Transport) -> None:
    names: dict[type, str] = {
        ConnectionState: "state",
        Kind: "tunnel_kind",
        Transport: "outer_transport",
    }
    name = names[type(word)]
    back = getattr(restored(changed("flow", **{name: word})).record, name)
    assert back is word


def test_what_was_observable_comes_back() -> None:
    scope = factory.SCOPE._replace(vantage=Vantage.BOTH, midstream=True, loss_percent=2.5)
    assert restored(changed("flow", scope=scope)).record.scope == scope


@pytest.mark.parametrize("digest", [0, 1 << 63, (1 << 64) - 1])
def test_digests_use_all_64_bits(digest: int) -> None:
    assert restored(CHANGES["flow"]._replace(digest=digest)).digest == digest
