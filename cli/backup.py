"""`muvr backup` and `muvr restore`, of the embedded store."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.directory import alone_in
from cli.parsing import explain
from cli.privacy import RECEIPTS, kept_receipts, now_ms, secrets_of, settings_of
from cli.settings import NodeSettings
from cli.upkeep import add_place_arguments
from domain.errors import ConfigurationError
from persistence import backup, receipts
from persistence.erasure import Eraser
from persistence.keys import DataKeyStore
from persistence.location import sqlite_directory
from persistence.schema import KEYS, MAIN, TRAINING
from persistence.secret_files import load_or_make_key

_BACKUP_EXAMPLES = """
muvr backup /backups/monday                           while a node runs, without the keys
muvr backup /backups/monday --keys-to /safe/monday    and the keys, to another place
"""
_RESTORE_EXAMPLES = """
muvr restore /backups/monday                          the node must not run; the keys stay
muvr restore /backups/monday --keys-from /safe/monday --receipts /safe/receipts
"""
_BACKUP = """Save the embedded store as it is at one moment, while a node may be running. The keys are not in
it: whoever is erased later can be read in no backup, as long as the keys' own backups are replaced by newer
ones. Of Cassandra, `nodetool snapshot` saves the keyspaces but for the one of keys: see docs/privacy.md."""
_RESTORE = (
    """Put a backup in the place of the embedded store. Who was erased since is erased from it before."""
)


class _Backup:
    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.description = _BACKUP
        parser.add_argument("to", type=Path, metavar="DIR", help="a new directory")
        parser.add_argument("--keys-to", type=Path, metavar="DIR", help="save the keys too, to another place")
        add_place_arguments(parser)
        explain(parser, _BACKUP_EXAMPLES)

    @staticmethod
    def run(options: argparse.Namespace) -> int:
        settings = settings_of(options)
        store = _directory(settings)
        if options.keys_to is not None and _is_near(options.keys_to, options.to):
            raise ConfigurationError(
                "keys and what they open would be in one place", remedy="choose another --keys-to"
            )
        saved = backup.save(store, options.to, (MAIN, TRAINING), now_ms())
        told = {"directory": str(options.to), **msgspec.to_builtins(saved)}
        if options.keys_to is not None:
            backup.save(store, options.keys_to, (KEYS,), now_ms())
            told["keys"] = backup.save_secrets(settings.key_directory, options.keys_to)
        total = sum(each.bytes for each in saved.files)
        print(json.dumps(told) if options.json else f"{options.to}: {total / 1e6:.1f} MB; keys are not in it")
        return 0


class _Restore:
    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.description = _RESTORE
        parser.add_argument("backup", type=Path, metavar="DIR")
        parser.add_argument("--keys-from", type=Path, metavar="DIR", help="where --keys-to put the keys")
        parser.add_argument("--receipts", type=Path, metavar="DIR", help="of erasures, kept elsewhere")
        add_place_arguments(parser)
        explain(parser, _RESTORE_EXAMPLES)

    @staticmethod
    def run(options: argparse.Namespace) -> int:
        settings = settings_of(options)
        store = _directory(settings)
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone_in(settings.data) as is_alone:
            if not is_alone:
                raise ConfigurationError(f"a node runs on {settings.data}", remedy="stop it first")
            if options.keys_from is not None:
                _restore_secrets(options.keys_from, settings.key_directory)
            erased = _restored(options, settings, store)
        told = {"restored": str(options.backup), "erased_again": erased}
        print(
            json.dumps(told) if options.json else f"{store} is as in {options.backup}; erased: {len(erased)}"
        )
        return 0


up_to, back = _Backup, _Restore


def _restored(options: argparse.Namespace, settings: NodeSettings, store: Path) -> list[str]:
    secrets = secrets_of(settings)
    public = Ed25519PrivateKey.from_private_bytes(secrets.signing_key).public_key().public_bytes_raw()
    found = kept_receipts(settings.data / RECEIPTS, *([options.receipts] if options.receipts else []))
    for each in found:
        receipts.verify(each, public)
    master = load_or_make_key(settings.key_directory / "master.key")
    erased = backup.restore(
        store,
        options.backup,
        keys_backup=options.keys_from,
        master_key=master,
        receipts=found,
        erase_again=lambda new, users: [
            *Eraser(new, DataKeyStore(new, master), secrets, now_ms).again(list(users))
        ],
    )
    return list(erased)


def _restore_secrets(saved: Path, keys: Path) -> None:
    """Those that are missing; one that is there and differs would make all unreadable."""
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in backup.SECRETS:
        source, target = saved / name, keys / name
        if not source.exists():
            continue
        if target.exists() and target.read_bytes() != source.read_bytes():
            raise ConfigurationError(
                f"{target} is another than {source}", remedy="move the one that is not of this store away"
            )
        if not target.exists():
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(source.read_bytes())


def _directory(settings: NodeSettings) -> Path:
    directory = sqlite_directory(settings.store_location)
    if directory is None:
        raise ConfigurationError(
            "the store is not the embedded one", remedy="use nodetool snapshot: see docs/privacy.md"
        )
    return directory


def _is_near(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)
