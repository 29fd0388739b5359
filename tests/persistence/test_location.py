"""Which backend a location means, and what a wrong one says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigurationError
from persistence import location as location_module
from persistence.counted import CountedStore
from persistence.location import (
    apply_schema,
    make_roles,
    open_store,
    prepare_store,
    schema_differences,
    schema_statements,
    sqlite_directory,
)
from persistence.tables import TABLES


def test_a_directory_holds_the_embedded_store(tmp_path: Path) -> None:
    location = f"sqlite:{tmp_path / 'store'}"
    assert sqlite_directory(location) == tmp_path / "store"
    assert len(schema_differences(location)) == 3
    assert not (tmp_path / "store").exists()
    assert len(prepare_store(location)) == 3
    assert apply_schema(location) == prepare_store(location) == schema_differences(location) == []
    store = open_store(location)
    assert isinstance(store, CountedStore)
    store.close()


def test_a_url_is_of_cassandra() -> None:
    location = "cassandra://db/gym"
    assert sqlite_directory(location) is None
    statements = list(schema_statements(location))
    assert sum(statement.startswith("CREATE TABLE IF NOT EXISTS gym") for statement in statements) == (
        len(TABLES) + 1
    )
    assert statements[0].startswith("CREATE KEYSPACE IF NOT EXISTS gym\n")


def test_a_directory_has_no_roles(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no roles"):
        make_roles(f"sqlite:{tmp_path}", {})


@pytest.mark.parametrize("location", ["", "sqlite:", "sqlite", "muvr-data", "postgres://db/muvr"])
@pytest.mark.parametrize("use", [open_store, prepare_store, sqlite_directory, schema_differences])
def test_a_location_of_no_known_kind_is_told(use: Callable[[str], Any], location: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite:DIRECTORY or cassandra://.*--store"):
        use(location)


def test_without_the_driver_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location_module, "DRIVER", "no_such_module")
    for use in (open_store, prepare_store, apply_schema, schema_differences):
        with pytest.raises(ConfigurationError, match=r"pip install 'muvr\[cassandra\]'"):
            use("cassandra://db/muvr")
