"""A node's metrics as Prometheus reads them: the sums over its processes' pages, and what the system says."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

from telemetry import metrics
from telemetry.kinds import AnyMetric
from telemetry.pages import Page, pages

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
_KINDS: dict[str, type[Family]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}
_NO_LIMIT = psutil.RLIM_INFINITY


class NodeCollector:
    """For a registry of prometheus_client. `directory` is where the node's processes count."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterator[Metric]:
        found = list(pages(self._directory, metrics.DECLARED.layout()))
        for metric in metrics.DECLARED.metrics:
            if not metric.at_scrape:
                yield _counted(metric, found)
        yield from _of_processes(found)
        yield from _of_machine(self._directory)


def registry_of(directory: Path) -> CollectorRegistry:
    """A registry of one node."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NodeCollector(directory))
    return registry


def exposed(directory: Path, accept: str = "") -> tuple[bytes, str]:
    """The metrics, and their content type: text, or OpenMetrics if `accept` asks for that."""
    encode, content_type = choose_encoder(accept)
    return encode(registry_of(directory)), content_type


def _counted(metric: AnyMetric, found: Sequence[Page]) -> Metric:
    family = _family(metric)
    # What a process that is gone has counted stays true; how things stand with it does not.
    lasting = [page for page in found if metric.kind != "gauge" or page.process is not None]
    for values, cell in metric.cells():
        if metric.processes is not None:
            for page in lasting:
                if page.role.startswith(metric.processes):
                    _add(family, metric, (*values, page.role), [page.slots[cell.at : cell.at + metric.width]])
        else:
            _add(family, metric, values, [page.slots[cell.at : cell.at + metric.width] for page in lasting])
    return family


def _add(family: Family, metric: AnyMetric, labels: Sequence[str], slots: Iterable[Sequence[float]]) -> None:
    sums = [sum(each) for each in zip(*slots, strict=True)] or [0.0] * metric.width
    if isinstance(family, HistogramMetricFamily):
        *counts, total = sums
        cumulated: list[Any] = []
        count = 0.0
        for bound, inside in zip((*map(_bound, metric.bounds), "+Inf"), counts, strict=True):
            count += inside
            cumulated.append((bound, count))
        family.add_metric(labels, cumulated, total)
    else:
        family.add_metric(labels, sums[0])


def _bound(bound: float) -> str:
    return repr(float(bound))


def _family(metric: AnyMetric) -> Family:
    return _KINDS[metric.kind](metric.name, metric.help_text, labels=metric.label_names)


def _tell(family: Family, labels: Sequence[str], figure: float) -> None:
    assert not isinstance(family, HistogramMetricFamily), "told when metrics are read: counters and gauges"
    family.add_metric(labels, figure)


def _of_processes(found: Sequence[Page]) -> Iterator[Metric]:
    up, starts = _family(metrics.PROCESS_UP), _family(metrics.PROCESS_STARTS)
    running = {
        metric: _family(metric)
        for metric in (
            metrics.PROCESS_STARTED,
            metrics.PROCESS_CPU,
            metrics.PROCESS_MEMORY,
            metrics.PROCESS_FILES,
            metrics.PROCESS_FILES_MAX,
        )
    }
    for page in found:
        figures = _figures(page.process)
        _tell(up, [page.role], 1.0 if figures else 0.0)
        _tell(starts, [page.role], page.starts)
        for metric, figure in figures.items():
            _tell(running[metric], [page.role], figure)
    yield from (up, starts, *running.values())


def _figures(process: psutil.Process | None) -> dict[Any, float]:
    """What the system says of a process; nothing if it is gone."""
    if process is None:
        return {}
    try:
        with process.oneshot():
            times = process.cpu_times()
            files_max = process.rlimit(psutil.RLIMIT_NOFILE)[0]
            return {
                metrics.PROCESS_STARTED: process.create_time(),
                metrics.PROCESS_CPU: times.user + times.system,
                metrics.PROCESS_MEMORY: float(process.memory_info().rss),
                metrics.PROCESS_FILES: float(process.num_fds()),
                metrics.PROCESS_FILES_MAX: float("inf") if files_max == _NO_LIMIT else float(files_max),
            }
    except psutil.Error:
        return {}


def _of_machine(directory: Path) -> Iterator[Metric]:
    usage = shutil.disk_usage(directory)
    for metric, figure in (
        (metrics.DISK_FREE, float(usage.free)),
        (metrics.DISK_SIZE, float(usage.total)),
        (metrics.CLOCK, time.time()),
    ):
        family = _family(metric)
        _tell(family, [], figure)
        yield family
