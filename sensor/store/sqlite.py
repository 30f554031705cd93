"""One SQLite file that several processes may read while one writes."""

from __future__ import annotations

import heapq
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType

from sensor.errors import OutputError
from sensor.schema.fields import FLOW, Context, Document
from sensor.schema.records import Change, ExposureRecord, FlowRecord, TunnelRecord
from sensor.store import flows, latest

APPLICATION_ID = 0x76365453  # "v6TS": marks a SQLite file as ours
SCHEMA_VERSION = 1
BUSY_SECONDS = 5.0  # how long a write waits for another process
BATCH = 5_000  # documents of one transaction

Render = Callable[[Change, Context], Document]

_DOCUMENT_COLUMNS = {
    "id": "BLOB NOT NULL UNIQUE",
    "dataset": "TEXT NOT NULL",
    "time": "INTEGER NOT NULL",
    "action": "TEXT NOT NULL",
    "subject": "TEXT NOT NULL",
    "json": "TEXT NOT NULL",
}
_CONTEXT_COLUMNS = {
    "observer": "TEXT NOT NULL",
    "interface": "TEXT",
    "namespace": "TEXT NOT NULL",
    "zone": "TEXT",
}
_FLOW_COLUMNS = {
    "id": "BLOB NOT NULL UNIQUE",
    "context": "INTEGER NOT NULL",
    "created": "INTEGER NOT NULL",
    **flows.COLUMNS,
}
_TABLES = {
    "document": _DOCUMENT_COLUMNS,
    "tunnel": latest.TUNNEL_COLUMNS,
    "exposure": latest.EXPOSURE_COLUMNS,
    "flow": _FLOW_COLUMNS,
}
_INDEXES = (
    "document_by_time ON document (time)",
    "flow_by_time ON flow (time)",
    "flow_by_tunnel ON flow (tunnel)",
)


def _create(table: str, columns: dict[str, str]) -> str:
    fields = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
    return f"CREATE TABLE {table} ({fields})"


def _insert(table: str, columns: Iterable[str]) -> str:
    names = list(columns)
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (id)"


