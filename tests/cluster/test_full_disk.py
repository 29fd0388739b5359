"""A node on a disk that is full: nothing is acknowledged meanwhile, everything once there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.actors.helpers import eventually
from tests.cluster.checker import check_settled
from tests.cluster.crowd import Crowd
from tests.cluster.rig import Rig

DISK_BYTES = 16 << 20
UNHEARD = 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "muvr-test", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here, as root could: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte; the file that takes the room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(os.urandom(4096))
    return filler


def test_a_full_disk_loses_nothing(disk: Path, tmp_path: Path) -> None:
    rig = Rig(tmp_path / "rig", f"sqlite:{disk / 'store'}", count=1)
    try:
        rig.up()
        with Crowd(30, rig.urls, rig.tokens, users=5) as crowd:
            crowd.heard()
            filler = fill(disk)
            eventually(lambda: min(crowd.unacknowledged()) >= UNHEARD, "nobody is heard")
            filler.unlink()
            crowd.heard()
            crowd.settle()
        check_settled(rig.store, crowd)
    except BaseException as error:
        error.add_note(rig.log())
        raise
    finally:
        rig.down()
