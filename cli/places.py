"""What the commands about models share: where windows, recordings and model files come from and go to."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cli.settings import NodeSettings
from domain.errors import ConfigurationError, InvalidArtefact, InvalidInput
from domain.recording import Recording
from edge.artefact import FILE_BYTES_MAX, Artefact, decode
from edge.recordings import load_directory
from persistence.location import open_store, sqlite_directory
from persistence.ports import Store


def add_store_arguments(parser: argparse.ArgumentParser, *, default: Path | None = None) -> None:
    words = "a node's data directory" + (" (default: %(default)s)" if default else "")
    parser.add_argument("--data", type=Path, default=default, metavar="DIR", help=words)
    parser.add_argument("--store", metavar="LOCATION", help="default: the embedded one in --data")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="default: keys in --data")


def settings_of(options: argparse.Namespace) -> NodeSettings:
    return NodeSettings(data=options.data, store=options.store, keys=options.keys)


@contextmanager
def existing_store(options: argparse.Namespace) -> Iterator[Store]:
    """The store of a node; raises ConfigurationError if there is none at that place."""
    location = settings_of(options).store_location
    directory = sqlite_directory(location)
    if directory is not None and not directory.is_dir():
        raise ConfigurationError(f"{directory} holds no store", remedy="correct --data or --store")
    store = open_store(location)
    try:
        yield store
    finally:
        store.close()


def load_data_sets(directories: Sequence[Path]) -> dict[str, list[Recording]]:
    """The recordings of each directory, by its name; raises InvalidInput, which names the directory."""
    data_sets: dict[str, list[Recording]] = {}
    for directory in directories:
        try:
            recordings = load_directory(directory)
        except InvalidInput as error:
            error.wrong = error.wrong if str(directory) in error.wrong else f"{directory}: {error.wrong}"
            raise
        if not recordings:
            raise InvalidInput(f"{directory} lists no recordings", remedy="choose another directory")
        name = directory.resolve().name
        if name in data_sets:
            raise InvalidInput(
                f"two directories are called {name!r}", expected="each once", remedy="rename one of them"
            )
        data_sets[name] = recordings
    return data_sets


def zone_of(name: str) -> tzinfo:
    """The time zone of that name; raises ConfigurationError."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ConfigurationError(
            f"there is no time zone {name!r}", expected="one like Europe/London", remedy="correct --time-zone"
        ) from error


def read_model(path: Path) -> Artefact:
    """The model in a file; raises InvalidArtefact, which names it, and OSError."""
    with path.open("rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    try:
        return decode(data)
    except InvalidArtefact as error:
        error.wrong = f"{path}: {error.wrong}"
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that at its place there is never a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path`, or to standard output if that is `-`."""
    text = json.dumps(value, indent=2) + "\n"
    if str(path) == "-":
        print(text, end="", flush=True)
    else:
        write_whole(path, text.encode())
