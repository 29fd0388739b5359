"""Stores what an export has, under the same or another name: all of it, or nothing.

An archive is untrusted. It is read twice: once to check every value as if a device had sent it, and only then
to store it. Rows that follow from events are made from them anew. The first event is written last: a user
without it is refused by every actor, so that half an import is never taken for a user, and is begun again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from domain.errors import InvalidArchive, InvalidInput, MuvrError
from domain.events import JournalEvent, SessionOpened
from domain.frames import SensorFrame, check_frame
from domain.happened import check_event
from domain.identifiers import SessionId, StreamId, UserId, check_identifier, shard_of
from domain.user import User, evolve
from persistence.archive import BYTES_MAX, ArchiveReader, Manifest
from persistence.arrivals import arrival
from persistence.comparison import Rows, apply
from persistence.export import (
    EVENTS,
    READ_MODEL_TABLES,
    SENSOR_COLUMNS,
    SNAPSHOT_FILE,
    sensor_file,
    table_file,
)
from persistence.footprint import Footprint, Streams
from persistence.journal import PARTITION_EVENTS, Journal, deletion_mark
from persistence.keys import DataKeyStore
from persistence.ports import Delete, Insert, Mutation, Store
from persistence.projections import project
from persistence.readable import unnamed
from persistence.schema import Table, Timestamp
from persistence.sensors import SensorStore
from persistence.snapshots import SnapshotStore
from persistence.tables import JOURNAL, SENSOR, SNAPSHOT, USER_BY_SHARD, UserRow

IMPORT_EPOCH = 0  # below that of every shard host
ROWS_PER_WRITE = 100
EVENTS_MAX = 2_000_000  # about 1 KiB of memory each while they are checked


@dataclass
class _Checked:
    """What the first reading found. `state` follows from `events`, which go on from `start`."""

    manifest: Manifest
    user: UserId
    start: tuple[int, User] = field(default_factory=lambda: (0, User()))
    events: list[tuple[int, JournalEvent]] = field(default_factory=list)  # with the time it was written
    state: User = field(default_factory=User)
    sessions: dict[str, Streams] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)


class Importer:
    """`progress` is told what is done, and how much of it."""

    def __init__(
        self,
        store: Store,
        keys: DataKeyStore,
        now_ms: Callable[[], int],
        *,
        bytes_max: int = BYTES_MAX,
        progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._now_ms = now_ms
        self._bytes_max = bytes_max
        self._progress = progress

    def load(self, stream: IO[bytes], *, name: str | None = None) -> Manifest:
        """Store the user of the archive, as `name` if it is given. `stream` must be able to go back.

        Raises InvalidArchive, InvalidInput if there is such a user, Erased and StoreError. After the last of
        these, what was written is deleted, as far as the store lets it.
        """
        archive = ArchiveReader(stream, bytes_max=self._bytes_max)
        user = UserId(check_identifier("user", archive.manifest.user if name is None else name))
        self._check_absent(user)
        checked = self._checked(archive, user)
        try:
            self._store_all(archive, checked)
        except BaseException:
            self._take_back(checked)
            raise
        return archive.manifest

    def _check_absent(self, user: UserId) -> None:
        self._keys.cipher_of(user)  # raises Erased
        first = next(self._store.read(JOURNAL, (user, 0), limit=1), None)
        if first is not None and first.sequence_nr in (0, 1):
            raise InvalidInput(
                f"there is a user {user!r}", expected="a name that nobody has", remedy="choose one with --as"
            )

    def _checked(self, archive: ArchiveReader, user: UserId) -> _Checked:
        checked = _Checked(manifest=archive.manifest, user=user)
        for number, name in enumerate(archive.names):
            for _ in archive.lines(name):  # its SHA-256, before anything is made of what it says
                pass
            self._progress("checked", number + 1, len(archive.names))
        self._check_start(archive, checked)
        if checked.start[0]:
            checked.rows.update(_rows_told(archive, user))
        try:
            for written_ms, event in _events(archive, checked.start[0]):
                self._take(checked, written_ms, event)
        except InvalidInput as error:
            raise _foreign(error) from error
        if len(checked.events) != archive.manifest.event_count:
            raise _wrong(f"it has {len(checked.events)} events and not {archive.manifest.event_count}")
        self._check_sensors(archive, checked)
        return checked

    def _check_start(self, archive: ArchiveReader, checked: _Checked) -> None:
        """The state from which the events go on, if there are none of its beginning."""
        if SNAPSHOT_FILE not in archive.names:
            if archive.manifest.deleted_nr:
                raise _wrong(f"events 1 to {archive.manifest.deleted_nr} are missing, and {SNAPSHOT_FILE} is")
            return
        (told,) = [*archive.json_lines(SNAPSHOT_FILE)] or [None]
        number = told.get("number") if isinstance(told, dict) else None
        if not isinstance(number, int) or not 0 < number < 2**53 or number != archive.manifest.deleted_nr:
            raise _wrong(f"{SNAPSHOT_FILE} is of event {number!r:.20}")
        checked.start = number, unnamed(told.get("state"), User, SNAPSHOT_FILE)
        checked.state = checked.start[1]
        for session, known in checked.state.sessions.items():
            checked.sessions[session] = frozenset(each.stream for each in known.streams)

    def _take(self, checked: _Checked, written_ms: int, event: JournalEvent) -> None:
        check_event(event)
        if len(checked.events) >= EVENTS_MAX:
            raise _wrong(f"it has more than {EVENTS_MAX} events")
        checked.events.append((written_ms, event))
        for change in project(checked.user, checked.state, event):
            apply(change, checked.rows)
        checked.state = evolve(checked.state, event)
        if isinstance(event, SessionOpened):
            streams = frozenset(each.stream for each in event.streams)
            checked.sessions[event.session] = checked.sessions.get(event.session, Streams()) | streams

    def _check_sensors(self, archive: ArchiveReader, checked: _Checked) -> None:
        told = {row.session_id for table, row in checked.rows.values() if hasattr(row, "session_id")}
        for name in archive.names:
            if not name.startswith("sensor/"):
                continue
            session, stream = _stream_of(name)
            is_known = stream in checked.sessions.get(session, Streams())
            if not is_known and (checked.start[0] == 0 or session not in told):
                raise _wrong(f"{name} is of a stream that no session has")
            checked.sessions[session] = checked.sessions.get(session, Streams()) | {stream}
            before = -1
            for frame in _frames(archive, session, stream):
                if frame.sequence_nr <= before:
                    raise _wrong(f"the rows of {name} are not in order")
                before = frame.sequence_nr

    def _store_all(self, archive: ArchiveReader, checked: _Checked) -> None:
        user, now_ms = checked.user, self._now_ms()
        cipher = self._keys.cipher_of(user)
        files = [name for name in archive.names if name.startswith("sensor/")]
        for number, name in enumerate(files):
            self._progress("sensor rows", number, len(files))
            frames = _frames(archive, *_stream_of(name))
            self._write(SensorStore.entry(user, frame) for frame in frames)
        self._write(Insert(table, row) for table, row in checked.rows.values())
        self._write(
            arrival(user, SessionId(session), map(StreamId, streams), now_ms)
            for session, streams in checked.sessions.items()
            if streams
        )
        start_nr, state = checked.start
        if start_nr:
            self._write(SnapshotStore.entries(user, cipher, start_nr, state, now_ms))
        entries: list[Mutation] = []
        for number, (written_ms, event) in enumerate(checked.events, start=start_nr + 1):
            entries += Journal.entries(
                user,
                cipher,
                [event],
                first_nr=number,
                writer_epoch=IMPORT_EPOCH,
                previous_epoch=IMPORT_EPOCH,
                now_ms=written_ms,
            )
        if start_nr:
            entries.insert(0, deletion_mark(user, start_nr, IMPORT_EPOCH))
        self._write(entry for entry in reversed(entries) if isinstance(entry, Insert))

    def _write(self, mutations: Iterator[Mutation] | list[Mutation] | Any) -> None:
        remaining = iter(mutations)
        while some := list(itertools.islice(remaining, ROWS_PER_WRITE)):
            self._store.write(some)

    def _take_back(self, checked: _Checked) -> None:
        """Delete what was written; what cannot be deleted now is written again by the next import."""
        user = checked.user
        footprint = Footprint(user=user, subject="", sessions=checked.sessions)
        last = (checked.start[0] + len(checked.events)) // PARTITION_EVENTS
        deletes: list[Mutation] = [Delete(JOURNAL, (user, nr)) for nr in range(last + 1)]
        deletes.append(Delete(SNAPSHOT, (user,)))
        deletes += [
            Delete(SENSOR, (user, session, stream))
            for session, streams in footprint.sessions.items()
            for stream in streams
        ]
        for table, row in checked.rows.values():
            key = tuple(getattr(row, name) for name in table.key)
            width = len(table.partition)
            deletes.append(Delete(table, key[:width], key[width:], key[width:]))
        try:
            self._write(deletes)
        except MuvrError:
            return  # the first error is the one to tell


def _events(archive: ArchiveReader, start_nr: int) -> Iterator[tuple[int, JournalEvent]]:
    number = start_nr
    for told in archive.json_lines(EVENTS):
        number += 1
        if not isinstance(told, dict) or set(told) != {"number", "written_ms", "event"}:
            raise _wrong(f"line {number - start_nr} of {EVENTS} is not an event")
        written_ms = told["written_ms"]
        if told["number"] != number or not isinstance(written_ms, int) or not 0 <= written_ms < 2**53:
            raise _wrong(f"event {number} is numbered {told['number']!r:.20}, or its time is not one")
        yield written_ms, unnamed(told["event"], JournalEvent, f"event {number}")


def _rows_told(archive: ArchiveReader, user: UserId) -> Rows:
    """The rows of tables, where the events behind them were deleted; the user in them is `user`."""
    rows: Rows = {}
    for table in READ_MODEL_TABLES:
        for values in archive.csv_rows(table_file(table), table.columns):
            row = _row_of(table, values)._replace(user_id=user)
            apply(Insert(table, row), rows)
    newest = max((row.started_at for table, row in rows.values() if hasattr(row, "started_at")), default=None)
    if newest is not None:
        apply(Insert(USER_BY_SHARD, UserRow(shard_of(user), user, Timestamp(newest))), rows)
    return rows


def _row_of(table: Table[Any], values: list[str]) -> Any:
    return table.row._make(
        _value(table, name, text) for name, text in zip(table.columns, values, strict=True)
    )


def _value(table: Table[Any], name: str, text: str) -> Any:
    kind = table.types[name]
    if not text and name in table.optional:
        return None
    try:
        if kind is bool:
            return {"True": True, "False": False}[text]
        if kind is float:
            return float(text)
        return text if kind is str else int(text)
    except (ValueError, KeyError) as error:
        raise _wrong(f"{name} of a row of {table_file(table)} is {text!r:.40}") from error


def _frames(archive: ArchiveReader, session: str, stream: str) -> Iterator[SensorFrame]:
    name = sensor_file(session, stream)
    for number, start_ms, sensor, rate_hz, scale, samples in archive.csv_rows(name, SENSOR_COLUMNS):
        try:
            values = [int(each) for each in samples.split(" ")] if samples else []
            frame = SensorFrame(
                session=SessionId(session),
                stream=StreamId(stream),
                sequence_nr=int(number),
                sensor=sensor,
                start_ms=int(start_ms),
                rate_hz=float(rate_hz),
                scale=float(scale),
                samples=np.array(values, np.int16).tobytes(),
            )
            yield check_frame(frame)
        except (ValueError, OverflowError) as error:
            raise _wrong(f"a row of {name} is not one ({error!s:.80})") from error
        except InvalidInput as error:
            raise _foreign(error) from error


def _stream_of(name: str) -> tuple[str, str]:
    """The session and the stream of a file of the sensors' rows."""
    _, session, file = name.split("/")
    return session, file.removesuffix(".csv")


def _foreign(error: InvalidInput) -> InvalidArchive:
    if isinstance(error, InvalidArchive):
        return error
    return InvalidArchive(error.wrong, expected=error.expected, remedy="use the file as it was written")


def _wrong(what: str) -> InvalidArchive:
    return InvalidArchive(
        what, expected="what `muvr users export` wrote", remedy="use the file as it was written"
    )
