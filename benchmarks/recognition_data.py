"""The data sets that recognition is measured on, and what of each is held out.

What the network's shape, augmentation and negatives were chosen on is listed too, and never scored here: it
takes part in training only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.recording import REST, Recording
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.recordings import load_directory
from training.dataset import Dataset, collect
from training.windowing import windows_of_recording

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

BLOCKS = 4  # of the sets of one exercise in one session, in their order
STRANGE_MAX = 400  # windows of each kind of movement never seen


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """`held_out` are groups of sessions or subjects, or numbers of blocks of sets; `chosen_on` likewise.

    `learned` are the groups that the part of the same number learns from, everything else if there are none.

    `never_seen` are folders and labels (all of them if None) of movements at the same place of the body.
    """

    folder: str
    sensors: str
    locations: tuple[str, ...]
    by: str
    held_out: tuple[tuple[str, ...], ...]
    chosen_on: tuple[str, ...]
    never_seen: tuple[tuple[str, str | None], ...]
    learned: tuple[tuple[str, ...], ...] = ()


_MEX = ("11", "13", "14", "15"), ("17", "18", "19", "21"), ("22", "23", "25", "26"), ("27", "29", "30", "10")
DATA_SETS = {
    "muvr": DataSet(
        folder="muvr",
        sensors="a@50",
        locations=("wrist",),
        by="block",
        held_out=(("0",), ("2",), ("3",)),
        chosen_on=("1",),
        never_seen=(("utd_mhad", None), ("gymwatch", REST), ("metamotion", REST)),
    ),
    "gymwatch": DataSet(
        folder="gymwatch",
        sensors="a,g@50",
        locations=("wrist",),
        by="session",
        held_out=(("231124", "011224"), ("261124", "231224"), ("040125",), ("100125", "241224")),
        chosen_on=("241124", "291124", "021224"),
        never_seen=(("utd_mhad", None), ("metamotion", REST)),
    ),
    "mex_thigh": DataSet(
        folder="mex_thigh",
        sensors="a@50",
        locations=("thigh",),
        by="subject",
        held_out=_MEX,
        chosen_on=("01", "02", "03", "05", "06", "07", "09"),
        never_seen=(("utd_mhad", None),),
    ),
    "ptexercises": DataSet(
        folder="ptexercises",
        sensors="a,g@50",
        locations=("thigh",),
        by="subject",
        held_out=(("s2",), ("s3",), ("s4",)),
        chosen_on=("s1",),
        never_seen=(("utd_mhad", None),),
    ),
    "ptexercises_own": DataSet(  # from nine repetitions of an exercise to the same person's thirty later ones
        folder="ptexercises",
        sensors="a,g@50",
        locations=("thigh",),
        by="session",
        held_out=(("s1-test",), ("s2-test",), ("s3-test",), ("s4-test",)),
        chosen_on=(),
        never_seen=(("utd_mhad", None),),
        learned=(("s1-template",), ("s2-template",), ("s3-template",), ("s4-template",)),
    ),
    "exermote_arm": DataSet(
        folder="exermote",
        sensors="a,g@50",
        locations=("arm",),
        by="subject",
        held_out=(("P1",), ("P3",), ("P4",), ("P5",)),
        chosen_on=("P2",),
        never_seen=(("utd_mhad", None),),
    ),
    "exermote_hand": DataSet(
        folder="exermote",
        sensors="a@50",
        locations=("left_hand", "right_hand"),
        by="subject",
        held_out=(("P1",), ("P3",), ("P4",), ("P5",)),
        chosen_on=("P2",),
        never_seen=(("utd_mhad", None), ("gymwatch", REST), ("metamotion", REST)),
    ),
    "metamotion": DataSet(
        folder="metamotion",
        sensors="a,g@50",
        locations=("wrist",),
        by="subject",
        held_out=(("A",), ("B",), ("D",)),
        chosen_on=(),
        never_seen=(("utd_mhad", None), ("gymwatch", REST)),
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Which windows [n] are learned from, and which are held out."""

    learned: BoolArray
    held_out: BoolArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """A data set's windows; `recordings` [n] are numbers, ascending."""

    dataset: Dataset
    recordings: IntArray
    parts: tuple[Part, ...]


def corpus(root: Path, name: str) -> Corpus:
    """The windows of `name`, one of DATA_SETS, from its folder in `root`; raises InvalidRecording."""
    chosen = DATA_SETS[name]
    recordings = [each for each in _loaded(root / chosen.folder) if each.location in chosen.locations]
    sensor_set = SensorSet.parse(chosen.sensors)
    parts = [windows_of_recording(each, sensor_set, 3_600_000 * nr) for nr, each in enumerate(recordings)]
    numbers = np.repeat(np.arange(len(recordings)), [len(part) for part in parts])
    keys = np.array(_keys(recordings, chosen.by))[numbers]
    windows: list[LabelledWindow] = [window for part in parts for window in part]
    return Corpus(
        dataset=collect(windows, sensor_set),
        recordings=numbers,
        parts=tuple(
            Part(
                learned=np.isin(keys, learned) if learned else ~np.isin(keys, group),
                held_out=np.isin(keys, group),
            )
            for group, learned in zip_longest(chosen.held_out, chosen.learned)
        ),
    )


def never_seen(root: Path, name: str) -> FloatArray:
    """Windows [n, window_samples, channels] of movements that are no exercise of the data set `name`."""
    chosen = DATA_SETS[name]
    sensor_set = SensorSet.parse(chosen.sensors)
    place = "thigh" if chosen.locations == ("thigh",) else "wrist"
    samples: list[FloatArray] = []
    for folder, label in chosen.never_seen:
        fitting = [r for r in _loaded(root / folder) if r.location == place and label in (None, r.label)]
        found = [window.samples for r in fitting for window in windows_of_recording(r, sensor_set)]
        samples += found[:: max(1, len(found) // STRANGE_MAX)]
    return np.stack(samples)


@cache
def _loaded(folder: Path) -> list[Recording]:
    return load_directory(folder)


def _keys(recordings: Sequence[Recording], by: str) -> list[str]:
    """What a recording is held out with: its session, its subject, or its block of sets."""
    if by != "block":
        return [str(getattr(recording, by)) for recording in recordings]
    groups: dict[tuple[str, str], list[int]] = {}
    for number in sorted(range(len(recordings)), key=lambda nr: _order(recordings[nr])):
        groups.setdefault((recordings[number].session, recordings[number].label), []).append(number)
    # Of three sets and fewer of an exercise, none is held out: too little would be left to learn from.
    blocks = {
        number: str(BLOCKS * place // len(group)) if len(group) >= BLOCKS else ""
        for group in groups.values()
        for place, number in enumerate(group)
    }
    return [blocks[number] for number in range(len(recordings))]


def _order(recording: Recording) -> tuple[int, str]:
    last = recording.name.rsplit("__", 1)[-1]
    return (int(last) if last.isdigit() else 0, recording.name)
