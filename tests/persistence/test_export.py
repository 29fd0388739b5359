"""An export has all there is of a user, imported it is the same user, and it is not trusted."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Erased, InvalidArchive, InvalidInput, StoreError, StoreUnavailable
from domain.events import JournalEvent
from domain.identifiers import UserId
from domain.user import User, evolve
from persistence.archive import MANIFEST, ArchiveReader
from persistence.comparison import READ_MODELS
from persistence.erasure import Eraser, Secrets
from persistence.export import Exporter
from persistence.footprint import find_footprint, slices
from persistence.importing import Importer
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.ports import Store
from persistence.rebuild import ReadModels
from persistence.snapshots import SnapshotStore
from persistence.sqlite import SqliteStore
from persistence.tables import DATA_KEY, JOURNAL, SENSOR, TABLES, USER_BY_SHARD
from tests.actors.faulty_store import FaultyStore
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.whole_users import PSEUDONYM_KEY, SIGNING_KEY, whole_user

ADA, BOB = UserId("ada"), UserId("bob")
OTHER_KEY = b"o" * 32
SEEDS = 4


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SqliteStore]:
    """The store of another installation."""
    store = SqliteStore(tmp_path / "other")
    for connection in store._connections:
        connection.execute("PRAGMA synchronous=OFF")
    yield store
    store.close()


@pytest.fixture(scope="module")
def adas(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An export."""
    store = SqliteStore(tmp_path_factory.mktemp("first"))
    whole_user(store, ADA, random.Random(1))
    data = exported(store)
    store.close()
    return data


def exported(store: Store, user: UserId = ADA) -> bytes:
    stream = io.BytesIO()
    Exporter(store, DataKeyStore(store, MASTER_KEY), PSEUDONYM_KEY, lambda: 1_790_000_000_000).export(
        user, stream
    )
    return stream.getvalue()


def imported(store: Store, data: bytes, key: bytes = OTHER_KEY, **options: Any) -> None:
    Importer(store, DataKeyStore(store, key), lambda: 5).load(io.BytesIO(data), **options)


def events_in(store: Store, user: UserId, key: bytes) -> list[tuple[int, int, JournalEvent]]:
    cipher = DataKeyStore(store, key).cipher_of(user)
    return [(row.sequence_nr, row.written_at, event) for row, event in Journal(store).rows(user, cipher)]


def state_of(store: Store, user: UserId, key: bytes) -> User:
    state = User()
    for _, _, event in events_in(store, user, key):
        state = evolve(state, event)
    return state


def rows_of(store: Store, user: UserId, key: bytes, name: str = "") -> dict[str, list[tuple[Any, ...]]]:
    """Read models and sensor rows, with the user called `name`."""
    footprint = find_footprint(store, user, DataKeyStore(store, key).cipher_of(user), PSEUDONYM_KEY)
    found = {}
    for table in (*READ_MODELS, SENSOR):
        rows = [
            row._replace(user_id=name or user, **({"shard_nr": 0} if table is USER_BY_SHARD else {}))
            for part in slices(store, footprint, table)
            for row in store.read(table, part.partition, lower=part.lower, upper=part.upper)
        ]
        found[table.name] = sorted(map(tuple, rows), key=repr)
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_was_exported_is_imported_as_the_same_user(store: Store, other: SqliteStore, seed: int) -> None:
    """State, journal and rows, from every backend into another store, under another name too."""
    whole_user(store, ADA, random.Random(seed))
    whole_user(store, BOB, random.Random(99))
    data = exported(store)
    imported(other, data)
    assert state_of(other, ADA, OTHER_KEY) == state_of(store, ADA, MASTER_KEY)
    assert events_in(other, ADA, OTHER_KEY) == events_in(store, ADA, MASTER_KEY)
    assert rows_of(other, ADA, OTHER_KEY) == rows_of(store, ADA, MASTER_KEY)
    imported(other, data, name="eve")
    assert state_of(other, UserId("eve"), OTHER_KEY) == state_of(store, ADA, MASTER_KEY)
    assert rows_of(other, UserId("eve"), OTHER_KEY, "ada") == rows_of(store, ADA, MASTER_KEY)
    outcomes = ReadModels(other, DataKeyStore(other, OTHER_KEY), wait=lambda _: None).outcomes(
        [ADA], mend=False
    )
    assert not [each for each in outcomes if each.differences or each.problem]


def test_what_is_imported_into_this_backend_is_the_same_user(store: Store, other: SqliteStore) -> None:
    whole_user(other, ADA, random.Random(3))
    imported(store, exported(other))
    assert rows_of(store, ADA, OTHER_KEY) == rows_of(other, ADA, MASTER_KEY)
    assert events_in(store, ADA, OTHER_KEY) == events_in(other, ADA, MASTER_KEY)


