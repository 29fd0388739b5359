"""How well the night learns about users, on simulated populations whose truth is known.

    python -m benchmarks.learned --json FILE [--users 1000] [--populations 8] [--times 1000,4000]

`clusters`: how many are found of how many there are, and the share of users who are with their like.
`effects`: populations in which kinds of sessions differ: how often the 95 % intervals hold the truth, rank
correlation with it of the effects and of a plain comparison of means, findings and wrong ones. `no_effect`:
in how many populations without differences anything is found. `hidden`: what happens if something that no
profile tells is behind both. `times`: seconds of each job, by the clock and of CPU. The master is local[2];
sensors play no part.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from pyspark.sql import DataFrame, SparkSession

from batch.changes import OUTCOMES, dose_columns
from batch.clusters import CLUSTERS
from batch.effectiveness import EFFECTIVENESS, WEEKS, progress_of
from batch.job import Job, Parameters, Previous
from batch.kinds import JOINED
from batch.popularity import POPULARITY
from batch.priors import PRIORS
from batch.session import spark_session
from benchmarks.populations import population_frames
from domain.identifiers import pseudonym_of
from persistence.learned_tables import CLUSTER_MEMBER, EVERYONE, POPULAR_SESSION, SESSION_EFFECT
from persistence.runs import Cut
from persistence.schema import Table
from persistence.tables import LABEL
from simulator.population import END_MS, KINDS, FloatArray, PopulationSettings, blocks, effects_of

KEY = b"of the benchmark"
DAY = datetime.fromtimestamp(END_MS / 1000, UTC).date()
MEMBERS = "subject string, cluster_id string"
SIGNATURES = [JOINED.join(sorted(exercises)) for exercises in KINDS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", type=Path, required=True, metavar="FILE")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--populations", type=int, default=8, help="of each sort")
    parser.add_argument("--times", default="1000", help="numbers of users, with commas between")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, spark_session(Path(directory), memory_mb=2048) as spark:
        runs = _Runs(spark, Path(directory), options.users)
        seeds = range(options.populations)
        report: dict[str, Any] = {"users": options.users, "populations": options.populations, "sessions": 30}
        for name, measure in (
            ("clusters", lambda: [runs.clusters(seed, count) for count in (1, 2, 3, 4) for seed in seeds]),
            ("effects", lambda: _summary([runs.effects(seed) for seed in seeds])),
            ("no_effect", lambda: _summary([runs.effects(seed, effect=0.0) for seed in seeds])),
            ("hidden", lambda: _summary([runs.effects(seed, hidden=1.0) for seed in seeds])),
            ("times", lambda: [runs.times(int(count)) for count in options.times.split(",")]),
        ):
            report[name] = measure()
            options.json.write_text(json.dumps(report, indent=1))
            print(name, json.dumps(report[name]), flush=True)


class _Runs:
    """Jobs on populations of `user_count` users."""

    def __init__(self, spark: SparkSession, directory: Path, user_count: int) -> None:
        self._spark = spark
        self._directory = directory
        self._user_count = user_count

    def clusters(self, seed: int, group_count: int) -> dict[str, Any]:
        settings = PopulationSettings(
            user_count=self._user_count, session_count=2, seed=seed, group_count=group_count
        )
        with self._frames(settings) as frames:
            members = _result(CLUSTERS, frames, CLUSTER_MEMBER)
            found = {row["subject"]: row["cluster_id"] for row in members.collect()}
        of_group: dict[str, list[int]] = {}
        for block in blocks(settings):
            for user, group in zip(block.profiles["user_id"], block.group, strict=True):
                if cluster := found.get(pseudonym_of(user, KEY)):
                    of_group.setdefault(cluster, []).append(int(group))
        right = sum(int(np.bincount(groups).max()) for groups in of_group.values())
        return {"groups": group_count, "found": len(of_group), "purity": round(right / len(found), 3)}

    def effects(self, seed: int, **settings: float) -> dict[str, Any]:
        population = PopulationSettings(user_count=self._user_count, seed=seed, **settings)  # type: ignore[arg-type]
        with self._frames(population) as frames:
            frames[CLUSTER_MEMBER] = _result(CLUSTERS, frames, CLUSTER_MEMBER).persist()
            frames[POPULAR_SESSION] = self._spark.createDataFrame(
                [(EVERYONE, rank, kind) for rank, kind in enumerate(SIGNATURES)],
                "cluster_id string, rank bigint, kind string",
            )
            rows = _result(EFFECTIVENESS, frames, SESSION_EFFECT).collect()
            plain = _plain(progress_of(frames, _parameters(), SIGNATURES).collect())
        truth = _truth(population)
        return _judged([row.asDict() for row in rows], truth, plain)

    def times(self, user_count: int) -> dict[str, Any]:
        seconds: dict[str, Any] = {"users": user_count}
        with self._frames(PopulationSettings(user_count=user_count)) as frames:
            for table in list(frames):
                frames[table].persist().count()
            seconds["sets"] = frames[LABEL].count()
            for job in (CLUSTERS, POPULARITY, EFFECTIVENESS, PRIORS):
                started, cpu_started_s = time.monotonic(), _cpu_s()
                for table, frame in job.function(frames, _parameters()).items():
                    frames[table] = frame.persist()
                    frames[table].count()
                seconds[job.name] = {
                    "wall": round(time.monotonic() - started, 1),
                    "cpu": round(_cpu_s() - cpu_started_s, 1),
                }
        return seconds

    @contextmanager
    def _frames(self, settings: PopulationSettings) -> Iterator[dict[Any, DataFrame]]:
        with tempfile.TemporaryDirectory(dir=self._directory) as directory:
            frames: dict[Any, DataFrame] = dict(
                population_frames(self._spark, settings, Path(directory, "p"))
            )
            frames[Previous(CLUSTER_MEMBER)] = self._spark.createDataFrame([], MEMBERS)
            yield frames
            self._spark.catalog.clearCache()


def _cpu_s() -> float:
    """What this process and those below it have used: Java, and Python's workers."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def _parameters() -> Parameters:
    return Parameters(day=DAY, pseudonym_key=KEY, cut=Cut(sensor_sets=(), last_day=str(DAY)))


