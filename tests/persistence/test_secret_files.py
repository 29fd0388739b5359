"""A secret is made once, for its owner alone; what cannot be a secret is told."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from persistence.secret_files import KEY_BYTES, load_or_make_key


def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    key = load_or_make_key(path)
    assert len(key) == KEY_BYTES
    assert load_or_make_key(path) == key == path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]


def test_of_racing_makers_one_secret_counts(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def race(_: int) -> bytes:
        barrier.wait()
        return load_or_make_key(tmp_path / "master.key")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(race, range(8)))) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["master.key"]


def test_what_a_killed_maker_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container the next process has the same number."""
    (tmp_path / f"master.key.{os.getpid()}").write_bytes(b"half")
    assert len(load_or_make_key(tmp_path / "master.key")) == KEY_BYTES


@pytest.mark.parametrize("size", [0, KEY_BYTES - 1, KEY_BYTES + 1])
def test_a_secret_of_another_size_is_told(tmp_path: Path, size: int) -> None:
    (tmp_path / "master.key").write_bytes(bytes(size))
    with pytest.raises(ConfigurationError, match=f"holds {size} bytes"):
        load_or_make_key(tmp_path / "master.key")


def test_a_place_that_cannot_hold_a_secret_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="cannot be read or made"):
        load_or_make_key(tmp_path / "file" / "master.key")
    with pytest.raises(ConfigurationError, match="cannot be read or made"):
        load_or_make_key(tmp_path)
