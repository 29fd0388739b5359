"""Which kinds of sessions go with progress: stronger, more volume, lighter, more muscle, a calmer heart.

Of the last weeks it is computed how each user's figures moved, and how often the user did each kind of
session; who the user is and how often the user trains at all is adjusted for. Nothing of it is a cause: what
no profile tells may be behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.adjustment import Fit, FloatArray, effects, holm, leverage_weighted, products, solved
from batch.arrow import ROWS_PER_BATCH, Row, map_rows
from batch.changes import ABOUT, DAY_MS, OUTCOMES, body_changes, progress
from batch.clusters import features
from batch.frames import spark_schema
from batch.job import Frames, Job, Parameters
from batch.kinds import KINDS_MAX
from batch.people import counted, sets_of
from persistence.learned_tables import CLUSTER_MEMBER, EVERYONE, POPULAR_SESSION, SESSION_EFFECT
from persistence.profile_tables import MEASUREMENT_BY_USER, PROFILE
from persistence.schema import Table
from persistence.tables import LABEL

WINDOW_DAYS = 84  # that are looked back on
WEEKS = 4  # for which effects are told
USERS_PER_COLUMN_MIN = 5  # fewer, and the model explains chance


@dataclass(frozen=True, kw_only=True)
class Design:
    """Columns of the model: sessions a week of each kind and of no kind, then who the user is.

    `means` and `spreads` are of ABOUT; a value that is not known is the mean, and told in its own column.
    """

    kinds: tuple[str, ...]
    clusters: tuple[str, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]

    @property
    def dose_count(self) -> int:
        return len(self.kinds) + 1

    def of(self, rows: Sequence[Row]) -> tuple[FloatArray, FloatArray]:
        """Design [users, columns] and outcomes [users, OUTCOMES], NaN if unknown, from rows of `progress`."""
        numbers = np.array([row[1:-1] for row in rows], np.float64)
        bounds = [self.dose_count, self.dose_count + len(OUTCOMES)]
        doses, outcomes, about = np.split(numbers, bounds, axis=1)
        known = ~np.isnan(about)
        scaled = np.where(known, (about - np.array(self.means)) / np.array(self.spreads), 0)
        own = np.array([row[-1] for row in rows], object)[:, None] == np.array([*self.clusters], object)
        often = doses.sum(axis=1, keepdims=True)
        columns = [doses, np.ones_like(often), often**2, scaled, scaled**2, ~known, own]
        return np.column_stack(columns).astype(np.float64), outcomes


def progress_of(frames: Frames, parameters: Parameters, kinds: Sequence[str]) -> DataFrame:
    """Rows of `progress` of the last WINDOW_DAYS, of the tables that EFFECTIVENESS reads."""
    key = parameters.pseudonym_key
    end = datetime.combine(parameters.day + timedelta(days=1), datetime.min.time(), UTC)
    end_ms = int(end.timestamp() * 1000)
    bounds_ms = end_ms - WINDOW_DAYS * DAY_MS, end_ms - 1
    people = counted(frames[PROFILE], key).persist()
    sets = sets_of(frames[LABEL].where(F.col("start_at").between(*bounds_ms)), people).persist()
    measured = frames[MEASUREMENT_BY_USER].where(F.col("measured_at").between(*bounds_ms))
    about = features(frames[PROFILE], measured, key, parameters.day)
    told = about.join(body_changes(measured, people), "subject", "left")
    return progress(sets, told, frames[CLUSTER_MEMBER], kinds)


def session_effects(users: DataFrame, kinds: Sequence[str], members_min: int) -> list[tuple[Any, ...]]:
    """Rows of SESSION_EFFECT without `run_nr`, from rows of `progress`; outcomes of too few are left out."""
    # In a fixed order, so that the same numbers are summed up to the same.
    users = users.repartition("subject").sortWithinPartitions("subject").persist()
    design = _design(users, kinds)
    summed = _summed(users, partial(_products, design=design))
    enough = {
        name: total
        for name, total in summed.items()
        if total[design.dose_count, design.dose_count] >= USERS_PER_COLUMN_MIN * (len(total) - 1)
    }
    fits = {name: solved(total) for name, total in enough.items()}
    middles = _summed(users, partial(_middles, design=design, fits=fits))
    doers = _summed(users, partial(_doers, design=design))
    found = [
        row
        for name, fit in fits.items()
        for row in _found(name, design, enough[name], fit, middles[name], doers[name][0], members_min)
    ]
    holds = holm(np.array([probability for *_, probability in found]))
    return [
        (*row, _verdict(row[-2], row[-1]) if holds[nr] else "unclear") for nr, (*row, _) in enumerate(found)
    ]


def _found(
    name: str,
    design: Design,
    total: FloatArray,
    fit: Fit,
    middle: FloatArray,
    doers: FloatArray,
    members_min: int,
) -> Iterator[tuple[Any, ...]]:
    """What an outcome's model says of each kind that enough users did, and how probable that is by chance."""
    count = design.dose_count
    is_done = np.array([*(doers[:-1] >= members_min), doers[-1] > 0])
    shares = total[:count, count][is_done]
    covariance = (fit.inverse @ middle @ fit.inverse)[:count, :count][np.ix_(is_done, is_done)]
    learned = effects(
        fit.coefficients[:count][is_done], covariance, shares / shares.sum(), unlike=int(is_done[-1])
    )
    done = [nr for nr in range(count - 1) if is_done[nr]]
    for row, nr in enumerate(done):
        limits = (
            round(WEEKS * float(each[row]), 6) for each in (learned.effect, learned.lower, learned.upper)
        )
        yield name, design.kinds[nr], int(doers[nr]), *limits, float(learned.probability[row])