def _result(job: Job, frames: dict[Any, DataFrame], table: Table[Any]) -> DataFrame:
    return job.function(frames, _parameters())[table]


def _truth(settings: PopulationSettings) -> dict[str, FloatArray]:
    """Per outcome what a weekly session of each kind does in WEEKS weeks, beyond the average session."""
    effects = effects_of(settings)
    shares = sum(np.bincount(block.kind, minlength=len(KINDS)) for block in blocks(settings))
    outcomes = {
        "strength": effects["strength"],
        "volume": effects["strength"] + effects["volume"],
        "muscle": effects["strength"] + effects["body_weight"],
        "weight_loss": -effects["body_weight"],
        "calmer_heart": -effects["heart_rate"],
    }
    return {name: WEEKS * (values - np.average(values, weights=shares)) for name, values in outcomes.items()}


def _plain(users: Sequence[Any]) -> dict[str, FloatArray]:
    """Per outcome the mean of the users who do a kind the most, beyond that of all: nothing is adjusted."""
    doses = np.array([[user[name] for name in dose_columns(SIGNATURES)[:-1]] for user in users])
    favourite = doses.argmax(axis=1)
    means = {}
    for name in OUTCOMES:
        values = np.array([user[name] for user in users], np.float64)
        of_kind = [np.nanmean(values[favourite == kind]) for kind in range(len(SIGNATURES))]
        means[name] = np.array(of_kind) - np.nanmean(values)
    return means


def _judged(
    rows: list[dict[str, Any]], truth: dict[str, FloatArray], plain: dict[str, FloatArray]
) -> dict[str, Any]:
    """Per outcome: how many intervals hold the truth, rank correlations, findings and wrong ones."""
    judged = {}
    for name in OUTCOMES:
        of_kind = {row["kind"]: row for row in rows if row["outcome"] == name}
        found = [of_kind[kind] for kind in SIGNATURES]
        true = truth[name]
        signs = [{"better": 1, "worse": -1, "unclear": 0}[row["verdict"]] for row in found]
        judged[name] = {
            "intervals": len(found),
            "held": sum(
                bool(row["lower"] <= value <= row["upper"]) for row, value in zip(found, true, strict=True)
            ),
            "rank": _spearman(np.array([row["effect"] for row in found]), true),
            "rank_plain": _spearman(plain[name], true),
            "findings": sum(sign != 0 for sign in signs),
            "wrong": sum(
                sign != 0 and bool(sign * value <= 0) for sign, value in zip(signs, true, strict=True)
            ),
        }
    return judged


def _spearman(one: FloatArray, other: FloatArray) -> float | None:
    if np.ptp(other) == 0 or np.ptp(one) == 0:
        return None
    ranks = [values.argsort().argsort() for values in (one, other)]
    return round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), 3)


def _summary(populations: list[dict[str, Any]]) -> dict[str, Any]:
    """Over all populations, per outcome and together."""
    summary: dict[str, Any] = {}
    for name in OUTCOMES:
        judged = [population[name] for population in populations]
        summary[name] = {
            "coverage": round(sum(j["held"] for j in judged) / sum(j["intervals"] for j in judged), 3),
            **{key: _mean([j[key] for j in judged]) for key in ("rank", "rank_plain")},
            **{key: sum(j[key] for j in judged) for key in ("intervals", "findings", "wrong")},
        }
    any_found = [any(population[name]["findings"] for name in OUTCOMES) for population in populations]
    summary["populations_with_findings"] = sum(any_found)
    return summary


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 3) if known else None


if __name__ == "__main__":
    main()
