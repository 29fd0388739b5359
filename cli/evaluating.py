"""Which models of a store are evaluated on what, what is recorded of it, and which one is served then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from domain.errors import ConfigurationError, InvalidArtefact, InvalidInput, StoredValueCorrupt
from domain.recording import Recording
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.artefact import Artefact, decode
from persistence.choosing import COMPARED
from persistence.models import ModelStore, evaluation_row, stored_metrics
from persistence.tables import ModelRow
from persistence.windows import WindowStore

if TYPE_CHECKING:
    from training.evaluation import Evaluation

NEW_WINDOWS_MIN = 60  # fewer say too little to choose a model by
PERFECT = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A model of a store whose file is whole."""

    row: ModelRow
    artefact: Artefact
    sessions: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """Recordings by data set, of which no model of a store has learned."""

    data_sets: Mapping[str, Sequence[Recording]]
    is_new = True

    @property
    def words(self) -> str:
        return f"recordings: {', '.join(self.data_sets)}"

    def evaluate(self, artefact: Artefact) -> Evaluation:
        from training.evaluation import evaluate_recordings

        return evaluate_recordings(artefact, self.data_sets)


@dataclass(frozen=True, kw_only=True)
class StoredWindows:
    """A store's windows of a sensor set; of `sessions` alone, if there are such."""

    windows: WindowStore
    sensor_set: SensorSet
    sessions: frozenset[str] | None
    is_new: bool  # to all models that are compared
    words: str
    progress: Callable[[int, float], None]

    def evaluate(self, artefact: Artefact) -> Evaluation:
        from training.evaluation import evaluate_windows

        if artefact.sensor_set != self.sensor_set:
            raise InvalidInput(
                f"the model looks at {artefact.sensor_set}",
                expected=f"{self.sensor_set}, as the windows",
                remedy="give --sensor-set",
            )
        return evaluate_windows(artefact, self._read())

    def _read(self) -> Iterator[LabelledWindow]:
        for window in self.windows.read(self.sensor_set, self.progress):
            if self.sessions is None or f"{window.subject}/{window.session}" in self.sessions:
                yield window


Data = Recordings | StoredWindows


@dataclass(kw_only=True)
class Round:
    """What was evaluated so far; `ended` says why no further model was: all, perfect or budget."""

    evaluations: list[tuple[Candidate, Evaluation]] = field(default_factory=list)
    ended: str = "all"


def latest_windows(
    windows: WindowStore,
    sensor_set: SensorSet,
    compared: Sequence[Candidate],
    progress: Callable[[int, float], None],
    subjects: Collection[str] | None = None,
) -> StoredWindows:
    """The windows of all sessions that none of `compared` has learned from; all, if those are too few.

    Of the sessions of `subjects` alone, if there are such. Raises InvalidInput if those have none.
    """
    sessions = _sessions_of(windows, sensor_set, subjects)
    if subjects is not None and not sessions:
        raise InvalidInput(
            f"no windows of {sensor_set} of those users",
            expected="sets that the user has confirmed, and a night since then",
            remedy="correct --scope, or wait for the night",
        )
    learned = frozenset().union(*(candidate.sessions for candidate in compared))
    new = {name: count for name, count in sessions.items() if name not in learned}
    enough = sum(new.values()) >= NEW_WINDOWS_MIN
    if enough:
        words = f"{len(new)} sessions that none of {len(compared)} models learned from"
    else:
        words = f"all {len(sessions)} sessions, which models have learned from"
    chosen = new if enough else sessions
    return StoredWindows(
        windows=windows,
        sensor_set=sensor_set,
        sessions=None if chosen is sessions and subjects is None else frozenset(chosen),
        is_new=enough,
        words=words if learned else f"all {len(sessions)} sessions",
        progress=progress,
    )


def with_new_windows(
    windows: WindowStore,
    sensor_set: SensorSet,
    compared: Sequence[Candidate],
    subjects: Collection[str] | None = None,
) -> list[Candidate]:
    """Those of `compared`, of which the one served comes first, for whom there are windows new to all.

    The others are left out, the newest first; they have learned from too many. None may be left.
    """
    sessions = _sessions_of(windows, sensor_set, subjects)
    left = list(compared)
    while left:
        learned = frozenset().union(*(candidate.sessions for candidate in left))
        if sum(count for name, count in sessions.items() if name not in learned) >= NEW_WINDOWS_MIN:
            break
        left.remove(max(left[1:] or left, key=lambda candidate: candidate.row.created_at))
    return left


