"""The backends that the contract suite runs over. A new one is a line here.

A place is an empty directory of the test's own; opening it again finds what was stored there, also from
another process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from persistence.ports import Store
from persistence.sqlite import SqliteStore

OpenStore = Callable[[Path], Store]

BACKENDS: dict[str, OpenStore] = {"sqlite": SqliteStore}