def _verdict(lower: float, upper: float) -> str:
    return "better" if lower > 0 else "worse" if upper < 0 else "unclear"


def _design(users: DataFrame, kinds: Sequence[str]) -> Design:
    figures = [function(name) for name in ABOUT for function in (F.avg, F.stddev_pop)]
    row = users.agg(*figures).first()
    told = [(row[nr] or 0.0, row[nr + 1] or 1.0) for nr in range(0, 2 * len(ABOUT), 2)]
    clusters = users.select("cluster_id").where("cluster_id != ''").distinct().collect()
    return Design(
        kinds=tuple(kinds),
        clusters=tuple(sorted(row["cluster_id"] for row in clusters)),
        means=tuple(round(mean, 9) for mean, _ in told),
        spreads=tuple(round(spread, 9) for _, spread in told),
    )


def _summed(users: DataFrame, function: Callable[[Iterable[Row]], Iterator[Row]]) -> dict[str, FloatArray]:
    """The sums over all partitions of the matrices that `function` gives of one, by name."""
    parts = map_rows(users, function, "name string, width bigint, numbers binary").collect()
    total: dict[str, FloatArray] = {}
    for name, width, numbers in parts:
        matrix = np.frombuffer(numbers, np.float64).reshape(-1, width)
        total[name] = total[name] + matrix if name in total else matrix
    return dict(sorted(total.items()))


def _products(rows: Iterable[Row], *, design: Design) -> Iterator[Row]:
    yield from _matrices(rows, design, lambda name, columns, outcome: products(columns, outcome))


def _middles(rows: Iterable[Row], *, design: Design, fits: Mapping[str, Fit]) -> Iterator[Row]:
    def of(name: str, columns: FloatArray, outcome: FloatArray) -> FloatArray | None:
        return leverage_weighted(columns, outcome, fits[name]) if name in fits else None

    yield from _matrices(rows, design, of)


def _doers(rows: Iterable[Row], *, design: Design) -> Iterator[Row]:
    """How many users did each kind."""
    count = design.dose_count
    yield from _matrices(rows, design, lambda name, columns, outcome: (columns[:, :count] > 0).sum(axis=0))


def _matrices(
    rows: Iterable[Row], design: Design, of: Callable[[str, FloatArray, FloatArray], FloatArray | None]
) -> Iterator[Row]:
    """For each outcome the sum of `of` over chunks of the users who have it."""
    total: dict[str, FloatArray] = {}
    remaining = iter(rows)
    while chunk := list(islice(remaining, ROWS_PER_BATCH)):
        columns, outcomes = design.of(chunk)
        for nr, name in enumerate(OUTCOMES):
            known = ~np.isnan(outcomes[:, nr])
            matrix = of(name, columns[known], outcomes[known, nr])
            if matrix is not None:
                total[name] = total[name] + matrix if name in total else matrix
    for name, matrix in total.items():
        yield name, matrix.shape[-1], np.ascontiguousarray(matrix, np.float64).tobytes()


def _effectiveness(frames: Frames, parameters: Parameters) -> Mapping[Table[Any], DataFrame]:
    listed = frames[POPULAR_SESSION].where(F.col("cluster_id") == EVERYONE).orderBy("rank").limit(KINDS_MAX)
    kinds = [row["kind"] for row in listed.collect()]
    users = progress_of(frames, parameters, kinds)
    rows = session_effects(users, kinds, parameters.members_min)
    schema = spark_schema(SESSION_EFFECT, without=("run_nr",))
    return {SESSION_EFFECT: users.sparkSession.createDataFrame(rows, schema)}


EFFECTIVENESS = Job(
    name="effectiveness",
    summary="which kinds of sessions go with progress, adjusted, with intervals",
    reads=(LABEL, PROFILE, MEASUREMENT_BY_USER, CLUSTER_MEMBER, POPULAR_SESSION),
    writes=(SESSION_EFFECT,),
    function=_effectiveness,
    is_of_groups=True,
)
