"""Secrets kept in files beside the store, never in it."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from domain.errors import ConfigurationError

KEY_BYTES = 32
_NUMBER = re.compile(r"-([1-9][0-9]{0,8})$")


def load_or_make_key(path: Path) -> bytes:
    """The 32-byte secret of `path`, made with mode 0600 if there is none. Processes may race for it."""
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the secret {path} cannot be read or made: {error.strerror}", remedy="check its permissions"
        ) from error
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"{path} holds {len(key)} bytes", expected=f"{KEY_BYTES}", remedy="restore it from a backup"
        )
    return key


def numbered_keys(first: Path) -> dict[str, bytes]:
    """The secrets beside `first`, which is number 1 and made if there is none, by number, the newest last."""
    keys = {"1": load_or_make_key(first)}
    return keys | {str(number): load_or_make_key(_numbered(first, number)) for number in _numbers(first)}


def make_next_key(first: Path) -> int:
    """Make another secret beside `first`; its number."""
    load_or_make_key(first)
    number = max(_numbers(first), default=1) + 1
    load_or_make_key(_numbered(first, number))
    return number


def drop_old_keys(first: Path) -> list[int]:
    """Let only the newest secret remain; the numbers of those that are gone. Number 1 is made anew."""
    numbers = _numbers(first)
    if not numbers:
        return []
    write_secret(first, secrets.token_bytes(KEY_BYTES))
    for number in numbers[:-1]:
        _numbered(first, number).unlink(missing_ok=True)
    return [1, *numbers[:-1]]


def write_secret(path: Path, secret: bytes) -> None:
    """Make `path` with mode 0600, or replace what is there; never readable by others, whole or not at all."""
    _beside(path, secret).replace(path)


def _numbered(first: Path, number: int) -> Path:
    return first.with_name(f"{first.stem}-{number}{first.suffix}")


def _numbers(first: Path) -> list[int]:
    """Of the secrets beside the first, in order."""
    found = (_NUMBER.search(path.stem) for path in first.parent.glob(f"{first.stem}-*{first.suffix}"))
    return sorted(int(each.group(1)) for each in found if each is not None)


def _make(path: Path) -> None:
    whole = _beside(path, secrets.token_bytes(KEY_BYTES))
    with suppress(FileExistsError):  # another process was first: its key counts
        os.link(whole, path)
    whole.unlink()


def _beside(path: Path, secret: bytes) -> Path:
    """A new file in the directory of `path` with all of `secret`, on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return whole
