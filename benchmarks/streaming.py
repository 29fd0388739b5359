"""Continuous sessions of people, or days, that the model has not seen: are the sets found, and named in time?

    python -m benchmarks.streaming --recordings DIR... [--folds 2] [--json FILE]

For each data set and fold a model is trained on some sessions (on some people where there are several), and
sessions joined from the other recordings are streamed through the recogniser. In the same run, the same
probabilities are taken window by window, without it. Data sets without rest have no continuous sessions.
Progress goes to stderr, the figures to standard output or FILE, as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.frames import SensorFrame
from domain.identifiers import ModelId
from domain.recording import REST, Recording
from domain.sensors import SensorSet
from domain.windows import Window, WindowSlicer
from edge.artefact import Artefact, decode
from edge.recogniser import Exercising, Observation, SetEnded
from edge.recordings import load_directory
from training.program import run
from training.segmentation import Streamed, streamed, summary
from training.windowing import windows_of

RATE_HZ = 50
HALF_WINDOW_MS = 1_000


class WindowByWindow:
    """Takes the most probable class of each window for what is done: no smoothing, no memory, no doubt."""

    def __init__(self, artefact: Artefact) -> None:
        self._classes = artefact.classes
        self._slicer = WindowSlicer(artefact.sensor_set)
        self._name = REST
        self._since_ms = self._last_ms = 0

    def push(self, frame: SensorFrame) -> list[Window]:
        return self._slicer.push(frame)

    def classified(
        self, windows: Sequence[Window], probabilities: npt.NDArray[np.float32]
    ) -> list[Observation]:
        told: list[Observation] = []
        for window, row in zip(windows, probabilities, strict=True):
            name = self._classes[int(row.argmax())]
            if name != self._name:
                told += self._ended()
                self._name, self._since_ms = name, window.start_ms + HALF_WINDOW_MS
                if name != REST:
                    at_ms = window.start_ms + 2 * HALF_WINDOW_MS
                    told.append(Exercising(at_ms=at_ms, exercise=name, confidence=1.0, repetitions_so_far=0))
            self._last_ms = window.start_ms + HALF_WINDOW_MS
        return told

    def finish(self) -> list[Observation]:
        return self._ended()

    def _ended(self) -> list[Observation]:
        if self._name == REST:
            return []
        return [
            SetEnded(
                start_ms=self._since_ms,
                end_ms=self._last_ms,
                exercise=self._name,
                confidence=1.0,
                repetitions=0,
            )
        ]


def measure(recordings: Sequence[Recording], folds: int, seed: int) -> dict[str, Any]:
    """The figures of one data set, all its folds together."""
    sensor_set = sensor_set_of(recordings)
    by = "subject" if len({each.subject for each in recordings}) > 1 else "session"
    with_it: list[Streamed] = []
    without: list[Streamed] = []
    seconds = []
    for seen, unseen in parts(recordings, by, folds):
        began_s = time.monotonic()
        artefact = _trained(seen, sensor_set, seed)
        seconds.append(round(time.monotonic() - began_s, 1))
        with_it.append(streamed(artefact, unseen))
        without.append(streamed(artefact, unseen, WindowByWindow))
        print(f"  {by} fold {len(with_it)} of {folds}: {summary(with_it[-1:])}", file=sys.stderr, flush=True)
    found, naive = summary(with_it), summary(without)
    return {
        "sensor_set": str(sensor_set),
        "held_out_by": by,
        "folds": folds,
        "train_seconds": seconds,
        "recogniser": asdict(found) if found else None,
        "window_by_window": asdict(naive) if naive else None,
    }


def parts(
    recordings: Sequence[Recording], by: str, folds: int
) -> Iterator[tuple[list[Recording], list[Recording]]]:
    """For each fold, the recordings of the groups that are learned from, and those of the others.

    Groups are dealt in the order in which they sort, which for days is that of no calendar.
    """
    names = sorted({getattr(each, by) for each in recordings})
    for fold in range(min(folds, len(names))):
        held_out = set(names[fold :: min(folds, len(names))])
        yield (
            [each for each in recordings if getattr(each, by) not in held_out],
            [each for each in recordings if getattr(each, by) in held_out],
        )


def sensor_set_of(recordings: Sequence[Recording]) -> SensorSet:
    """Accelerometer, and gyroscope if every recording has it."""
    every = set.intersection(*(set(each.values) for each in recordings))
    return SensorSet(("a", "g") if "g" in every else ("a",), RATE_HZ)


def _trained(recordings: Sequence[Recording], sensor_set: SensorSet, seed: int) -> Artefact:
    trained = run(
        windows_of(recordings, sensor_set),
        sensor_set=sensor_set,
        model_id=ModelId("streaming"),
        budget_minutes=10.0,
        epochs_max=None,
        target_f1=2.0,
        seed=seed,
        signing_key=None,
        progress=lambda progress: None,
    )
    return decode(trained.artefact)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recordings", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--folds", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found: dict[str, Any] = {"seed": options.seed, "data_sets": {}}
    for directory in options.recordings:
        recordings = load_directory(directory)
        name = directory.resolve().name
        if not any(each.label == REST for each in recordings):
            print(f"{name} has no rest", file=sys.stderr, flush=True)
            found["data_sets"][name] = None
            continue
        print(name, file=sys.stderr, flush=True)
        found["data_sets"][name] = measure(recordings, options.folds, options.seed)
    text = json.dumps(found, indent=2)
    if options.json:
        options.json.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
