"""Which of several models is served after they were evaluated, and when no further one is."""

from __future__ import annotations

import dataclasses
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.evaluating import Candidate, Data, Round, evaluate_all, serve_best
from domain.sensors import SensorSet
from persistence.models import EVERYONE, ModelStore
from persistence.ports import Insert
from persistence.schema import Timestamp
from persistence.sqlite import SqliteStore
from persistence.tables import ARTEFACT, ArtefactRow, ModelRow

SET = SensorSet.parse("a@50")
DIGEST = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


@dataclasses.dataclass(frozen=True)
class Figures:
    """Stands in for what is known of a model: it is its own artefact, metrics and evaluation."""

    f1_macro: float
    sensor_set: SensorSet = SET

    @property
    def metrics(self) -> Figures:
        return self


class Same:
    """Data on which a model does what it is said to do."""

    def evaluate(self, artefact: Figures) -> Figures:
        return artefact


def candidates(figures: list[float]) -> list[Candidate]:
    """Models m0, m1, ... of which each is newer than the one before."""
    return [
        Candidate(
            row=ModelRow(EVERYONE, str(SET), Timestamp(number), f"m{number}", DIGEST, "[]", 1, 1, 1.0, "{}"),
            artefact=cast(Any, Figures(f1)),
            sessions=frozenset(),
        )
        for number, f1 in enumerate(figures)
    ]


def evaluated(figures: list[float], seconds_max: float = 100.0) -> tuple[Round, list[str]]:
    recorded: list[str] = []
    clock = count()
    done = evaluate_all(
        candidates(figures),
        cast(Data, Same()),
        lambda candidate, found: recorded.append(candidate.row.model_id),
        seconds_max,
        clock=lambda: float(next(clock)),
    )
    return done, recorded


def test_a_perfect_model_ends_the_search() -> None:
    done, recorded = evaluated([0.5, 1.0, 0.7])
    assert (done.ended, recorded) == ("perfect", ["m0", "m1"])


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, 1), (1.5, 2), (9.0, 3)])
def test_no_model_is_begun_after_the_time_is_up(seconds: float, expected: int) -> None:
    done, recorded = evaluated([0.5, 0.6, 0.7], seconds)
    assert len(recorded) == expected
    assert done.ended == ("all" if expected == 3 else "budget")


@given(
    figures=st.lists(st.sampled_from([0.2, 0.5, 0.9]), min_size=1, max_size=6),
    before=st.integers(0, 5),
    boast=st.sampled_from([0.0, 0.99]),
)
def test_the_best_is_served_the_newest_of_equals_and_never_a_worse_one(
    tmp_path_factory: pytest.TempPathFactory, figures: list[float], before: int, boast: float
) -> None:
    """Whatever is served before, and for whichever figure it came to be."""
    store = SqliteStore(tmp_path_factory.mktemp("store"))
    store.write([Insert(ARTEFACT, ArtefactRow(DIGEST, 0, b"x"))])
    models = ModelStore(store)
    done, _ = evaluated(figures)
    models.serve(candidates(figures)[before % len(figures)].row, boast)
    best = max(range(len(figures)), key=lambda number: (figures[number], number))
    assert serve_best(models, done) == f"m{best}"
    current = models.current(EVERYONE, SET)
    assert current is not None
    assert current.f1_macro == max(figures)
    store.close()
