"""Identities that a second replay repeats and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sensor.emit.ecs import document
from sensor.emit.identity import event_id
from sensor.schema.records import Change, Endpoint
from tests.emit import factory
from tests.emit.factory import CHANGES, CONTEXT, changed

Edit = Callable[[Change], Change]


def test_the_identity_of_a_known_document_never_changes() -> None:
    """A new value here makes every document in every store a second one."""
    assert event_id(CHANGES["tunnel"], "sensor-1") == "20f1ce226380c7cfd4c7c5f22acac4f1b35db3cf"


@pytest.mark.parametrize("name", CHANGES)
def test_a_second_reading_repeats_the_identity(name: str) -> None:
    again = replace(CONTEXT, created=CONTEXT.created + 1, interface="eth2", namespace="default")
    first = document(CHANGES[name], CONTEXT)["event"]["id"]
    assert first == document(CHANGES[name], again)["event"]["id"]
    assert len(bytes.fromhex(first)) == 20


def test_every_document_has_its_own() -> None:
    assert len({event_id(change, "s") for change in CHANGES.values()}) == len(CHANGES)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize(
    "edit",
    [
        lambda change: change._replace(action="other"),
        lambda change: change._replace(time=change.time + 1),
        lambda change: change._replace(digest=change.digest ^ 1),
        lambda change: change._replace(ordinal=change.ordinal + 1),
    ],
    ids=["action", "time", "digest", "ordinal"],
)
def test_each_part_of_a_change_counts(name: str, edit: Edit) -> None:
    change = CHANGES[name]
    assert event_id(edit(change), "s") != event_id(change, "s")


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("tunnel", "id", "3f9c22"),
        ("exposure", "id", "e77e02"),
        ("flow", "tunnel_id", "3f9c22"),
        ("flow", "source", Endpoint(factory.ADDRESS, 49138)),
        ("flow", "source", Endpoint(factory.REMOTE.ip, 49139)),
        ("flow", "destination", Endpoint(factory.REMOTE.ip, 8080)),
        ("flow", "destination", Endpoint(factory.ADDRESS, 8081)),
        ("flow", "transport", 17),
        ("flow-ping", "icmp_type", 129),
        ("flow-ping", "icmp_code", 1),
        ("sensor", "read", 31),
        ("sensor", "kinds", {"teredo": 22}),
        ("sensor", "reasons", {"udp": 7}),
    ],
)
def test_each_part_of_a_subject_counts(name: str, field: str, value: object) -> None:
    other = changed(name, **{field: value})
    assert event_id(other, "s") != event_id(CHANGES[name], "s")


def test_the_observer_counts_and_parts_cannot_run_into_one_another() -> None:
    change = CHANGES["tunnel"]._replace(action="b")
    assert event_id(change, "s1") != event_id(change, "s2")
    assert event_id(change, "ab") != event_id(change._replace(action="bb"), "a")


def test_what_processing_time_decides_does_not_count() -> None:
    assert event_id(changed("sensor", seconds=9.0), "s") == event_id(CHANGES["sensor"], "s")
    grown = changed("sensor", kinds={"6in4": 2, "teredo": 20})
    assert event_id(grown, "s") == event_id(CHANGES["sensor"], "s")
