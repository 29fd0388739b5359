"""Everything about a user as one archive, for the user to read and for `muvr users import`.

It is written as it is read: no more than a page of rows is in memory. A node may be running; then the rows
may be some seconds newer than the events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np

from domain.deleting import apart_from_session, without_sessions
from domain.errors import InvalidInput
from domain.events import JournalEvent, SessionDeleted, SessionEvent
from domain.identifiers import SessionId, UserId
from domain.user import User, evolve
from persistence.archive import ArchiveWriter, Manifest
from persistence.blobs import FORMAT_VERSION
from persistence.exercise_tables import CONTRIBUTED_EXERCISE
from persistence.footprint import Footprint, find_footprint, slices
from persistence.journal import Journal
from persistence.keys import Cipher, DataKeyStore
from persistence.learned_tables import CLUSTER_MEMBER
from persistence.migrations import SCHEMA_VERSION
from persistence.ports import Store
from persistence.privacy_tables import ACCESS
from persistence.profile_tables import GOAL, MEASUREMENT_BY_USER, PROFILE
from persistence.readable import named
from persistence.schema import Table
from persistence.snapshots import Snapshot, SnapshotStore
from persistence.tables import (
    LABEL,
    MODEL,
    SENSOR,
    SESSION_BY_USER,
    SET_BY_SESSION,
    SUGGESTION_BY_SESSION,
    WINDOW,
    SensorRow,
)

EVENTS, SNAPSHOT_FILE, STATE, README = "events.jsonl", "snapshot.json", "state.json", "README.txt"
SENSOR_COLUMNS = ("sequence_nr", "start_ms", "sensor", "rate_hz", "scale", "samples")
# Tables that follow from events, and those that only tell: for reading, but for what `importing` says.
READ_MODEL_TABLES: tuple[Table[Any], ...] = (
    SESSION_BY_USER,
    LABEL,
    SET_BY_SESSION,
    SUGGESTION_BY_SESSION,
    PROFILE,
    MEASUREMENT_BY_USER,
    GOAL,
    CONTRIBUTED_EXERCISE,
)
TOLD_TABLES: tuple[Table[Any], ...] = (ACCESS, CLUSTER_MEMBER, MODEL)

_README = """What muvr keeps about {user}, as of {when} (UTC, ms since 1970: {at_ms}).

events.jsonl   what happened, in order: one JSON object a line, with the time at which it was stored
state.json     what follows from it: profile, plan, programme, consents, the latest sets, and so on
session_by_user.csv, label.csv, set_by_session.csv, suggestion_by_session.csv, profile.csv,
measurement_by_user.csv, goal_by_user.csv, contributed_exercise.csv
               the same as tables: sessions, sets that were confirmed, sets that were recognised, what was
               suggested, profile and consents, body measurements, goals, own exercises
sensor/SESSION/STREAM.csv
               what a sensor measured, a row for each second or so: `samples` are whole numbers, axis after
               axis, and a value in the sensor's unit is sample * scale; from start_ms on at rate_hz
access.csv     who else looked at these data, when and why
cluster_member.csv, model.csv
               the group that statistics put {user} in, and models for {user} alone
snapshot.json  where the first events were deleted: what they had led to
manifest.json  versions, and the SHA-256, bytes and rows of each file

Times are ms since 1970 UTC. `is` says which kind an object is of. Windows that training cut from the sensors'
rows, under a pseudonym, are not repeated here: there are {windows}.

