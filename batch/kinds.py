"""Kinds of sessions: exercises that many users do together, in whatever order, and what is like them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.arrow import Row, map_rows

OTHER = "other"
JOINED = "+"  # no identifier has it
LIKENESS_MIN = 0.6  # of a session and a kind: exercises that both have, of those that either has
KINDS_MAX = 32
CANDIDATES_MAX = 2000


def signatures(sequences: DataFrame) -> DataFrame:
    """`sequences` with `signature`: the names of the exercises, sorted and joined."""
    names = F.array_sort(F.array_distinct("exercises"))
    return sequences.withColumn("signature", F.concat_ws(JOINED, names))


def popular_kinds(signed: DataFrame, users_min: int) -> list[str]:
    """At most KINDS_MAX signatures of which each was done by at least `users_min` users; most users first."""
    users = F.countDistinct("subject").alias("users")
    candidates = signed.groupBy("signature").agg(users).where(F.col("users") >= users_min)
    rows = candidates.orderBy(F.desc("users"), "signature").limit(CANDIDATES_MAX).collect()
    return leaders(row["signature"] for row in rows)


def leaders(candidates: Iterable[str]) -> list[str]:
    """Candidates that are like none before: Hartigan's leader algorithm (Clustering Algorithms, 1975)."""
    chosen: list[str] = []
    for candidate in candidates:
        if len(chosen) < KINDS_MAX and kind_of(candidate, chosen) == OTHER:
            chosen.append(candidate)
    return chosen


def kind_of(signature: str, kinds: Sequence[str]) -> str:
    """The kind that a session is most like, the earlier of two; OTHER if it is like none."""
    best = max(kinds, key=lambda kind: _likeness(signature, kind), default=OTHER)
    return best if kinds and _likeness(signature, best) >= LIKENESS_MIN else OTHER


def with_kind(signed: DataFrame, kinds: Sequence[str]) -> DataFrame:
    """`signed` with the `kind` of each session in place of its signature."""
    named = map_rows(
        signed.select("signature").distinct(),
        partial(_kinds_of, kinds=tuple(kinds)),
        "signature string, kind string",
    )
    return signed.join(named, "signature").drop("signature")


def _kinds_of(rows: Iterable[Row], *, kinds: Sequence[str]) -> Iterator[Row]:
    for (signature,) in rows:
        yield signature, kind_of(signature, kinds)


def _likeness(one: str, other: str) -> float:
    first, second = set(one.split(JOINED)), set(other.split(JOINED))
    return len(first & second) / len(first | second)
