"""Backups of the embedded store: of its files as of one moment each, while a node runs, and back.

What erases a user is the end of the data key. So keys are never in the same backup as what they open: `muvr`
and `muvr_training` are saved in one place, keys in another, and a backup that comes back is cleared of
everyone who was erased since before it is put in place.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from domain.errors import ConfigurationError, InvalidArchive
from domain.identifiers import UserId
from persistence.erasure import ErasureStore
from persistence.keys import DataKeyStore
from persistence.migrations import SCHEMA_VERSION, check_not_newer
from persistence.ports import Delete, Store
from persistence.receipts import Receipt
from persistence.schema import KEYS, MAIN, TRAINING
from persistence.sqlite import SqliteStore
from persistence.sqlite_errors import errors_of
from persistence.tables import DATA_KEY, JOURNAL, SENSOR, SESSION_BY_USER, USER_BY_SHARD

MANIFEST = "backup.json"
FORMAT = "muvr backup"
SECRETS = ("master.key", "pseudonyms.key", "models.key", "receipts.key", "tokens.key")
_CHUNK_BYTES = 1 << 20


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    sha256: str
    bytes: int


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    format: str = FORMAT
    schema_version: int
    saved_ms: int
    files: list[Saved]


def save(store: Path, to: Path, keyspaces: Sequence[str], now_ms: int) -> BackupManifest:
    """Copy the files of `keyspaces` of the store in `store` to the new or empty directory `to`.

    Each copy is its file as of one moment, whoever writes meanwhile. Raises ConfigurationError, StoreError.
    """
    if to.exists() and any(to.iterdir()):
        raise ConfigurationError(f"{to} is not empty", remedy="choose a new directory for each backup")
    if _is_within(to, store) or _is_within(store, to):
        raise ConfigurationError(f"{to} and the store share a directory", remedy="choose another place")
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    for keyspace in keyspaces:
        _copy(store / _file(keyspace), to / _file(keyspace))
    manifest = BackupManifest(
        schema_version=SCHEMA_VERSION,
        saved_ms=now_ms,
        files=[_saved(to / _file(keyspace)) for keyspace in keyspaces],
    )
    _write_whole(to / MANIFEST, (json.dumps(msgspec.to_builtins(manifest), indent=1) + "\n").encode())
    return manifest


def save_secrets(keys: Path, to: Path) -> list[str]:
    """Copy the secrets beside a backup of KEYS; their names."""
    names = [name for name in SECRETS if (keys / name).exists()]
    for name in names:
        _write_whole(to / name, (keys / name).read_bytes())
    return names


def read_manifest(backup: Path) -> BackupManifest:
    """That of a backup whose files are as they were saved; raises InvalidArchive, ConfigurationError."""
    try:
        manifest = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=BackupManifest)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{backup} holds no backup", remedy="correct the directory") from error
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise _wrong(f"{backup / MANIFEST} cannot be read ({error})") from error
    names = {_file(keyspace) for keyspace in (MAIN, TRAINING, KEYS)}
    if manifest.format != FORMAT or {each.name for each in manifest.files} - names:
        raise _wrong(f"{backup} is no backup of an embedded store")
    check_not_newer(manifest.schema_version, str(backup))
    for each in manifest.files:
        path = backup / each.name
        if not path.is_file() or _saved(path) != each:
            raise _wrong(f"{path} is not what was saved: its SHA-256 differs")
    return manifest


def restore(
    store: Path,
    backup: Path,
    *,
    keys_backup: Path | None,
    master_key: bytes,
    receipts: Sequence[Receipt],
    erase_again: Callable[[SqliteStore, Iterator[UserId]], list[UserId]],
) -> list[UserId]:
    """Put a backup in the place of the store in `store`, which nobody has open; who was erased from it.

    Keys stay as they are, or come from `keys_backup`; either way whoever was erased, by what is there now or
    by `receipts`, stays erased. All is made ready beside the store and then put in its place.
    """
    names = {each.name for each in read_manifest(backup).files}
    if names != {_file(MAIN), _file(TRAINING)}:
        raise _wrong(f"{backup} has {', '.join(sorted(names))}, and not what a store has beside its keys")
    present = store / _file(KEYS)
    keys = present if keys_backup is None else keys_backup / _file(KEYS)
    if keys_backup is not None:
        read_manifest(keys_backup)
    if not keys.exists():
        raise ConfigurationError(f"there is no {keys}", remedy="name a backup of the keys with --keys-from")
    ready = store.with_name(store.name + ".restoring")
    shutil.rmtree(ready, ignore_errors=True)
    ready.mkdir(parents=True, mode=0o700)
    for keyspace in (MAIN, TRAINING):
        _copy(backup / _file(keyspace), ready / _file(keyspace))
    _copy(keys, ready / _file(KEYS))
    with closing(SqliteStore(ready)) as new:
        _remember(new, master_key, receipts, present if present.exists() and present != keys else None)
        erased = erase_again(new, users_in(new))
    _swap(ready, store)
    return erased


def users_in(store: Store) -> Iterator[UserId]:
    """Everyone of whom anything is stored under their name."""
    tables = (JOURNAL, SENSOR, SESSION_BY_USER)
    named = {str(key[0]) for table in tables for key in store.partitions(table)}
    named |= {row.user_id for row in store.scan(USER_BY_SHARD)}
    return map(UserId, sorted(named))


def _remember(
    store: SqliteStore, master_key: bytes, receipts: Sequence[Receipt], present: Path | None
) -> None:
    """Who was erased stays so, also where the keys come from before that; their keys go again."""
    erasures = ErasureStore(store)
    for receipt in receipts:
        erasures.remember(receipt)
    if present is not None:
        with errors_of(present), closing(sqlite3.connect(present)) as connection:
            for digest, begun, finished, receipt in connection.execute(
                "SELECT digest, begun_at, finished_at, receipt FROM erasure"
            ):
                erasures.copy(digest, begun, finished, receipt)
    keys = DataKeyStore(store, master_key)
    erased = {row.digest for row in erasures.all()}
    for row in list(store.scan(DATA_KEY)):
        if keys.digest_of(UserId(row.user_id)) in erased:
            store.write([Delete(DATA_KEY, (row.user_id,))])


def _swap(ready: Path, store: Path) -> None:
    """`ready` is the store from now on. Cut off in between, a restore is begun again."""
    old = store.with_name(store.name + ".replaced")
    shutil.rmtree(old, ignore_errors=True)
    if store.exists():
        os.replace(store, old)
    os.replace(ready, store)
    shutil.rmtree(old, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """By SQLite itself, with what its log holds; in one step, or a writer would make it begin anew."""
    if not source.exists():
        raise ConfigurationError(f"there is no {source}", remedy="correct --data or --store")
    target.unlink(missing_ok=True)
    with (
        errors_of(source),
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        target.chmod(0o600)
        reading.backup(writing, pages=-1)
        writing.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself
        (state,) = writing.execute("PRAGMA quick_check").fetchone()
        if state != "ok":
            raise _wrong(f"{target} is damaged: {state}")
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _saved(path: Path) -> Saved:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found.update(chunk)
    return Saved(name=path.name, sha256=found.hexdigest(), bytes=path.stat().st_size)


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _is_within(path: Path, directory: Path) -> bool:
    return path.resolve().is_relative_to(directory.resolve())


def _file(keyspace: str) -> str:
    return f"{keyspace}.sqlite"


def _wrong(what: str) -> InvalidArchive:
    return InvalidArchive(
        what, expected="what `muvr backup` wrote", remedy="use the backup as it was written"
    )
