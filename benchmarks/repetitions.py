"""How well repetitions are counted on real recordings, beside RecoFit's method and a plain peak counter.

    python -m benchmarks.repetitions --recordings DIR... [--json FILE] [--fit {full,compact}]

DIR is a data set as edge.recordings.load_directory reads it. An exercise set is a recording with known
repetitions; in ptexercises, whose sensors were recorded in files of their own, the recordings of one
exercise of one session, all sensors together; `ptexercises moving` is the one sensor of those whose
acceleration varies most, `ptexercises alone` each sensor for itself, most of which hardly move. Recordings of
muvr that lost packets (a length that is a multiple of 112 samples) are left out.

Half of the sessions are for development: sorted, every other one from the first; of ptexercises, where a
session is a person's, every other person. Settings and coefficients come from those alone; the other half
is held out. `--fit` learns the coefficients of coach/repetitions/choice.py, or compact.py, and prints them.
`compact` is what a microcontroller counts, of the first accelerometer at 50 Hz alone. `named` is the full
counter told how long a repetition of the exercise took in the sets before of the same session, as they
were written down: what muvr knows once a user has confirmed some sets.

`in doubt` are labels that both RecoFit's method and this counter contradict by two or more while agreeing
within one with each other; figures without them are given too, and flatter both.

`streaming` is the work per second of signal while a set is open: a push and a running count each second.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.repetition_fit import explain_compactly, explain_fully, fit, pushed
from coach.repetitions import RepetitionCounter, confirmed_tempo_s, count, usual_tempo_s
from coach.repetitions.choice import NAMES
from coach.repetitions.compact import MEASURES
from domain.recording import REST, Recording
from edge.recordings import load_directory

FloatArray = npt.NDArray[np.float64]
Counter = Callable[[FloatArray, float], int]

_PACKET = 112  # samples of a Pebble's packet
_STREAMED_SETS = 16  # of each data set, for the work while a set is open
_RECOFIT_HZ = 25.0
_RECOFIT_SMOOTHING = 5
_RECOFIT_PERIODS_S = (1.5, 8.0)  # the paper has them per exercise; of 0.75, 1 and 1.5 s, 1.5 does best here


@dataclass(frozen=True, eq=False)
class ExerciseSet:
    """`values`: [samples, channels]."""

    name: str
    session: str
    label: str
    repetitions: int
    rate_hz: float
    values: FloatArray
    development: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--fit", choices=tuple(FITS), help="learn coefficients on the development halves")
    arguments = parser.parse_args()
    data_sets: dict[str, list[ExerciseSet]] = {}
    for directory in arguments.recordings:
        data_sets |= exercise_sets(directory.name, load_directory(directory))
    if arguments.fit:
        print(json.dumps(fit(_for_learning(data_sets, arguments.fit), *FITS[arguments.fit]), indent=4))
        return
    figures = {name: _figures(sets) for name, sets in data_sets.items()}
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for name, of_data_set in figures.items():
        _print(name, of_data_set)


def exercise_sets(name: str, recordings: Iterable[Recording]) -> dict[str, list[ExerciseSet]]:
    """The sets of a data set whose repetitions are known and can be counted, by how they are looked at."""
    sets = []
    for recording in recordings:
        values = np.concatenate(list(recording.values.values()), axis=1).astype(np.float64)
        lost = name == "muvr" and len(values) % _PACKET == 0
        if recording.label != REST and recording.repetitions and not lost:
            identity = (recording.name, recording.session, recording.label, recording.repetitions)
            sets.append(ExerciseSet(*identity, recording.rate_hz, values))
    if name != "ptexercises":
        return {name: _halved(sets, lambda session: session)}
    groups: dict[tuple[str, str], list[ExerciseSet]] = defaultdict(list)
    for one in sets:
        groups[one.session, one.label].append(one)
    ways = {
        name: [_together(group) for group in groups.values()],
        f"{name} moving": [
            max(group, key=lambda one: float(one.values[:, :3].var(axis=0).sum()))
            for group in groups.values()
        ],
        f"{name} alone": sets,
    }
    return {way: _halved(those, lambda session: session.partition("-")[0]) for way, those in ways.items()}


def _together(group: list[ExerciseSet]) -> ExerciseSet:
    length = min(len(one.values) for one in group)
    return replace(group[0], values=np.concatenate([one.values[:length] for one in group], axis=1))


def _halved(sets: list[ExerciseSet], unit: Callable[[str], str]) -> list[ExerciseSet]:
    development = set(sorted({unit(one.session) for one in sets})[::2])
    return [replace(one, development=unit(one.session) in development) for one in sets]


def _for_learning(
    data_sets: dict[str, list[ExerciseSet]], counter: str
) -> list[tuple[FloatArray, float, int, float]]:
    """Development sets as (values, rate, repetitions, weight); for the full counter also of accelerometers
    alone, so that no kind of sensor is taken for a data set. Every data set has the same weight, each sensor
    alone less. Of sensors recorded in files of their own, the compact counter learns from the one that moves.
    """
    examples = []
    for name, sets in data_sets.items():
        skipped = name.endswith("moving") if counter == "full" else f"{name} moving" in data_sets
        chosen = [one for one in sets if one.development and not skipped]
        weight = (0.2 if name.endswith("alone") else 1.0) / max(1, len(chosen))
        for one in chosen:
            examples.append((one.values, one.rate_hz, one.repetitions, weight))
            if counter == "full" and one.values.shape[1] % 6 == 0 and not name.endswith("alone"):
                accelerometers = np.arange(one.values.shape[1]) % 6 < 3
                examples.append((one.values[:, accelerometers], one.rate_hz, one.repetitions, weight / 2))
    return examples


def _figures(sets: list[ExerciseSet]) -> dict[str, Any]:
    counts: dict[str, npt.NDArray[np.int64]] = {}
    microseconds = {}
    for name, counter in COUNTERS.items():
        chosen = sets[:_STREAMED_SETS] if counter is _streaming else sets
        started = time.process_time()
        counts[name] = np.array([counter(one.values, one.rate_hz) for one in chosen])
        seconds = sum(len(one.values) / one.rate_hz for one in chosen)
        microseconds[name] = round((time.process_time() - started) / seconds * 1e6, 1)
    del counts["streaming"]
    counts["muvr named"] = _named(sets)
    true = np.array([one.repetitions for one in sets])
    development = np.array([one.development for one in sets])
    both = np.stack([counts["muvr"], counts["recofit"]])
    doubt = (np.abs(both - true) >= 2).all(axis=0) & (np.abs(both[0] - both[1]) <= 1)
    figures: dict[str, Any] = {"microseconds_per_second": microseconds, "labels_in_doubt": int(doubt.sum())}
    for name, found in counts.items():
        errors = found - true
        figures[name] = {
            "all": scores(errors),
            "development": scores(errors[development]),
            "held_out": scores(errors[~development]),
            "without_labels_in_doubt": scores(errors[~doubt]),
        }
    labels = np.array([one.label for one in sets])
    errors = counts["muvr"] - true
    figures["by_exercise"] = {label: scores(errors[labels == label]) for label in sorted(set(labels))}
    return figures


def scores(errors: npt.NDArray[np.int64]) -> dict[str, float]:
    """Of counts less true numbers, [sets]: shares exact, within one and two, mean absolute and mean."""
    if not len(errors):
        return {"sets": 0}
    size = np.abs(errors)
    return {
        "sets": len(errors),
        "exact": round(float(np.mean(size == 0)), 3),
        "within_one": round(float(np.mean(size <= 1)), 3),
        "within_two": round(float(np.mean(size <= 2)), 3),
        "mean_absolute_error": round(float(size.mean()), 3),
        "signed_error": round(float(errors.mean()), 3),
    }


def _muvr(values: FloatArray, rate_hz: float) -> int:
    return count(values, rate_hz).count


def _compact(values: FloatArray, rate_hz: float) -> int:
    return len(pushed(values, rate_hz).repetitions())


def _streaming(values: FloatArray, rate_hz: float) -> int:
    counter = RepetitionCounter(rate_hz)
    for part in np.array_split(values, max(1, round(len(values) / rate_hz))):
        counter.push(part)
        running = counter.count
    return running


def _named(sets: list[ExerciseSet]) -> npt.NDArray[np.int64]:
    """Counts when the tempo is known from the exercise's earlier sets in the session, as written down."""
    tempos: dict[tuple[str, str], list[float]] = defaultdict(list)
    counts = []
    for one in sets:
        before = tempos[one.session, one.label]
        found = count(one.values, one.rate_hz)
        expected = usual_tempo_s(before)
        known = found if expected is None else count(one.values, one.rate_hz, expected_tempo_s=expected)
        counts.append(known.count)
        tempo = confirmed_tempo_s(found, one.repetitions)
        before += [] if tempo is None else [tempo]
    return np.array(counts)


