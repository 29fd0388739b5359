"""The stores that a user is recovered from and written to."""

from __future__ import annotations

from dataclasses import dataclass

from actors.groups import GroupShelf
from persistence.exercises import ExerciseStore
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.learned import LearnedStore
from persistence.ports import Store
from persistence.sensors import SensorStore
from persistence.snapshots import SnapshotStore


@dataclass(frozen=True)
class UserStores:
    journal: Journal
    snapshots: SnapshotStore
    sensors: SensorStore
    keys: DataKeyStore
    groups: GroupShelf

    @classmethod
    def over(cls, store: Store, master_key: bytes) -> UserStores:
        """All of them in one store; `master_key` wraps the users' data keys."""
        return cls(
            Journal(store),
            SnapshotStore(store),
            SensorStore(store),
            DataKeyStore(store, master_key),
            GroupShelf(LearnedStore(store), ExerciseStore(store)),
        )
