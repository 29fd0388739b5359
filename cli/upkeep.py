"""What the commands of upkeep share: the store and the keys of a node, neither of which they make."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.settings import NodeSettings
from domain.errors import ConfigurationError
from persistence.keys import DataKeyStore
from persistence.location import open_store, sqlite_directory
from persistence.ports import Store
from persistence.secret_files import load_or_make_key


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=Path("muvr-data"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--store", metavar="LOCATION", help="default: the embedded one in --data")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="default: keys in --data")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[tuple[Store, DataKeyStore]]:
    """The store and its data keys; raises ConfigurationError if there are none at that place."""
    settings = NodeSettings(data=options.data.absolute(), store=options.store, keys=options.keys)
    directory = sqlite_directory(settings.store_location)
    if directory is not None and not directory.is_dir():
        raise ConfigurationError(f"{directory} holds no store", remedy="correct --data or --store")
    master = settings.key_directory / "master.key"
    if not master.exists():
        raise ConfigurationError(f"there is no {master}", remedy="correct --data or --keys")
    store = open_store(settings.store_location)
    try:
        yield store, DataKeyStore(store, load_or_make_key(master))
    finally:
        store.close()
