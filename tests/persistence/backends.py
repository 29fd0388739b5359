"""The backends that the contract suite runs over, and where a test's own store of each is.

A location is empty when a test begins; opened again, also by another process, it has what was stored there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

BACKENDS = ("sqlite", "cassandra")


def location_of(backend: str, request: pytest.FixtureRequest, directory: Path) -> str:
    """Where an empty store of `backend` is; files go to `directory`."""
    if backend == "sqlite":
        return f"sqlite:{directory / 'store'}"
    return str(request.getfixturevalue("cassandra_location"))
