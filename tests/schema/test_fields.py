"""The field table, and that its check finds what it is there to find."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.emit.ecs import Document, document
from sensor.schema.fields import DATASETS, FIELDS, Field, check
from tests.emit.factory import CHANGES, CONTEXT

# Types that only some Elasticsearch licences, or no OpenSearch, know.
REFUSED_TYPES = {
    "constant_keyword",
    "wildcard",
    "match_only_text",
    "unsigned_long",
    "version",
    "scaled_float",
}
TYPES = {"keyword", "text", "ip", "date", "long", "float", "boolean", "object"}
# ECS says these are arrays, with one value too.
ECS_ARRAYS = {"event.category", "event.type", "related.ip"}


def with_value(name: str, path: str, value: Any) -> Document:
    made = document(CHANGES[name], CONTEXT)
    *parents, last = path.split(".")
    target = made
    for parent in parents:
        target = target.setdefault(parent, {})
    target[last] = value
    return made


def without(name: str, path: str) -> Document:
    made = document(CHANGES[name], CONTEXT)
    *parents, last = path.split(".")
    target = made
    for parent in parents:
        target = target[parent]
    del target[last]
    return made


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_each_field_is_sound(field: Field) -> None:
    assert field.type in TYPES - REFUSED_TYPES
    assert field.description
    assert field.datasets
    assert field.required <= field.datasets <= DATASETS
    assert field.many or field.type != "object"


def test_no_field_is_listed_twice_or_holds_another_by_accident() -> None:
    holders = {name.rpartition(".")[0] for name in FIELDS}
    objects = {name for name, field in FIELDS.items() if field.type == "object"}
    assert {name for name in FIELDS if name in holders} == objects


def test_ecs_arrays_are_arrays() -> None:
    assert {name for name in ECS_ARRAYS if FIELDS[name].many} == ECS_ARRAYS


@pytest.mark.parametrize(
    ("name", "path", "value", "fault"),
    [
        ("flow", "source.geo", "x", "source.geo: no field of v6tunnel.flow"),
        ("flow", "v6tunnel.exposure", {"id": "x"}, "v6tunnel.exposure.id: no field of"),
        ("flow", "source.ip", {"v4": "x"}, "source.ip.v4: no field of"),
        ("flow", "source.port", "80", "source.port: '80' is no long"),
        ("flow", "source.port", True, "source.port: True is no long"),
        ("flow", "source.port", 1 << 63, "is no long"),
        ("flow", "source.port", 1.0, "is no long"),
        ("flow", "source.port", None, "source.port: None is no long"),
        ("flow", "source.port", [80], "source.port: a list"),
        ("flow", "source.ip", "2001:0DB8::1", "is no ip"),
        ("flow", "source.ip", "2001:db8:0:0:0:0:0:1", "is no ip"),
        ("flow", "source.ip", "::ffff:c000:201", "is no ip"),
        ("flow", "source.ip", "fe80::1%eth0", "is no ip"),
        ("flow", "source.ip", "192.0.2.01", "is no ip"),
        ("flow", "source.ip", 3221225985, "is no ip"),
        ("flow", "event.category", "network", "event.category: no list"),
        ("flow", "related.ip", "192.0.2.1", "related.ip: no list"),
        ("flow", "related.ip", [], "related.ip: an empty list"),
        ("flow", "related.ip", ["192.0.2.1", None], "related.ip: None is no ip"),
        ("flow", "message", "", "message: '' is no text"),
        ("flow", "event.action", None, "event.action: None is no keyword"),
        ("flow", "event.action", 5, "event.action: 5 is no keyword"),
        ("flow", "@timestamp", "2026-11-21 07:02:11Z", "is no date"),
        ("flow", "@timestamp", "2026-11-21T07:02:11+00:00", "is no date"),
        ("flow", "@timestamp", "2026-13-21T07:02:11Z", "is no date"),
        ("flow", "@timestamp", 1795244514, "is no date"),
        ("flow", "v6tunnel.observation.midstream", "false", "is no boolean"),
        ("flow", "v6tunnel.observation.loss_percent", 0, "is no float"),
        ("flow", "v6tunnel.observation.loss_percent", float("nan"), "is no float"),
        ("flow", "v6tunnel.outer", {}, "v6tunnel.outer: no field of"),
        ("flow", "data_stream.dataset", "v6tunnel.tunnel", "differs from event.dataset"),
        ("tunnel", "v6tunnel.teredo.relays", {"ip": "192.0.2.1"}, "relays: no list"),
        ("tunnel", "v6tunnel.teredo.relays", [{"ip": "192.0.2.01"}], "relays.ip: '192.0.2.01'"),
        ("tunnel", "v6tunnel.teredo.relays", [{}], "relays: {} is no object"),
        ("tunnel", "v6tunnel.teredo.relays", ["192.0.2.1"], "is no object"),
        ("tunnel", "v6tunnel.teredo.relays", [], "relays: an empty list"),
        ("exposure", "v6tunnel.exposure.evidence", [{"line": 1}], "evidence.line: no field of"),
    ],
)
def test_the_check_finds(name: str, path: str, value: Any, fault: str) -> None:
    faults = check(with_value(name, path, value))
    assert any(fault in found for found in faults), faults


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (name, field.name)
        for name in ("tunnel", "flow", "exposure", "sensor")
        for field in FIELDS.values()
        if f"v6tunnel.{name}" in field.required
        and field.name not in ("event.dataset", "data_stream.dataset")
    ],
)
def test_the_check_misses_every_required_field(name: str, path: str) -> None:
    assert f"{path}: missing from v6tunnel.{name}" in check(without(name, path))


@pytest.mark.parametrize("made", [{}, {"event": {"dataset": "zeek.conn"}}])
def test_a_document_of_another_kind_is_refused(made: Document) -> None:
    assert len(check(made)) == 1
    assert "is no dataset of ours" in check(made)[0]


def test_the_check_says_nothing_of_a_good_document() -> None:
    assert [
        fault for change in CHANGES.values() for fault in check(document(change, CONTEXT))
    ] == []
