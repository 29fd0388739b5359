"""A backup is the store as of one moment, and what comes back has nobody who was erased since."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationError, Erased, InvalidArchive
from domain.identifiers import UserId, pseudonym_of
from persistence import backup
from persistence.erasure import Eraser, ErasureStore, Secrets
from persistence.keys import DataKeyStore
from persistence.ports import Insert
from persistence.receipts import Receipt
from persistence.schema import KEYS, MAIN, TRAINING
from persistence.sqlite import SqliteStore
from persistence.tables import JOURNAL, TABLES
from tests.persistence import rows
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.whole_users import PSEUDONYM_KEY, SIGNING_KEY, whole_user

ADA, BOB = UserId("ada"), UserId("bob")
DATA = (MAIN, TRAINING)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "store")
    whole_user(store, ADA, random.Random(1))
    whole_user(store, BOB, random.Random(2))
    store.close()
    return tmp_path


def eraser(store: SqliteStore) -> Eraser:
    secrets = Secrets(pseudonym_key=PSEUDONYM_KEY, signing_key=SIGNING_KEY)
    return Eraser(store, DataKeyStore(store, MASTER_KEY), secrets, lambda: 9)


def again(store: SqliteStore, users: Iterator[UserId]) -> list[UserId]:
    return list(eraser(store).again(list(users)))


def restored(place: Path, *, keys: Path | None = None, receipts: list[Receipt] | None = None) -> list[UserId]:
    return backup.restore(
        place / "store",
        place / "saved",
        keys_backup=keys,
        master_key=MASTER_KEY,
        receipts=receipts or [],
        erase_again=again,
    )


def contents(place: Path) -> dict[str, list[Any]]:
    store = SqliteStore(place / "store")
    found = {table.name: sorted(store.scan(table), key=repr) for table in TABLES}
    store.close()
    return found


def erased(place: Path, user: UserId = ADA) -> Receipt:
    store = SqliteStore(place / "store")
    receipt = eraser(store).erase(user)
    store.close()
    return receipt


def check_gone(place: Path, user: UserId = ADA) -> None:
    names = {user, pseudonym_of(user, PSEUDONYM_KEY)}
    for name, found in contents(place).items():
        assert not [row for row in found if names & set(map(str, row))], name
    store = SqliteStore(place / "store")
    with pytest.raises(Erased):
        DataKeyStore(store, MASTER_KEY).cipher_of(user)
    store.close()


def test_what_was_saved_comes_back(place: Path) -> None:
    before = contents(place)
    manifest = backup.save(place / "store", place / "saved", DATA, 7)
    assert {each.name for each in manifest.files} == {"muvr.sqlite", "muvr_training.sqlite"}
    assert not (place / "saved" / "muvr_keys.sqlite").exists()
    store = SqliteStore(place / "store")
    store.write([Insert(JOURNAL, rows.journal(7, of="late"))])
    store.close()
    assert restored(place) == []
    assert contents(place) == before


def test_a_store_that_is_written_to_is_saved_as_of_one_moment(place: Path) -> None:
    """Rows come in pairs, one write each: of none there is but one."""
    store, stop = SqliteStore(place / "store"), threading.Event()

    def write() -> None:
        number = 1
        while not stop.is_set():
            store.write([Insert(JOURNAL, rows.journal(number, of=name)) for name in ("left", "right")])
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(5):
            backup.save(place / "store", place / f"saved-{number}", DATA, 7)
            shutil.copytree(place / f"saved-{number}", place / f"copy-{number}")
    finally:
        stop.set()
        thread.join()
        store.close()
    for number in range(5):
        copy = SqliteStore(place / f"copy-{number}")
        assert len(list(copy.read(JOURNAL, ("left", 0)))) == len(list(copy.read(JOURNAL, ("right", 0))))
        copy.close()


def test_who_was_erased_since_does_not_come_back(place: Path) -> None:
    backup.save(place / "store", place / "saved", DATA, 7)
    erased(place)
    after = contents(place)
    assert restored(place) == [ADA]
    check_gone(place)
    now = contents(place)
    assert {name: now[name] for name in now if name != "erasure"} == {
        name: after[name] for name in after if name != "erasure"
    }


def test_nor_with_a_backup_of_the_keys_from_before(place: Path) -> None:
    """What is there now still says who was erased."""
    backup.save(place / "store", place / "saved", DATA, 7)
    backup.save(place / "store", place / "keys", (KEYS,), 7)
    erased(place)
    assert restored(place, keys=place / "keys") == [ADA]
    check_gone(place)


def test_nor_where_all_was_lost_but_the_receipt(place: Path) -> None:
    backup.save(place / "store", place / "saved", DATA, 7)
    backup.save(place / "store", place / "keys", (KEYS,), 7)
    receipt = erased(place)
    shutil.rmtree(place / "store")
    assert restored(place, keys=place / "keys", receipts=[receipt]) == [ADA]
    check_gone(place)


def test_who_was_not_erased_can_be_read_after_it_all(place: Path) -> None:
    backup.save(place / "store", place / "saved", DATA, 7)
    backup.save(place / "store", place / "keys", (KEYS,), 7)
    shutil.rmtree(place / "store")
    assert restored(place, keys=place / "keys") == []
    store = SqliteStore(place / "store")
    assert DataKeyStore(store, MASTER_KEY).known_cipher(BOB) is not None
    assert ErasureStore(store).all() == []
    store.close()


@pytest.mark.parametrize("name", ["muvr.sqlite", "backup.json"])
def test_a_backup_that_was_altered_is_refused_and_changes_nothing(place: Path, name: str) -> None:
    backup.save(place / "store", place / "saved", DATA, 7)
    before = contents(place)
    path = place / "saved" / name
    path.write_bytes(path.read_bytes().replace(b"muvr", b"ruvm", 1) + b"x")
    with pytest.raises(InvalidArchive):
        restored(place)
    assert contents(place) == before


def test_places_that_cannot_be_are_refused(place: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no backup"):
        restored(place)
    with pytest.raises(ConfigurationError, match="share a directory"):
        backup.save(place / "store", place / "store" / "saved", DATA, 7)
    with pytest.raises(ConfigurationError, match="not empty"):
        backup.save(place / "store", place, DATA, 7)
    backup.save(place / "store", place / "saved", (KEYS,), 7)
    with pytest.raises(InvalidArchive, match="beside its keys"):
        restored(place)


def test_secrets_are_saved_for_their_owner_alone(tmp_path: Path) -> None:
    keys, to = tmp_path / "keys", tmp_path / "to"
    keys.mkdir()
    to.mkdir()
    (keys / "master.key").write_bytes(b"k" * 32)
    assert backup.save_secrets(keys, to) == ["master.key"]
    assert (to / "master.key").stat().st_mode & 0o777 == 0o600