def _upsert(table: str, columns: Iterable[str]) -> str:
    """A newer state replaces an older one, never the other way round."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    return (
        f"{_insert(table, columns)} DO UPDATE SET {changes} WHERE"
        f" (excluded.last_seen, excluded.time) >= ({table}.last_seen, {table}.time)"
    )


# Every text below is made of this file's own names; values only ever travel as parameters.
_ADD_DOCUMENT = _insert("document", _DOCUMENT_COLUMNS) + " DO NOTHING"
_ADD_FLOW = _insert("flow", _FLOW_COLUMNS) + " DO NOTHING"
_KEEP_TUNNEL = _upsert("tunnel", latest.TUNNEL_COLUMNS)
_KEEP_EXPOSURE = _upsert("exposure", latest.EXPOSURE_COLUMNS)
_CONTEXT_NAMES = ", ".join(_CONTEXT_COLUMNS)
_SAME_CONTEXT = " AND ".join(f"{name} IS ?" for name in _CONTEXT_COLUMNS)
_READ_DOCUMENTS = (
    "SELECT time, json FROM document WHERE :dataset IS NULL OR dataset = :dataset"
    " ORDER BY time, rowid"
)
_READ_FLOWS = (
    f"SELECT {_CONTEXT_NAMES}, created, {', '.join(f'flow.{name}' for name in flows.COLUMNS)}"
    " FROM flow JOIN context ON context.rowid = flow.context ORDER BY flow.time, flow.rowid"
)
_SCHEMA = (
    *(_create(table, columns) for table, columns in _TABLES.items()),
    _create("context", _CONTEXT_COLUMNS),
    *(f"CREATE INDEX {index}" for index in _INDEXES),
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


class Store:
    """Documents, newest states and conversations; adding the same twice keeps one.

    ``render`` makes the document of a conversation when it is read. Every failure of the file is
    an OutputError that names it. What was added is committed in batches, by ``commit`` and when
    the store is closed.
    """

    def __init__(self, path: str | os.PathLike[str], render: Render) -> None:
        self._path = os.fspath(path)
        self._render = render
        self._contexts: dict[Context, int] = {}
        self._pending = 0
        with self._failures():
            self._connection = _opened(self._path)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep what was added, also where reading the capture failed."""
        try:
            if not isinstance(error, OutputError):
                self.commit()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the file; what was not committed is lost."""
        self._connection.close()

    def add(self, change: Change, document: Document) -> None:
        """Keep a document, and what it says as the newest state of its subject."""
        record, text = change.record, json.dumps(document, separators=(",", ":"))
        event = document["event"]
        subject = getattr(record, "id", document["observer"]["name"])
        values = (event["id"], event["dataset"], change.time, change.action, subject, text)
        with self._failures():
            self._connection.execute(_ADD_DOCUMENT, (bytes.fromhex(values[0]), *values[1:]))
            if isinstance(record, TunnelRecord):
                row = latest.tunnel_row(record, change.time, text)
                self._connection.execute(_KEEP_TUNNEL, row)
            elif isinstance(record, ExposureRecord):
                row = latest.exposure_row(record, change.time, text)
                self._connection.execute(_KEEP_EXPOSURE, row)
        self._commit_batch()

    def add_flow(self, change: Change, event_id: str, context: Context) -> None:
        """Keep a conversation; ``event_id`` and ``context`` are those of its document."""
        if not isinstance(change.record, FlowRecord):
            raise TypeError(f"{type(change.record).__name__} is no conversation")
        values = flows.flatten(change, change.record)
        with self._failures():
            number = self._context_number(context)
            row = (bytes.fromhex(event_id), number, context.created, *values)
            self._connection.execute(_ADD_FLOW, row)
        self._commit_batch()

    def commit(self) -> None:
        """Make everything added so far safe."""
        with self._failures():
            self._connection.commit()
        self._pending = 0

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        return {table: self._count_rows(table) for table in _TABLES}

    def flows(self) -> Iterator[tuple[Change, Context]]:
        """Conversations by time, with the context of their documents."""
        size = len(_CONTEXT_COLUMNS)
        with self._failures():
            for row in self._connection.execute(_READ_FLOWS):
                context = flows.context_of(row[:size], row[size])
                yield flows.restore(row[size + 1 :]), context

    def documents(self, dataset: str | None = None) -> Iterator[Document]:
        """Documents by time, of one dataset or of all; conversations are rendered now."""
        kept = self._kept(dataset)
        rendered = self._rendered() if dataset in (None, FLOW) else iter(())
        for _, document in heapq.merge(kept, rendered, key=lambda pair: pair[0]):
            yield document

    def _kept(self, dataset: str | None) -> Iterator[tuple[int, Document]]:
        with self._failures():
            for time, text in self._connection.execute(_READ_DOCUMENTS, {"dataset": dataset}):
                yield time, json.loads(text)

    def _rendered(self) -> Iterator[tuple[int, Document]]:
        for change, context in self.flows():
            yield change.time, self._render(change, context)

    def _count_rows(self, table: str) -> int:
        with self._failures():
            (rows,) = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(rows)

    def _commit_batch(self) -> None:
        self._pending += 1
        if self._pending >= BATCH:
            self.commit()

    def _context_number(self, context: Context) -> int:
        """The row of a context; processing times differ per row and are kept there."""
        timeless = replace(context, created=0)
        if timeless not in self._contexts:
            self._contexts[timeless] = self._kept_context(timeless)
        return self._contexts[timeless]

    def _kept_context(self, context: Context) -> int:
        values = (context.observer, context.interface, context.namespace, context.zone)
        query = f"SELECT rowid FROM context WHERE {_SAME_CONTEXT}"
        found = self._connection.execute(query, values).fetchone()
        if found is not None:
            return int(found[0])
        insert = f"INSERT INTO context ({_CONTEXT_NAMES}) VALUES (?, ?, ?, ?)"
        return int(self._connection.execute(insert, values).lastrowid or 0)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OutputError(f"{self._path}: the store cannot be used: {error}") from error


def _opened(path: str) -> sqlite3.Connection:
    # Absolute: SQLite gives the names "" and ":memory:" a meaning of their own.
    place = os.path.abspath(path)
    folder = os.path.dirname(place)
    if not os.path.isdir(folder):
        raise OutputError(f"{path}: the folder {folder} does not exist: create it first")
    if os.path.isdir(place):
        raise OutputError(f"{path}: is a folder: name a file in it")
    connection = sqlite3.connect(place, timeout=BUSY_SECONDS)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    """Check that the file is a store, or make one of an empty file; a foreign one stays as is."""
    if _is_foreign(connection):
        raise OutputError(f"{path}: is no store of this sensor: name another file")
    version = _pragma(connection, "user_version")
    if version > SCHEMA_VERSION:
        raise OutputError(
            f"{path}: written by a newer sensor (schema {version}, this one knows"
            f" {SCHEMA_VERSION}): upgrade the sensor or name another file"
        )
    if version == 0:
        _make(connection)
    _let_others_read(connection)


def _let_others_read(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log, so that readers and the writer do not wait for each other."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # Another process is opening the file now: the store works, the next opening switches.
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise


def _make(connection: sqlite3.Connection) -> None:
    """Create the tables, unless another process has just done so."""
    connection.execute("BEGIN IMMEDIATE")
    if _pragma(connection, "user_version") == 0:
        for statement in _SCHEMA:
            connection.execute(statement)
    connection.commit()


def _is_foreign(connection: sqlite3.Connection) -> bool:
    try:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            return True
        raise
    # Read after the tables: another process may be making the store just now.
    return tables > 0 and _pragma(connection, "application_id") != APPLICATION_ID


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