def test_a_user_whose_first_events_were_deleted_is_the_same_too(store: Store, other: SqliteStore) -> None:
    events = whole_user(store, ADA, random.Random(4))
    cipher, state = DataKeyStore(store, MASTER_KEY).cipher_of(ADA), User()
    for event in events[:80]:
        state = evolve(state, event)
    store.write(SnapshotStore.entries(ADA, cipher, 80, state, 9))
    Journal(store).delete_up_to(ADA, 60)
    imported(other, exported(store))
    others = DataKeyStore(other, OTHER_KEY).cipher_of(ADA)
    assert SnapshotStore(other).newest(ADA, others) == (80, state)
    assert [number for number, *_ in events_in(other, ADA, OTHER_KEY)] == list(range(81, len(events) + 1))
    assert rows_of(other, ADA, OTHER_KEY) == rows_of(store, ADA, MASTER_KEY)


def test_people_can_read_it(store: Store) -> None:
    whole_user(store, ADA, random.Random(1))
    with zipfile.ZipFile(io.BytesIO(exported(store))) as archive:
        names = archive.namelist()
        assert names[-1] == MANIFEST
        assert {name for name in names if "/" not in name} > {"README.txt", "events.jsonl", "state.json"}
        first = json.loads(archive.read("events.jsonl").splitlines()[0])
        assert first["number"] == 1
        assert {"is", "session", "at_ms"} <= set(first["event"])
        sensor = next(name for name in names if name.startswith("sensor/"))
        heading, row, *_ = archive.read(sensor).decode().splitlines()
        assert heading == "sequence_nr,start_ms,sensor,rate_hz,scale,samples"
        assert len(row.split(",")[5].split(" ")) in (50, 150)
        for entry in json.loads(archive.read(MANIFEST))["files"]:
            assert hashlib.sha256(archive.read(entry["name"])).hexdigest() == entry["sha256"]
        assert "ada" in archive.read("README.txt").decode()
        assert archive.read("access.csv").decode().splitlines()[1] == "ada,7,1,eve,operator,sessions,support"


def test_of_a_user_without_a_key_there_is_nothing(store: Store) -> None:
    with pytest.raises(InvalidInput, match="ada"):
        exported(store)


