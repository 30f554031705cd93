"""The store keeps what it was given once, and says plainly when it cannot."""

from __future__ import annotations

import json
import resource
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.emit.ecs import document
from sensor.emit.identity import event_id
from sensor.errors import CaptureError, OutputError
from sensor.schema.fields import DATASETS, FLOW, Context, check
from sensor.schema.records import Change, FlowRecord
from sensor.store import sqlite
from sensor.store.sqlite import SCHEMA_VERSION, Store
from tests.emit.factory import CHANGES, CONTEXT, SECOND, START, TUNNEL, changed

ALL = {"document": 4, "tunnel": 2, "exposure": 1, "flow": 2}
NONE = dict.fromkeys(ALL, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "found.db"


def keep(store: Store, change: Change, context: Context = CONTEXT) -> None:
    if isinstance(change.record, FlowRecord):
        store.add_flow(change, event_id(change, context.observer), context)
    else:
        store.add(change, document(change, context))


def fill(path: Path, context: Context = CONTEXT) -> None:
    with Store(path, document) as store:
        for change in CHANGES.values():
            keep(store, change, context)


def counts(path: Path) -> dict[str, int]:
    with Store(path, document) as store:
        return store.counts()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_new_store_is_empty(path: Path) -> None:
    assert counts(path) == NONE
    assert rows(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    assert counts(path) == NONE


def test_a_second_replay_adds_no_row(path: Path) -> None:
    fill(path)
    before = rows(path, "SELECT * FROM tunnel ORDER BY id")
    fill(path, replace(CONTEXT, created=CONTEXT.created + SECOND))
    assert counts(path) == ALL
    assert len(rows(path, "SELECT * FROM context")) == 1
    assert [row[:-1] for row in rows(path, "SELECT * FROM tunnel ORDER BY id")] == [
        row[:-1] for row in before
    ]


def test_the_same_twice_in_one_session_is_kept_once(path: Path) -> None:
    with Store(path, document) as store:
        for change in [*CHANGES.values()] * 3:
            keep(store, change)
        assert store.counts() == ALL


def test_documents_come_back_whole_and_by_time(path: Path) -> None:
    fill(path)
    with Store(path, document) as store:
        found = list(store.documents())
    expected = [document(change, CONTEXT) for change in CHANGES.values()]
    assert found == sorted(expected, key=lambda made: str(made["@timestamp"]))
    assert [fault for made in found for fault in check(made)] == []


@pytest.mark.parametrize("dataset", sorted(DATASETS))
def test_documents_of_one_dataset(path: Path, dataset: str) -> None:
    fill(path)
    with Store(path, document) as store:
        found = [made["event"]["id"] for made in store.documents(dataset)]
    made = [document(change, CONTEXT) for change in CHANGES.values()]
    assert sorted(found) == sorted(
        each["event"]["id"] for each in made if each["event"]["dataset"] == dataset
    )


def test_a_dataset_is_a_value_and_never_part_of_the_query(path: Path) -> None:
    fill(path)
    with Store(path, document) as store:
        assert list(store.documents("x' OR '1'='1")) == []
        keep(store, changed("exposure", id="'); DROP TABLE flow; --", service="a'b\"c"))
    assert counts(path) == ALL | {"document": 5, "exposure": 2}
    assert rows(path, "SELECT service FROM exposure WHERE id LIKE '%DROP%'") == [("a'b\"c",)]


def test_conversations_keep_no_document_and_their_own_context(path: Path) -> None:
    live = Context("sensor-2", None, "default", START, None)
    ping = CHANGES["flow-ping"]
    with Store(path, document) as store:
        keep(store, CHANGES["flow"])
        keep(store, ping, live)
        keep(store, ping._replace(ordinal=1), replace(live, created=START + 1))
        found = list(store.flows())
        assert store.counts() == NONE | {"flow": 3}
        assert len(list(store.documents(FLOW))) == 3
    assert found == [
        (CHANGES["flow"], CONTEXT),
        (ping, live),
        (ping._replace(ordinal=1), replace(live, created=START + 1)),
    ]
    assert len(rows(path, "SELECT * FROM context")) == 2


def test_the_newest_state_wins_whatever_the_order(path: Path) -> None:
    late = Change(
        "tunnel-closed",
        START + 60 * SECOND,
        9,
        0,
        TUNNEL._replace(state="closed", last_seen=START + 40 * SECOND),
    )
    with Store(path, document) as store:
        keep(store, late)
        keep(store, CHANGES["tunnel"])
    assert rows(path, "SELECT state, last_seen FROM tunnel") == [("closed", START + 40 * SECOND)]
    assert counts(path) == NONE | {"document": 2, "tunnel": 1}


def test_of_two_states_after_the_same_packet_the_later_wins(path: Path) -> None:
    closed = CHANGES["tunnel"]._replace(action="tunnel-closed", time=START + 99 * SECOND)
    closed = closed._replace(record=TUNNEL._replace(state="closed"))
    with Store(path, document) as store:
        for change in (CHANGES["tunnel"], closed, CHANGES["tunnel"]):
            keep(store, change)
    assert rows(path, "SELECT state FROM tunnel") == [("closed",)]


def test_columns_say_what_the_document_says(path: Path) -> None:
    fill(path)
    assert rows(
        path,
        "SELECT kind, client, client_port, inside, zone, server, mapped, mapped_port"
        " FROM tunnel WHERE id = '3f9c21'",
    ) == [
        ("teredo", "192.168.0.2", 41658, "192.168.0.2", "lan", "198.51.100.1", "203.0.113.2", 41658)
    ]
    assert rows(
        path, "SELECT client_port, inside, zone, server, mapped FROM tunnel WHERE id = 'a1b2c3'"
    ) == [(None,) * 5]
    assert rows(path, "SELECT address, port, state, tunnel, inside FROM exposure") == [
        ("2001:0:c633:6401:180e:5d45:34ff:8efd", 8080, "answered", "3f9c21", "192.168.0.2")
    ]
    (text,) = rows(path, "SELECT json FROM exposure")[0]
    assert json.loads(str(text)) == document(CHANGES["exposure"], CONTEXT)


def test_only_conversations_are_kept_as_conversations(path: Path) -> None:
    with Store(path, document) as store, pytest.raises(TypeError, match="TunnelRecord"):
        store.add_flow(CHANGES["tunnel"], "00" * 20, CONTEXT)


def add_and_fail(path: Path) -> None:
    with Store(path, document) as store:
        keep(store, CHANGES["tunnel"])
        raise CaptureError("a.pcap", 7, 99, "cut")


def test_what_was_added_before_a_failure_elsewhere_is_kept(path: Path) -> None:
    with pytest.raises(CaptureError):
        add_and_fail(path)
    assert counts(path)["document"] == 1


def test_another_reader_sees_what_is_committed(path: Path) -> None:
    with Store(path, document) as store:
        keep(store, CHANGES["tunnel"])
        assert rows(path, "SELECT count(*) FROM document") == [(0,)]
        store.commit()
        assert rows(path, "SELECT count(*) FROM document") == [(1,)]


def test_full_batches_are_committed_unasked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BATCH", 3)
    with Store(path, document) as store:
        for ordinal in range(4):
            keep(store, CHANGES["flow"]._replace(ordinal=ordinal))
        assert rows(path, "SELECT count(*) FROM flow") == [(3,)]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the folder .*nowhere does not exist"):
        Store(tmp_path / "nowhere" / "found.db", document)


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        Store(tmp_path, document)


@pytest.mark.parametrize("name", ["", ":memory:", "file:found.db?mode=memory"])
def test_sqlites_special_names_are_only_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name:
        Store(name, document).close()
        assert (tmp_path / name).is_file()
    else:
        with pytest.raises(OutputError, match="is a folder"):
            Store(name, document)


@pytest.mark.parametrize("content", [b"frame,time\n1,2\n" * 100, b"\xd4\xc3\xb2\xa1" * 500])
def test_a_file_that_is_no_database_stays_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"found\.db: is no store of this sensor"):
        Store(path, document)
    assert path.read_bytes() == content


def test_a_database_of_another_program_stays_as_it_is(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE cookies (name)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(OutputError, match="is no store of this sensor: name another file"):
        Store(path, document)
    assert path.read_bytes() == before


def test_a_store_of_a_newer_sensor_is_refused(path: Path) -> None:
    fill(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(OutputError, match=r"schema 2, this one knows 1.*upgrade the sensor"):
        Store(path, document)


def test_a_store_locked_by_another_process_is_an_error_in_words(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    fill(path)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    store = Store(path, document)
    with pytest.raises(OutputError, match=r"found\.db.*locked"):
        keep(store, CHANGES["sensor"])
    store.close()
    other.close()
    assert counts(path) == ALL


def test_a_file_that_another_process_is_making_is_an_error_in_words(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OutputError, match=r"found\.db.*locked"):
        Store(path, document)
    other.close()


def test_a_reader_in_the_way_of_the_log_is_no_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.0)
    fill(path)
    rows(path, "PRAGMA journal_mode = DELETE")
    other = sqlite3.connect(path)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM flow").fetchone()
    assert counts(path) == ALL
    other.close()
    assert counts(path) == ALL
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_a_store_that_cannot_be_written_is_an_error_in_words(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path)
    rows(path, "PRAGMA journal_mode = DELETE")
    connect = sqlite3.connect

    def read_only(place: str, timeout: float) -> sqlite3.Connection:
        return connect(f"file:{place}?mode=ro", timeout=timeout, uri=True)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    with pytest.raises(OutputError, match=r"found\.db.*readonly"):
        Store(path, document)


def test_many_that_open_a_new_store_at_once_all_get_it(path: Path) -> None:
    barrier = threading.Barrier(8)

    def open_and_add(ordinal: int) -> None:
        barrier.wait()
        with Store(path, document) as store:
            keep(store, CHANGES["flow"]._replace(ordinal=ordinal))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_and_add, range(8)))
    assert counts(path) == NONE | {"flow": 8}


def test_a_table_that_vanished_is_an_error_in_words(path: Path) -> None:
    fill(path)
    rows(path, "DROP TABLE flow")
    store = Store(path, document)
    with pytest.raises(OutputError, match="no such table: flow"):
        list(store.documents())
    with pytest.raises(OutputError, match="no such table: flow"):
        keep(store, CHANGES["flow"])
    with pytest.raises(OutputError, match="no such table: flow"):
        store.counts()
    store.close()


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file of this process may grow beyond 256 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def overfill(path: Path) -> None:
    with Store(path, document) as store:
        for ordinal in range(sqlite.BATCH):
            keep(store, CHANGES["flow"]._replace(ordinal=ordinal))


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_an_error_that_keeps_what_was_committed(path: Path) -> None:
    with Store(path, document) as store:
        keep(store, CHANGES["tunnel"])
    with pytest.raises(OutputError, match=r"found\.db: the store cannot be used"):
        overfill(path)
    assert counts(path) == NONE | {"document": 1, "tunnel": 1}
