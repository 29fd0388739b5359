"""What the night learned about users, as the coach and the API read it; of the runs that are served.

Nothing is an empty answer: of a group that is too small, or before the first night. Who asks for a cluster's
falls back to EVERYONE.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from domain.identifiers import UserId, pseudonym_of
from persistence.learned_tables import (
    CLUSTER,
    CLUSTER_MEMBER,
    EVERYONE,
    LEARNED_TABLES,
    NEXT_EXERCISE,
    POPULAR_EXERCISE,
    POPULAR_SEQUENCE,
    POPULAR_SESSION,
    SESSION_EFFECT,
    USUAL_LOAD,
    ClusterRow,
    PopularExerciseRow,
    PopularSequenceRow,
    PopularSessionRow,
    SessionEffectRow,
    UsualLoadRow,
)
from persistence.ports import Store
from persistence.runs import RunStore, result_partition
from persistence.schema import Table

BETTER = "better"

RowT = TypeVar("RowT", bound=Any)


def cluster_finder(store: Store, pseudonym_key: bytes) -> Callable[[UserId], str | None]:
    """Tells the cluster of a user, None of who is in none; raises StoreError."""
    learned = LearnedStore(store)
    return lambda user: learned.cluster_of(pseudonym_of(user, pseudonym_key))


class LearnedStore:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs = RunStore(store)

    def served_runs(self) -> dict[str, int]:
        """The runs whose results are read, by table: when they are others, there is something new."""
        served = self._runs.state().served
        return {table.name: served[table.name] for table in LEARNED_TABLES if table.name in served}

    def rows(self, table: Table[RowT]) -> list[RowT]:
        """All of a table, in its order: of every cluster and EVERYONE."""
        return list(self._runs.results(table))

    def clusters(self) -> list[ClusterRow]:
        """The groups of users, by name."""
        return list(self._runs.results(CLUSTER))

    def cluster_of(self, subject: str) -> str | None:
        """The cluster of a user, asked for by pseudonym; None of who is in none."""
        number = self._runs.served(CLUSTER_MEMBER)
        if number is None:
            return None
        key = (subject,)
        found = self._store.read(CLUSTER_MEMBER, result_partition(number, subject), lower=key, upper=key)
        return next((row.cluster_id for row in found), None)

    def members(self) -> dict[str, str]:
        """The cluster of each user who is in one, by pseudonym."""
        return {row.subject: row.cluster_id for row in self._runs.results(CLUSTER_MEMBER)}

    def popular_exercises(self, cluster_id: str = EVERYONE) -> list[PopularExerciseRow]:
        """The most popular first. Names that the catalogue does not have are those that users contributed."""
        return self._of(POPULAR_EXERCISE, cluster_id)

    def popular_sessions(self, cluster_id: str = EVERYONE) -> list[PopularSessionRow]:
        """The most popular kinds of sessions first."""
        return self._of(POPULAR_SESSION, cluster_id)

    def popular_sequences(self, cluster_id: str = EVERYONE) -> list[PopularSequenceRow]:
        """What most often follows each other first."""
        return self._of(POPULAR_SEQUENCE, cluster_id)

    def session_effects(self, outcome: str) -> list[SessionEffectRow]:
        """What goes with an outcome, as `batch.changes` names them, the greatest effect first."""
        return sorted(self._of(SESSION_EFFECT, outcome), key=lambda row: (-row.effect, row.kind))

    def effective_sessions(self, outcome: str) -> list[SessionEffectRow]:
        """The kinds of sessions that surely go with a better outcome than the average one, the best first."""
        return [row for row in self.session_effects(outcome) if row.verdict == BETTER]

    def next_exercises(self, after: str, cluster_id: str = EVERYONE) -> dict[str, float]:
        """How probably users go on with which exercise after `after`, or begin with, after an empty one.

        May sum up to less than 1: what only a few do is left out.
        """
        key = cluster_id, after
        found = self._runs.results(NEXT_EXERCISE, lower=key, upper=key)
        return {row.exercise: row.probability for row in found}

    def usual_load(self, exercise: str, cluster_id: str = EVERYONE) -> UsualLoadRow | None:
        key = cluster_id, exercise
        return next(self._runs.results(USUAL_LOAD, lower=key, upper=key), None)

    def _of(self, table: Table[RowT], name: str) -> list[RowT]:
        return list(self._runs.results(table, lower=(name,), upper=(name,)))