def repacked(data: bytes, change: Callable[[str, bytes], bytes | None], *, is_listed: bool = True) -> bytes:
    """The archive with other files; `is_listed` has the manifest name what they are now."""
    stream, entries = io.BytesIO(), []
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        manifest = json.loads(old.read(MANIFEST))
        for entry in manifest["files"]:
            content = change(entry["name"], old.read(entry["name"]))
            if content is None:
                continue
            new.writestr(entry["name"], content)
            entries.append(
                {**entry, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
                if is_listed
                else entry
            )
        told = json.dumps(manifest | {"files": entries}).encode()
        new.writestr(MANIFEST, change(MANIFEST, told) or b"")
    return stream.getvalue()


def at(wanted: str, old: bytes, new: bytes) -> Callable[[str, bytes], bytes]:
    return lambda name, content: content.replace(old, new) if wanted in name else content


def _without_last_line(name: str, content: bytes) -> bytes:
    return content[: content.rindex(b"\n", 0, -1) + 1] if "events" in name else content


def _backwards(name: str, content: bytes) -> bytes:
    if not name.startswith("sensor"):
        return content
    heading, *rows = content.split(b"\n")[:-1]
    return b"\n".join([heading, *reversed(rows), b""])


ALTERED: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda data: b"",
    "no archive": lambda data: b"x" * 1000,
    "half of it": lambda data: data[: len(data) // 2],
    "another byte": lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
    "a wrong hash": lambda data: repacked(data, at("events", b"1", b"2"), is_listed=False),
    "no events": lambda data: repacked(data, lambda name, c: None if name == "events.jsonl" else c),
    "another format": lambda data: repacked(data, at(MANIFEST, b"muvr user export", b"a recipe")),
    "a later version": lambda data: repacked(data, at(MANIFEST, b'"version": 1', b'"version": 2')),
    "a field more": lambda data: repacked(data, at(MANIFEST, b'"version": 1', b'"version": 1, "x": 2')),
    "events that are none": lambda data: repacked(data, at("events", b'"is": "', b'"is": "x')),
    "other numbers": lambda data: repacked(data, at("events", b'"number": 3,', b'"number": 4,')),
    "a time of no calendar": lambda data: repacked(data, at("events", b'"at_ms": 3', b'"at_ms": -3')),
    "an identifier that is none": lambda data: repacked(
        data, at("events", b'"session": "s0"', b'"session": "../s"')
    ),
    "NaN": lambda data: repacked(data, at("events", b'"value": ', b'"value": NaN, "x": ')),
    "fewer events": lambda data: repacked(
        data, lambda n, c: c[: c.rindex(b"\n", 0, -1) + 1] if "events" in n else c
    ),
    "a sample too large": lambda data: repacked(data, at("sensor", b" ", b"99999 ")),
    "a text as a sample": lambda data: repacked(data, at("sensor", b" 1", b" x")),
    "another heading": lambda data: repacked(data, at("sensor", b"scale", b"scales")),
    "an unknown sensor": lambda data: repacked(data, at("sensor", b",a,", b",z,")),
    "rows in disorder": lambda data: repacked(data, _backwards),
    "a user that is none": lambda data: repacked(data, at(MANIFEST, b'"ada"', b'"../ada"')),
    "deep nesting": lambda data: repacked(
        data, at("events", b'{"number": 2', b"[" * 50_000 + b'{"number": 2')
    ),
    "a long line": lambda data: repacked(
        data, at("events", b'{"number": 2', b" " * (1 << 21) + b'{"number": 2')
    ),
    "invalid UTF-8": lambda data: repacked(data, at("events", b'"is"', b'"\xff"')),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_is_no_export_is_a_documented_error_and_leaves_nothing(
    other: SqliteStore, what: str, adas: bytes
) -> None:
    altered = ALTERED[what](adas)
    assert altered != adas
    with pytest.raises(InvalidInput) as found:
        imported(other, altered)
    assert found.value.remedy
    assert not [row for table in TABLES if table is not DATA_KEY for row in other.scan(table)]


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "name", ["../evil.csv", "/etc/passwd", "sensor/../x/y.csv", "sensor/a/../b.csv", "a\\b.csv", "c:x"]
)
def test_names_that_lead_elsewhere_are_refused(other: SqliteStore, name: str) -> None:
    with pytest.raises(InvalidArchive, match="has a file"):
        imported(other, zipped(**{name: b"x", MANIFEST: b"{}"}))


def test_a_bomb_is_refused_before_it_is_unpacked(other: SqliteStore) -> None:
    bomb = zipped(**{"events.jsonl": b"0" * (64 << 20), MANIFEST: b"{}"})
    assert len(bomb) < 100_000
    with pytest.raises(InvalidArchive, match="bytes when unpacked"):
        ArchiveReader(io.BytesIO(bomb), bytes_max=1 << 20)


def test_a_bomb_that_lies_about_its_size_is_cut_off(other: SqliteStore, adas: bytes) -> None:
    """The size in the directory is small; what comes out is not what the manifest says."""
    data = bytearray(adas)
    at_directory = data.index(b"PK\x01\x02")
    for offset in (16, 24):  # CRC and size of the first file
        data[at_directory + offset : at_directory + offset + 4] = b"\x05\x00\x00\x00"
    with pytest.raises(InvalidArchive):
        imported(other, bytes(data))


def test_a_user_who_is_there_is_not_replaced(store: Store) -> None:
    whole_user(store, ADA, random.Random(1))
    with pytest.raises(InvalidInput, match="there is a user 'ada'"):
        imported(store, exported(store), MASTER_KEY)


def test_an_erased_user_is_not_imported_under_the_same_name(store: Store) -> None:
    whole_user(store, ADA, random.Random(1))
    data, secrets = exported(store), Secrets(pseudonym_key=PSEUDONYM_KEY, signing_key=SIGNING_KEY)
    Eraser(store, DataKeyStore(store, MASTER_KEY), secrets, lambda: 9).erase(ADA)
    with pytest.raises(Erased):
        imported(store, data, MASTER_KEY)
    imported(store, data, MASTER_KEY, name="ada2")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_an_import_that_fails_leaves_no_user_and_is_begun_again(
    store: Store, other: SqliteStore, seed: int
) -> None:
    whole_user(store, ADA, random.Random(1))
    data, faulty = exported(store), FaultyStore(other, random.Random(seed), 0.05)
    keys = DataKeyStore(other, OTHER_KEY)
    for _ in range(300):
        try:
            Importer(faulty, DataKeyStore(faulty, OTHER_KEY), lambda: 5).load(io.BytesIO(data))
            break
        except StoreError:
            left = next(other.read(JOURNAL, (ADA, 0), limit=1), None)
            assert left is None or left.sequence_nr > 1, "half a user has no first event"
        except InvalidInput:
            break  # the last write took place, and nobody knew
    assert keys.cipher_of(ADA)
    assert rows_of(other, ADA, OTHER_KEY) == rows_of(store, ADA, MASTER_KEY), seed
    assert events_in(other, ADA, OTHER_KEY) == events_in(store, ADA, MASTER_KEY)


def test_a_failed_import_takes_back_what_it_wrote(
    other: SqliteStore, adas: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = other.write
    left = [6]

    def fails_late(mutations: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise StoreUnavailable("away")
        write(mutations)

    monkeypatch.setattr(other, "write", fails_late)
    with pytest.raises(StoreUnavailable):
        imported(other, adas)
    kept = {"data_key", "arrival"}  # an arrival of a session that is not there leads to nothing
    assert not [row for table in TABLES if table.name not in kept for row in other.scan(table)]