def _sessions_of(
    windows: WindowStore, sensor_set: SensorSet, subjects: Collection[str] | None
) -> dict[str, int]:
    """How many windows each session of `subjects`, or of everyone, has."""
    return {
        name: count
        for name, count in windows.sessions(sensor_set).items()
        if subjects is None or name.partition("/")[0] in subjects
    }


def candidate_of(models: ModelStore, row: ModelRow) -> Candidate | None:
    """The model of `row`; None, which is told on stderr, if its file is lost or damaged."""
    try:
        data = models.artefact(row.digest)
        if data is None:
            raise StoredValueCorrupt("its file is lost")
        return Candidate(row=row, artefact=decode(data), sessions=models.sessions_learned(row.model_id))
    except (StoredValueCorrupt, InvalidArtefact) as error:
        print(f"model {row.model_id} is left out: {error}", file=sys.stderr)
        return None


def served_candidate(models: ModelStore, scope: str, sensor_set: SensorSet) -> Candidate:
    """The model that is served; raises ConfigurationError if there is none that can be read."""
    current = models.current(scope, sensor_set)
    if current is None:
        raise ConfigurationError(
            f"no model of {sensor_set} is served to {scope}",
            remedy="`muvr train` trains one; or give --model-id",
        )
    candidate = candidate_of(models, models.find(current.model_id))
    if candidate is None:
        raise ConfigurationError(f"model {current.model_id}, which is served, cannot be read")
    return candidate


def past_candidates(models: ModelStore, scope: str, sensor_set: SensorSet, count: int) -> list[Candidate]:
    """The model that is served, then the `count` newest of the others that can be read."""
    current = models.current(scope, sensor_set)
    served_id = current.model_id if current is not None else ""
    rows = list(models.models(scope, sensor_set))[:count]
    if served_id and served_id not in {row.model_id for row in rows}:
        rows.append(models.find(served_id))
    rows.sort(key=lambda row: row.model_id != served_id)
    found = [candidate for row in rows if (candidate := candidate_of(models, row)) is not None]
    if not found:
        raise ConfigurationError(
            f"there is no model of {sensor_set} for {scope}", remedy="`muvr models list` shows what there is"
        )
    return found


def evaluate_all(
    candidates: Sequence[Candidate],
    data: Data,
    record: Callable[[Candidate, Evaluation], None],
    seconds_max: float,
    clock: Callable[[], float] = time.monotonic,
) -> Round:
    """Evaluate one after the other; ends early after a perfect one, or when the time is up.

    At least one is evaluated. What was found of each is recorded at once.
    """
    done = Round()
    deadline = clock() + seconds_max
    for candidate in candidates:
        if done.evaluations and clock() >= deadline:
            done.ended = "budget"
            break
        found = data.evaluate(candidate.artefact)
        record(candidate, found)
        done.evaluations.append((candidate, found))
        if found.metrics.f1_macro >= PERFECT:
            done.ended = "perfect"
            break
    return done


def record_evaluation(
    models: ModelStore,
    candidate: Candidate,
    found: Evaluation,
    data: Data,
    compared: Sequence[Candidate],
    now_ms: int,
) -> None:
    metrics: Any = stored_metrics(found.as_json(), candidate.artefact.classes)
    if data.is_new:
        metrics[COMPARED] = [each.row.model_id for each in compared]
    models.record(evaluation_row(candidate.row.model_id, now_ms, data.words, metrics))


def serve_best(models: ModelStore, done: Round) -> str:
    """Serve the best by macro F1, the newest of equals, unless what is served did better; who is served then.

    What is served was evaluated first, so that both figures are of the same data.
    """
    best, found = max(done.evaluations, key=lambda pair: (pair[1].metrics.f1_macro, pair[0].row.created_at))
    sensor_set = best.artefact.sensor_set
    current = models.current(best.row.scope, sensor_set)
    figures = {candidate.row.model_id: each.metrics.f1_macro for candidate, each in done.evaluations}
    theirs = figures.get(current.model_id) if current is not None else None
    models.promote(best.row, found.metrics.f1_macro, served_f1_macro=theirs)
    served = models.current(best.row.scope, sensor_set)
    assert served is not None
    return served.model_id
