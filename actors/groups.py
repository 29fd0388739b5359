"""What the night learned about groups of users, ready for the coach: read apart from the actors, and kept.

A thread looks every minute whether another run of the batch is served, and reads it then; what is there
meanwhile is replaced as a whole. So no actor ever waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable

from coach.catalogue import NO_MORE, More, described, is_known
from coach.newcomers import NO_GROUPS, Centre, Group, GroupLoad, Groups, Kind
from domain.contributed import Contributed
from domain.errors import MuvrError
from persistence.exercises import ExerciseStore
from persistence.learned import BETTER, LearnedStore
from persistence.learned_tables import (
    EVERYONE,
    NEXT_EXERCISE,
    POPULAR_SESSION,
    SESSION_EFFECT,
    USUAL_LOAD,
    ClusterRow,
    NextExerciseRow,
    PopularSessionRow,
    SessionEffectRow,
    UsualLoadRow,
)

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
JOINED = "+"  # between the names of a kind of session
KINDS_MAX = 32


class GroupShelf:
    """`groups` is what was read last; nothing before `refresh`, or before the first night."""

    def __init__(self, store: LearnedStore, exercises: ExerciseStore) -> None:
        self._store = store
        self._exercises = exercises
        self._read: tuple[dict[str, int], list[Contributed]] = {}, []  # the runs by table; what is accepted
        self.groups = NO_GROUPS

    def refresh(self) -> None:
        """Read what is served now, if it is not what was read. Raises StoreError."""
        found = self._store.served_runs(), self._exercises.accepted()
        if found != self._read:
            self.groups = groups_of(self._store, described(found[1]))
            self._read = found


class GroupThread(threading.Thread):
    """Refreshes `shelf` until it is stopped; what cannot be read is logged and tried again."""

    def __init__(self, shelf: GroupShelf, seconds: float = LOOK_SECONDS) -> None:
        super().__init__(name="groups", daemon=True)
        self._shelf = shelf
        self._seconds = seconds
        self._stopped = threading.Event()

    def run(self) -> None:
        while True:
            try:
                self._shelf.refresh()
            except MuvrError as error:
                log.error("what the night learned cannot be read: %s", error)
            if self._stopped.wait(self._seconds):
                return

    def stop(self, seconds_max: float) -> None:
        self._stopped.set()
        self.join(seconds_max)


def groups_of(store: LearnedStore, accepted: More = NO_MORE) -> Groups:
    """Everything in the form in which the coach asks, of names that users made up only accepted ones."""

    def is_shown(name: str) -> bool:
        return is_known(name) or name in accepted

    effects = _better(store.rows(SESSION_EFFECT))
    kinds = _kinds(store.rows(POPULAR_SESSION), effects, is_shown)
    following = _following(store.rows(NEXT_EXERCISE), is_shown)
    loads = _loads(store.rows(USUAL_LOAD))

    def group(name: str) -> Group:
        return Group(
            is_everyone=name == EVERYONE, kinds=kinds[name], following=following[name], loads=loads[name]
        )

    clusters = store.clusters()
    told = {*kinds, *following, *loads}
    return Groups(
        everyone=group(EVERYONE) if EVERYONE in told else None,
        accepted=accepted,
        clusters=tuple((_centre(row), group(row.cluster_id)) for row in clusters if row.cluster_id in told),
    )


def _better(rows: Iterable[SessionEffectRow]) -> dict[str, frozenset[str]]:
    """The outcomes that each kind of session surely goes along with."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.verdict == BETTER:
            found[row.kind].add(row.outcome)
    return {kind: frozenset(outcomes) for kind, outcomes in found.items()}


def _kinds(
    rows: Iterable[PopularSessionRow], effects: dict[str, frozenset[str]], is_shown: Callable[[str], bool]
) -> defaultdict[str, tuple[Kind, ...]]:
    found: defaultdict[str, tuple[Kind, ...]] = defaultdict(tuple)
    for row in sorted(rows, key=lambda row: row.rank):
        exercises = tuple(row.kind.split(JOINED))
        if len(found[row.cluster_id]) < KINDS_MAX and all(map(is_shown, exercises)):
            kind = Kind(
                exercises=exercises,
                user_count=row.user_count,
                goes_with=effects.get(row.kind, frozenset()),
            )
            found[row.cluster_id] += (kind,)
    return found


def _following(
    rows: Iterable[NextExerciseRow], is_shown: Callable[[str], bool]
) -> defaultdict[str, dict[str, dict[str, float]]]:
    found: defaultdict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for row in rows:
        if is_shown(row.exercise) and (not row.after or is_shown(row.after)):
            found[row.cluster_id].setdefault(row.after, {})[row.exercise] = row.probability
    return found


def _loads(rows: Iterable[UsualLoadRow]) -> defaultdict[str, dict[str, GroupLoad]]:
    found: defaultdict[str, dict[str, GroupLoad]] = defaultdict(dict)
    for row in rows:
        found[row.cluster_id][row.exercise] = GroupLoad(
            repetitions=row.repetitions,
            rest_s=row.rest_s,
            weight_kg=row.weight_kg,
            shares=(row.relative_low, row.relative_middle, row.relative_high),
        )
    return found


def _centre(row: ClusterRow) -> Centre:
    index = None
    if row.weight_kg is not None and row.height_cm:
        index = row.weight_kg / (row.height_cm / 100) ** 2
    return Centre(
        age_years=row.age_years,
        male_share=row.male_share,
        body_mass_index=index,
        heart_rate=row.resting_heart_rate,
        experience=row.experience,
        strength_goal=row.strength_goal_share,
        weight_loss_goal=row.weight_loss_goal_share,
    )
