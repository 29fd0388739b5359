"""Counters, gauges and histograms whose labels have declared values, each a slot of the process's page.

Counting takes 0.4 µs: docs/decisions/0029 has the measurement beside prometheus_client's own.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, Literal, TypeVar

from telemetry.pages import COUNTING, SLOTS_MAX

Kind = Literal["counter", "gauge", "histogram"]
Labels = Mapping[str, Sequence[str]]
CellT = TypeVar("CellT", bound="Cell")

OTHER = "other"  # where a label declares it, whatever it does not declare
PROCESS = "process"  # label of metrics that are told for each process


class Cell:
    """A metric under one value of each of its labels, in slots from `at` on."""

    __slots__ = ("at", "bounds")

    def __init__(self, at: int, bounds: tuple[float, ...] = ()) -> None:
        self.at = at
        self.bounds = bounds


class CounterCell(Cell):
    __slots__ = ()

    def add(self, amount: float = 1) -> None:
        with COUNTING.lock:
            COUNTING.slots[self.at] += amount


class GaugeCell(Cell):
    __slots__ = ()

    def set(self, value: float) -> None:
        COUNTING.slots[self.at] = value

    def add(self, amount: float) -> None:
        with COUNTING.lock:
            COUNTING.slots[self.at] += amount


class HistogramCell(Cell):
    """Counts per bucket, not cumulated, then what is above all, then the sum."""

    __slots__ = ()

    def observe(self, value: float) -> None:
        at = self.at + bisect_left(self.bounds, value)
        end = self.at + len(self.bounds) + 1
        with COUNTING.lock:
            slots = COUNTING.slots
            slots[at] += 1
            slots[end] += value

    def observe_alone(self, value: float) -> None:
        """As `observe`, without waiting for other threads: for a cell that one thread alone counts in."""
        slots, bounds = COUNTING.slots, self.bounds
        slots[self.at + bisect_left(bounds, value)] += 1
        slots[self.at + len(bounds) + 1] += value

    def observe_all(self, values: Iterable[float]) -> None:
        first, bounds = self.at, self.bounds
        total = 0.0
        with COUNTING.lock:
            slots = COUNTING.slots
            for value in values:
                slots[first + bisect_left(bounds, value)] += 1
                total += value
            slots[first + len(bounds) + 1] += total


class Metric(Generic[CellT]):
    """One with `processes` also has the label `process`, and is told of those whose role begins so.

    `at_scrape` metrics are not counted by processes: who reads the pages tells them.
    """

    def __init__(
        self,
        kind: Kind,
        cell: type[CellT],
        name: str,
        help_text: str,
        labels: Labels,
        bounds: tuple[float, ...],
        *,
        processes: str | None,
        at_scrape: bool,
        at: int,
    ) -> None:
        self.kind, self.name, self.help_text = kind, name, help_text
        self.labels = {label: tuple(values) for label, values in labels.items()}
        self.bounds = bounds
        self.processes, self.at_scrape = processes, at_scrape
        self.width = len(bounds) + 2 if kind == "histogram" else 1
        self._cells = {
            values: cell(at + self.width * nr, bounds)
            for nr, values in enumerate(itertools.product(*self.labels.values()))
        }
        self.slot_count = 0 if at_scrape else self.width * len(self._cells)

    @property
    def label_names(self) -> tuple[str, ...]:
        return (*self.labels, PROCESS) if self.processes is not None else tuple(self.labels)

    def cells(self) -> Iterator[tuple[tuple[str, ...], CellT]]:
        return iter(self._cells.items())

    def of(self, *values: str) -> CellT:
        """The cell of these label values; raises KeyError if they are not declared."""
        found = self._cells.get(values)
        return found if found is not None else self._cells[self._declared(values)]

    def _declared(self, values: tuple[str, ...]) -> tuple[str, ...]:
        declared = self.labels.values()
        return tuple(
            value if value in known or OTHER not in known else OTHER
            for value, known in zip(values, declared, strict=True)
        )


AnyMetric = Metric[CounterCell] | Metric[GaugeCell] | Metric[HistogramCell]


class Declarations:
    """All metrics, in the order in which they were declared."""

    def __init__(self) -> None:
        self.metrics: list[AnyMetric] = []
        self._slots = 0

    def counter(
        self,
        name: str,
        help_text: str,
        *,
        processes: str | None = None,
        at_scrape: bool = False,
        **labels: Sequence[str],
    ) -> Metric[CounterCell]:
        return self._add(
            Metric(
                "counter", CounterCell, name, help_text, labels, (),
                processes=processes, at_scrape=at_scrape, at=self._slots,
            )
        )  # fmt: skip

    def gauge(
        self,
        name: str,
        help_text: str,
        *,
        processes: str | None = None,
        at_scrape: bool = False,
        **labels: Sequence[str],
    ) -> Metric[GaugeCell]:
        return self._add(
            Metric(
                "gauge", GaugeCell, name, help_text, labels, (),
                processes=processes, at_scrape=at_scrape, at=self._slots,
            )
        )  # fmt: skip

    def histogram(
        self, name: str, help_text: str, bounds: Sequence[float], **labels: Sequence[str]
    ) -> Metric[HistogramCell]:
        return self._add(
            Metric(
                "histogram", HistogramCell, name, help_text, labels, tuple(bounds),
                processes=None, at_scrape=False, at=self._slots,
            )
        )  # fmt: skip

    def layout(self) -> str:
        """What a page's slots are; two programs with the same layout can read each other's pages."""
        return repr([(each.name, each.labels, each.bounds, each.slot_count) for each in self.metrics])

    def gauge_slots(self) -> list[int]:
        return [
            cell.at
            for each in self.metrics
            if each.kind == "gauge" and not each.at_scrape
            for _, cell in each.cells()
        ]

    def _add(self, metric: Metric[CellT]) -> Metric[CellT]:
        self.metrics.append(metric)  # type: ignore[arg-type]
        self._slots += metric.slot_count
        assert self._slots <= SLOTS_MAX, "more metrics than a page has room for"
        return metric