def plain_peaks(values: FloatArray, rate_hz: float) -> int:
    """Peaks of the first sensor's magnitude, smoothed over half a second, above its mean, a second apart."""
    magnitude = np.sqrt((values[:, :3] ** 2).sum(axis=1))
    smooth = _moving_mean(magnitude, max(1, round(rate_hz / 2)))
    above = [place for place in _local_maxima(smooth) if smooth[place] > smooth.mean()]
    return len(_apart(sorted(above, key=lambda place: -smooth[place]), lambda _: rate_hz))


def recofit(values: FloatArray, rate_hz: float) -> int:
    """Morris et al., RecoFit, CHI 2014, section on counting: smooth over five samples, take the first
    principal component, take the highest peaks first and none nearer than the shortest period, find the
    period around each by autocorrelation, take none nearer than three quarters of it to a higher one, and
    drop those lower than half of the 40th percentile of those left. All channels are taken together.
    """
    step = max(1, round(rate_hz / _RECOFIT_HZ))
    rate = rate_hz / step
    smooth = np.stack([_moving_mean(channel, _RECOFIT_SMOOTHING) for channel in values.T], axis=1)
    smooth = smooth[: len(smooth) // step * step].reshape(-1, step, values.shape[1]).mean(axis=1)
    centred = smooth - smooth.mean(axis=0)
    line = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]
    shortest, longest = (period * rate for period in _RECOFIT_PERIODS_S)
    ordered = sorted(_local_maxima(line), key=lambda place: -line[place])
    candidates = _apart(ordered, lambda _: shortest)
    reach = int(longest)
    periods = {
        place: _period(line[max(0, place - reach) : place + reach + 1], int(shortest), int(longest))
        for place in candidates
    }
    chosen = _apart(candidates, lambda place: 0.75 * periods[place])
    if not chosen:
        return 0
    heights = line[chosen]
    return int((heights >= 0.5 * np.percentile(heights, 40)).sum())


