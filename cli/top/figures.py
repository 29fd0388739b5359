"""What a node is doing, worked out of two readings of its metrics; no I/O."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Reading:
    """Samples by name and labels, read at `at_s`."""

    at_s: float
    samples: Mapping[str, Mapping[Labels, float]]

    def sum(self, name: str, **labels: str) -> float:
        wanted = set(labels.items())
        return sum(value for key, value in self.samples.get(name, {}).items() if wanted <= key)

    def by(self, name: str, label: str) -> dict[str, float]:
        """The sums of a metric by the values of a label."""
        found: defaultdict[str, float] = defaultdict(float)
        for key, value in self.samples.get(name, {}).items():
            found[dict(key).get(label, "")] += value
        return dict(found)


@dataclass(frozen=True, kw_only=True)
class Process:
    name: str
    is_up: bool
    starts: int
    cpu_cores: float
    memory_bytes: float
    users: int | None  # in memory, and shards; of a shard host
    shards: int | None
    lease_age_s: float | None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Rates are per second between the readings; latencies are of what was answered between them, in seconds,
    None where nothing was.
    """

    seconds: float
    connections: int
    messages: float
    frames: float
    received_bytes: float
    errors: float
    waiting: int
    credit_share: float
    acknowledgement_s: dict[str, float | None]
    write_s: dict[str, float | None]
    lag_s: dict[str, float | None]
    replies: dict[str, float]
    store_errors: float
    disk_free_share: float | None
    processes: list[Process] = field(default_factory=list)
    nights: dict[str, int] = field(default_factory=dict)
    night_is_running: bool = False
    night_succeeded_age_s: float | None = None
    models: dict[str, int] = field(default_factory=dict)
    sets_unknown_share: float | None = None


def read(text: str, at_s: float) -> Reading:
    """Raises ValueError if `text` is not what Prometheus reads."""
    samples: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples[sample.name][frozenset(sample.labels.items())] = sample.value
    return Reading(at_s, samples)


def figures(before: Reading, now: Reading) -> Figures:
    """`before` may be `now` itself: then rates are 0, and latencies of all that was answered so far."""
    seconds = now.at_s - before.at_s

    def rate(name: str, **labels: str) -> float:
        # A node that was started again counts from 0.
        return max(0.0, now.sum(name, **labels) - before.sum(name, **labels)) / seconds if seconds else 0.0

    credit = now.sum("muvr_batches_in_flight_max")
    size = now.sum("muvr_disk_size_bytes")
    succeeded_s = now.sum("muvr_night_succeeded_timestamp_seconds")
    sets = now.sum("muvr_sets_total")
    return Figures(
        seconds=round(seconds, 3),
        connections=int(now.sum("muvr_connections")),
        messages=rate("muvr_message_bytes_count"),
        frames=rate("muvr_frames_total"),
        received_bytes=rate("muvr_message_bytes_sum"),
        errors=rate("muvr_errors_sent_total") + rate("muvr_refusals_total"),
        waiting=int(now.sum("muvr_messages_waiting")),
        credit_share=now.sum("muvr_batches_in_flight") / credit if credit else 0.0,
        acknowledgement_s=_quantiles("muvr_acknowledgement_seconds", before, now),
        write_s=_quantiles("muvr_store_seconds", before, now, operation="write"),
        lag_s=_quantiles("muvr_host_wait_seconds", before, now),
        replies={
            kind: rate("muvr_replies_total", kind=kind) for kind in now.by("muvr_replies_total", "kind")
        },
        store_errors=rate("muvr_store_errors_total"),
        disk_free_share=now.sum("muvr_disk_free_bytes") / size if size else None,
        processes=list(_processes(before, now, seconds)),
        nights={name: int(count) for name, count in now.by("muvr_nights_total", "outcome").items() if count},
        night_is_running=bool(now.sum("muvr_night_running")),
        night_succeeded_age_s=now.sum("muvr_clock_seconds") - succeeded_s if succeeded_s else None,
        models={scope: int(count) for scope, count in now.by("muvr_models_served", "scope").items()},
        sets_unknown_share=now.sum("muvr_sets_total", outcome="unknown") / sets if sets else None,
    )


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """Of a histogram's cumulated counts by upper bound, as Prometheus' histogram_quantile estimates it.

    Linear within a bucket; where only the last bucket remains, its lower bound.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return None
    rank = share * total
    lower, below = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            if math.isinf(bound) or buckets[bound] == below:
                return lower
            return lower + (bound - lower) * (rank - below) / (buckets[bound] - below)
        lower, below = bound, buckets[bound]
    return lower


def _quantiles(name: str, before: Reading, now: Reading, **labels: str) -> dict[str, float | None]:
    buckets: defaultdict[float, float] = defaultdict(float)
    wanted = set(labels.items())
    for key, value in now.samples.get(f"{name}_bucket", {}).items():
        if wanted <= key:
            earlier = 0.0 if before is now else before.samples.get(f"{name}_bucket", {}).get(key, 0.0)
            buckets[float(dict(key)["le"])] += max(0.0, value - earlier)
    return {f"p{share * 100:g}": quantile(share, buckets) for share in (0.5, 0.9, 0.99)}


def _processes(before: Reading, now: Reading, seconds: float) -> Iterator[Process]:
    for name, is_up in sorted(now.by("muvr_process_up", "process").items()):
        cpu_s = now.sum("muvr_process_cpu_seconds_total", process=name)
        spent_s = cpu_s - before.sum("muvr_process_cpu_seconds_total", process=name)
        is_host = name in now.by("muvr_shards_held", "process")
        renewed_s = now.sum("muvr_lease_renewed_timestamp_seconds", process=name)
        yield Process(
            name=name,
            is_up=bool(is_up),
            starts=int(now.sum("muvr_process_starts_total", process=name)),
            cpu_cores=max(0.0, spent_s) / seconds if seconds else 0.0,
            memory_bytes=now.sum("muvr_process_resident_memory_bytes", process=name),
            users=int(now.sum("muvr_session_actors", process=name)) if is_host else None,
            shards=int(now.sum("muvr_shards_held", process=name)) if is_host else None,
            lease_age_s=now.sum("muvr_clock_seconds") - renewed_s if is_host and renewed_s else None,
        )
