"""Recordings of many people as the frames that their devices would have sent, by sensor and rate."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId, UserId
from domain.recording import Recording
from edge.recordings import load_directory
from simulator.people import people
from simulator.sessions import record

RATE_HZ = 50.0  # what was measured faster is thinned to it
LETTERS = ("a", "g")
HOURS_MAX = 3.0  # of one data set: more changes nothing but the time it takes
START_MS = 1_790_000_000_000
PEOPLE = 4  # that are simulated


@dataclass(frozen=True)
class DataSet:
    """The frames of one sensor of several people, as if all had worn it at the same time."""

    name: str
    hours: float
    frames: list[tuple[UserId, SensorFrame]]  # in order of time


def data_sets(directory: Path | None) -> list[DataSet]:
    """Those of most samples a second first."""
    if directory is None:
        recordings = {"simulated": [each for person in people(1, PEOPLE) for each in record(person, 0)]}
    elif (directory / "index.csv").is_file():
        recordings = {directory.name: load_directory(directory)}
    else:
        folders = sorted(path.parent for path in directory.glob("*/index.csv"))
        recordings = {folder.name: load_directory(folder) for folder in folders}
    sets = [
        _data_set(f"{name}, {letter} at {rate_hz:g} Hz", streams)
        for name, of_name in recordings.items()
        for letter in LETTERS
        for rate_hz, streams in _streams(of_name, letter).items()
    ]
    return sorted(sets, key=lambda each: -len(each.frames[0][1].samples))


def _streams(recordings: Sequence[Recording], letter: str) -> dict[float, list[DataSet]]:
    """By rate, each wearer's session as a data set of its own, its recordings one after another."""
    groups: dict[tuple[str, str, str, float], list[Recording]] = defaultdict(list)
    for recording in recordings:
        if letter in recording.values:
            where = (recording.subject, recording.session, recording.location, recording.rate_hz)
            groups[where].append(recording)
    streams: dict[float, list[DataSet]] = defaultdict(list)
    for where, parts in groups.items():
        thinned = max(1, round(parts[0].rate_hz / RATE_HZ))
        rate_hz = parts[0].rate_hz / thinned
        values = np.concatenate([part.values[letter] for part in parts])[::thinned]
        name = hashlib.sha256(repr(where).encode()).hexdigest()[:16]
        frames = list(_frames(values, letter, rate_hz, SessionId(f"s-{name}")))
        user = UserId(where[0])
        streams[rate_hz].append(
            DataSet(name, len(values) / rate_hz / 3600, [(user, frame) for frame in frames])
        )
    return streams


def _frames(
    values: npt.NDArray[np.float32], letter: str, rate_hz: float, session: SessionId
) -> Iterator[SensorFrame]:
    """Frames of one second, as a watch sends them."""
    size = round(rate_hz)
    for number, first in enumerate(range(0, len(values), size)):
        yield SensorFrame(
            session=session,
            stream=StreamId(letter),
            sequence_nr=number,
            sensor=letter,
            start_ms=START_MS + round(first * 1000 / rate_hz),
            rate_hz=rate_hz,
            scale=scale_for(letter),
            samples=pack_samples(values[first : first + size], scale_for(letter)),
        )


def _data_set(name: str, streams: Sequence[DataSet]) -> DataSet:
    """As many of `streams` as stay within HOURS_MAX, side by side, but at least one."""
    chosen, hours = list[DataSet](), 0.0
    for stream in streams:
        if chosen and hours + stream.hours > HOURS_MAX:
            break
        chosen.append(stream)
        hours += stream.hours
    frames = [pair for stream in chosen for pair in stream.frames]
    return DataSet(name, hours, sorted(frames, key=lambda pair: pair[1].start_ms))