def _period(part: FloatArray, shortest: int, longest: int) -> int:
    centred = part - part.mean()
    correlation = np.correlate(centred, centred, "full")[len(part) - 1 :][: longest + 1]
    return shortest + int(np.argmax(correlation[shortest:])) if len(correlation) > shortest else shortest


def _moving_mean(line: FloatArray, length: int) -> FloatArray:
    padded = np.pad(line, (length // 2, (length - 1) // 2), mode="edge")
    return np.convolve(padded, np.ones(length) / length, "valid")


def _local_maxima(line: FloatArray) -> list[int]:
    return (np.flatnonzero((line[1:-1] > line[:-2]) & (line[1:-1] >= line[2:])) + 1).tolist()


def _apart(ordered: list[int], distance: Callable[[int], float]) -> list[int]:
    """Those that are far enough from all taken before."""
    taken: list[int] = []
    for place in ordered:
        if all(abs(place - other) >= distance(place) for other in taken):
            taken.append(place)
    return taken


FITS = {"full": (explain_fully, NAMES), "compact": (explain_compactly, MEASURES)}

COUNTERS: dict[str, Counter] = {
    "muvr": _muvr,
    "compact": _compact,
    "streaming": _streaming,
    "recofit": recofit,
    "peaks": plain_peaks,
}


def _print(name: str, figures: dict[str, Any]) -> None:
    print(f"{name}: exact / within one / mean absolute error (mean error)")
    for counter in ("muvr", "muvr named", "compact", "recofit", "peaks"):
        parts = []
        for part, score in figures[counter].items():
            if score["sets"]:
                shares = f"{score['exact']:.0%} / {score['within_one']:.0%}"
                errors = f"{score['mean_absolute_error']:.2f} ({score['signed_error']:+.2f})"
                parts.append(f"{part} [{score['sets']}] {shares} / {errors}")
        print(f"  {counter:10s} " + "; ".join(parts))
    print(f"  microseconds per second of signal: {figures['microseconds_per_second']}")


if __name__ == "__main__":
    main()
