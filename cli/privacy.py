"""What the commands about users' data share: secrets, who asks, progress, and how erasing is fenced."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.erasing import Fence
from cli.directory import alone_in
from cli.settings import NodeSettings
from domain.errors import ConfigurationError
from domain.identifiers import UserId, check_identifier
from persistence.access import AccessStore
from persistence.erasure import Eraser, Secrets
from persistence.erasure import Fence as FenceCall
from persistence.keys import DataKeyStore
from persistence.location import sqlite_directory
from persistence.ports import Store
from persistence.receipts import Receipt, decode, encode
from persistence.secret_files import load_or_make_key

RECEIPTS = "receipts"  # in the data directory
TELL_SECONDS = 1.0


def settings_of(options: argparse.Namespace) -> NodeSettings:
    return NodeSettings(data=options.data.absolute(), store=options.store, keys=options.keys)


def user_of(options: argparse.Namespace) -> UserId:
    return UserId(check_identifier("user", options.user))


def secrets_of(settings: NodeSettings) -> Secrets:
    return Secrets(
        pseudonym_key=load_or_make_key(settings.key_directory / "pseudonyms.key"),
        signing_key=load_or_make_key(settings.key_directory / "receipts.key"),
    )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def audited(store: Store, user: UserId, what: str, why: str) -> None:
    """Write down that whoever runs this looks at the user's data."""
    AccessStore(store).record(user, getpass.getuser(), "operator", f"muvr {what}", why, now_ms())


def told_progress(options: argparse.Namespace) -> Callable[[str, int, int], None]:
    """On stderr, at most once a second; nothing with --json."""
    told_s = [time.monotonic()]

    def tell(stage: str, done: int, total: int) -> None:
        if not options.json and time.monotonic() - told_s[0] > TELL_SECONDS:
            told_s[0] = time.monotonic()
            print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)

    return tell


@contextmanager
def erasing(options: argparse.Namespace, store: Store, keys: DataKeyStore) -> Iterator[Eraser]:
    """An eraser that waits for the shard hosts of running nodes, or keeps one from starting meanwhile."""
    settings = settings_of(options)
    with _fence(settings, store) as fence:
        yield Eraser(store, keys, secrets_of(settings), now_ms, fence=fence, progress=told_progress(options))


@contextmanager
def _fence(settings: NodeSettings, store: Store) -> Iterator[FenceCall]:
    if sqlite_directory(settings.store_location) != settings.data / "store":
        yield Fence(store)
        return
    with alone_in(settings.data) as is_alone:
        yield (lambda user, digest: True) if is_alone else Fence(store)


def keep_receipt(settings: NodeSettings, receipt: Receipt) -> Path:
    """Write it beside the store, from where `muvr restore` reads it."""
    path = settings.data / RECEIPTS / f"{receipt.digest}.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(encode(receipt))
    return path


def kept_receipts(*directories: Path) -> list[Receipt]:
    """All that are in the directories; raises InvalidArchive for what is none."""
    return [
        decode(path.read_bytes())
        for directory in directories
        if directory.is_dir()
        for path in sorted(directory.glob("*.json"))
    ]


def confirm(options: argparse.Namespace, what: str) -> None:
    """Have whoever runs this type the user's name, unless --yes; raises ConfigurationError."""
    if options.yes:
        return
    if sys.stdin.isatty() and input(f"{what} Type the name once more: ") == options.user:
        return
    raise ConfigurationError("nothing was done", remedy="say --yes, or type the name when asked")