`muvr users import FILE` stores all of it in another installation, but for access, groups and models, which
belong to this one.
"""


def table_file(table: Table[Any]) -> str:
    return f"{table.name}.csv"


def sensor_file(session: str, stream: str) -> str:
    return f"sensor/{session}/{stream}.csv"


class Exporter:
    """`progress` is told what is written, and how many of the sessions are."""

    def __init__(
        self,
        store: Store,
        keys: DataKeyStore,
        pseudonym_key: bytes,
        now_ms: Callable[[], int],
        *,
        progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._pseudonym_key = pseudonym_key
        self._now_ms = now_ms
        self._progress = progress

    def export(self, user: UserId, stream: IO[bytes]) -> Manifest:
        """Write the archive to `stream`; raises InvalidInput if there is nothing, StoreError."""
        cipher = self._keys.known_cipher(user)
        if cipher is None:
            raise InvalidInput(
                f"nothing can be read of user {user!r}",
                expected="a user with a data key that opens",
                remedy="correct the name; `muvr users check` tells more",
            )
        footprint = find_footprint(self._store, user, cipher, self._pseudonym_key)
        at_ms = self._now_ms()
        archive = ArchiveWriter(stream, at_ms)
        self._write_readme(archive, footprint, at_ms)
        deleted_nr, count = self._write_events(archive, user, cipher)
        for table in (*READ_MODEL_TABLES, *TOLD_TABLES):
            self._write_table(archive, table, footprint)
        self._write_sensors(archive, footprint)
        manifest = Manifest(
            schema_version=SCHEMA_VERSION,
            event_version=FORMAT_VERSION,
            user=user,
            exported_ms=at_ms,
            event_count=count,
            deleted_nr=deleted_nr,
            files=archive.files,
        )
        archive.close(manifest)
        return manifest

    def _write_readme(self, archive: ArchiveWriter, footprint: Footprint, at_ms: int) -> None:
        windows = sum(1 for _ in self._rows(WINDOW, footprint))
        when = np.datetime64(at_ms, "ms").astype("datetime64[s]")
        text = _README.format(user=footprint.user, when=when, at_ms=at_ms, windows=windows)
        with archive.file(README) as file:
            for line in text.splitlines():
                file.line(line, is_row=False)

    def _write_events(self, archive: ArchiveWriter, user: UserId, cipher: Cipher) -> tuple[int, int]:
        """Events, and the state after them; up to which event all were deleted, and how many there are."""
        journal = Journal(self._store)
        deleted_nr = journal.deleted_nr(user)
        start: Snapshot = 0, User()
        if deleted_nr:
            start = self._start(user, cipher, deleted_nr)
        last_nr, gone = start[0], []
        for last_nr, event in journal.replay(user, cipher, lower=start[0] + 1):
            if isinstance(event, SessionDeleted):
                gone.append((last_nr, event))
        number, state = start[0], without_sessions(start[1], (event for _, event in gone))
        if deleted_nr:
            with archive.file(SNAPSHOT_FILE) as file:
                file.json_line({"number": number, "state": named(state)})
        until = {event.session: last for last, event in gone}
        count = 0
        with archive.file(EVENTS) as file:
            for row, happened in journal.rows(user, cipher, lower=number + 1, upper=last_nr):
                for event in _left(state, row.sequence_nr, happened, until):
                    state, count = evolve(state, event), count + 1
                    told = {"number": number + count, "written_ms": row.written_at, "event": named(event)}
                    file.json_line(told)
        with archive.file(STATE) as file:
            file.json_line(named(state))
        return number, count

    def _start(self, user: UserId, cipher: Cipher, deleted_nr: int) -> Snapshot:
        """The state from which the events that are left go on."""
        found = SnapshotStore(self._store).newest(user, cipher)
        if found is None or found[0] < deleted_nr:
            raise InvalidInput(
                f"events 1 to {deleted_nr} of user {user!r} were deleted, and no snapshot can be read",
                remedy="see `muvr users check`",
            )
        return found

    def _write_table(self, archive: ArchiveWriter, table: Table[Any], footprint: Footprint) -> None:
        with archive.file(table_file(table)) as file:
            file.csv_row(table.columns, is_row=False)
            for row in self._rows(table, footprint):
                file.csv_row(csv_values(row))

    def _rows(self, table: Table[Any], footprint: Footprint) -> Iterator[Any]:
        for part in slices(self._store, footprint, table):
            yield from self._store.read(table, part.partition, lower=part.lower, upper=part.upper)

    def _write_sensors(self, archive: ArchiveWriter, footprint: Footprint) -> None:
        for number, (session, streams) in enumerate(sorted(footprint.sessions.items())):
            self._progress(f"session {session}", number, len(footprint.sessions))
            for stream in sorted(streams):
                rows = self._store.read(SENSOR, (footprint.user, session, stream))
                first = next(rows, None)
                if first is None:
                    continue
                with archive.file(sensor_file(session, stream)) as file:
                    file.csv_row(SENSOR_COLUMNS, is_row=False)
                    file.line(_sensor_line(first))
                    for row in rows:
                        file.line(_sensor_line(row))
        self._progress("sessions", len(footprint.sessions), len(footprint.sessions))


def _left(
    state: User, number: int, event: JournalEvent, deleted_at: Mapping[SessionId, int]
) -> Sequence[JournalEvent]:
    """What is told of an event: of a session that is deleted later, by the event of that number, little."""
    if isinstance(event, SessionDeleted):
        return ()
    if isinstance(event, SessionEvent) and number < deleted_at.get(event.session, 0):
        return apart_from_session(state, event)
    return (event,)


def csv_values(row: Sequence[object]) -> list[object]:
    """None is empty; floats so that they come back the same."""
    return ["" if value is None else repr(value) if isinstance(value, float) else value for value in row]


def _sensor_line(row: SensorRow) -> str:
    """Plain, as none of the values needs quotes: the csv module would take as long again."""
    samples = " ".join(map(str, np.frombuffer(row.samples, "<i2").tolist()))
    return f"{row.sequence_nr},{row.start_at},{row.sensor},{row.rate_hz!r},{row.scale!r},{samples}"
