"""How the streaming recogniser does on continuous sessions made of recordings, with the real rests between.

A session is joined from one person's recordings of a day in the order of their index. Rests that were
recorded between its sets stay; where there is none between two sets, one of the same data set is put in, of
the same person if possible. So every set begins and ends at a time that is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Protocol

import numpy as np
import numpy.typing as npt

from domain.frames import SensorFrame
from domain.recording import REST, Recording
from domain.windows import STRIDE_SECONDS, Window
from edge.artefact import Artefact
from edge.int8 import Int8Network
from edge.recogniser import UNKNOWN, Exercising, Observation, Recogniser, Resting, SetEnded, SettingUp
from training.windowing import frames_of

START_MS = 60_000  # of a session; times before 1970 are no times
STRIDE_MS = round(1000 * STRIDE_SECONDS)  # setting up is told so long after it began
FOUND_MS = 2_000  # a set is found if neither its start nor its end is further off


@dataclass(frozen=True, kw_only=True)
class TrueSet:
    """A set in a session's stream; `exercise` is UNKNOWN if the model never learned it."""

    start_ms: int
    end_ms: int
    exercise: str


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """Figures over all sets of all sessions; medians are None where there is nothing to take them of.

    `found`: start and end within 2 s. `named_right`: the recognised set that overlaps it most has its name.
    Errors are of those overlapping sets. `false_sets` overlap no set. `first_name_s_median`: from the start
    to the first right name. `wrong_name_shown_share`: of the sets, those during which another exercise's name
    was told; 'unknown' is no such name. `learned`: of the sets, those whose exercise the model knows;
    `learned_told_right`: of them, those whose name was told before they ended. `first_sign_s_median`: from
    the start to the first word of setting up or exercising, which may come before it. `false_set_ups`: how
    often setting up was told, and rest again.
    """

    sets: int
    found: int
    named_right: int
    start_error_s_median: float | None
    end_error_s_median: float | None
    false_sets: int
    first_name_s_median: float | None
    wrong_name_shown_share: float
    learned: int
    learned_named_right: int
    learned_told_right: int
    learned_wrong_name_shown_share: float | None
    first_sign_s_median: float | None
    false_set_ups: int
    hours: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One true set, the recognised one that answers for it, and what was told while it lasted."""

    truth: TrueSet
    found: SetEnded | None
    first_name_ms: int | None
    wrong_name: bool
    first_sign_ms: int | None

    @property
    def named_right(self) -> bool:
        """At its end."""
        return self.found is not None and self.found.exercise == self.truth.exercise


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """What came of some sessions, `length_ms` long together."""

    outcomes: tuple[Outcome, ...]
    false_sets: int
    false_set_ups: int
    length_ms: int


class Listener(Protocol):
    """What a Recogniser does, and what may be compared with it."""

    def push(self, frame: SensorFrame) -> list[Window]:
        """The windows to classify."""

    def classified(
        self, windows: Sequence[Window], probabilities: npt.NDArray[np.float32]
    ) -> list[Observation]:
        """What follows from them."""

    def finish(self) -> list[Observation]:
        """The session is over."""


def recogniser_of(artefact: Artefact) -> Listener:
    """The recogniser of watches and servers."""
    return Recogniser(artefact.sensor_set, artefact.classes)


def segmentation(artefact: Artefact, data_sets: Iterable[Sequence[Recording]]) -> Segmentation | None:
    """Stream every joined session of each data set through a Recogniser; None if no data set has rest.

    Recordings without the model's sensors are left out.
    """
    return summary([streamed(artefact, recordings) for recordings in data_sets])


def streamed(
    artefact: Artefact,
    recordings: Sequence[Recording],
    listener_of: Callable[[Artefact], Listener] = recogniser_of,
) -> Streamed:
    """Stream the joined sessions of one data set, each through a listener of its own."""
    network = Int8Network(artefact)
    outcomes: list[Outcome] = []
    false_sets, false_set_ups, total_ms = 0, 0, 0
    for session in sessions(recordings, artefact.sensor_set.letters):
        told, truths, length_ms = _streamed(network, session, listener_of(artefact))
        outcomes += _outcomes(told, truths)
        false_sets += _false_sets(told, truths)
        false_set_ups += _false_set_ups(told)
        total_ms += length_ms
    return Streamed(
        outcomes=tuple(outcomes), false_sets=false_sets, false_set_ups=false_set_ups, length_ms=total_ms
    )


def summary(parts: Sequence[Streamed]) -> Segmentation | None:
    """The figures of all `parts` together; None if there is no set in any."""
    outcomes = [outcome for part in parts for outcome in part.outcomes]
    if not outcomes:
        return None
    learned = [each for each in outcomes if each.truth.exercise != UNKNOWN]
    answered = [(each.truth, each.found) for each in outcomes if each.found is not None]
    starts = [abs(found.start_ms - truth.start_ms) for truth, found in answered]
    ends = [abs(found.end_ms - truth.end_ms) for truth, found in answered]
    delays = [each.first_name_ms for each in outcomes if each.first_name_ms is not None]
    signs = [each.first_sign_ms for each in outcomes if each.first_sign_ms is not None]
    return Segmentation(
        sets=len(outcomes),
        found=sum(max(both) <= FOUND_MS for both in zip(starts, ends, strict=True)),
        named_right=sum(each.named_right for each in outcomes),
        start_error_s_median=_median_s(starts),
        end_error_s_median=_median_s(ends),
        false_sets=sum(part.false_sets for part in parts),
        first_name_s_median=_median_s(delays),
        wrong_name_shown_share=_share_misled(outcomes),
        learned=len(learned),
        learned_named_right=sum(each.named_right for each in learned),
        learned_told_right=sum(each.first_name_ms is not None for each in learned),
        learned_wrong_name_shown_share=_share_misled(learned) if learned else None,
        first_sign_s_median=_median_s(signs),
        false_set_ups=sum(part.false_set_ups for part in parts),
        hours=sum(part.length_ms for part in parts) / 3_600_000,
    )


def _share_misled(outcomes: Sequence[Outcome]) -> float:
    return sum(each.wrong_name for each in outcomes) / len(outcomes)


def sessions(recordings: Sequence[Recording], letters: Iterable[str]) -> Iterator[list[Recording]]:
    """The recordings of each session in which `letters` were recorded, rests between sets; see the module.

    What was worn at different places at the same time are different sessions. None if there is no rest.
    """
    wanted = set(letters)
    usable = [recording for recording in recordings if wanted <= set(recording.values)]
    groups: dict[tuple[str, str, str], list[Recording]] = defaultdict(list)
    for recording in usable:
        groups[recording.subject, recording.session, recording.location].append(recording)
    for members in groups.values():
        rests = _rests(usable, members[0])
        if rests and any(recording.label != REST for recording in members):
            yield list(_with_rests(members, rests))


def _rests(recordings: Iterable[Recording], like: Recording) -> list[Recording]:
    """Rests worn at the same place: those of the same person, if there are any, otherwise everyone's."""
    rests = [each for each in recordings if each.label == REST and each.location == like.location]
    own = [each for each in rests if each.subject == like.subject]
    return own or rests


def _with_rests(members: Sequence[Recording], rests: Sequence[Recording]) -> Iterator[Recording]:
    """Begins and ends with a rest, and has one between any two sets."""
    put_in = 0
    previous = ""
    for recording in members:
        if recording.label != REST and previous != REST:
            yield rests[put_in % len(rests)]
            put_in += 1
        yield recording
        previous = recording.label
    if previous != REST:
        yield rests[put_in % len(rests)]


def _streamed(
    network: Int8Network, session: Sequence[Recording], listener: Listener
) -> tuple[list[Observation], list[TrueSet], int]:
    """What was told of a session, its true sets, and its length in ms."""
    artefact = network.artefact
    told: list[Observation] = []
    truths = []
    at_ms = float(START_MS)
    for recording in session:
        start_ms = round(at_ms)
        at_ms += _samples(recording, artefact) * 1000 / recording.rate_hz
        if recording.label != REST:
            name = recording.label if recording.label in artefact.classes else UNKNOWN
            truths.append(TrueSet(start_ms=start_ms, end_ms=round(at_ms), exercise=name))
        for frame in frames_of(_level(recording, artefact), artefact.sensor_set, start_ms):
            if windows := listener.push(frame):
                probabilities = network.probabilities(np.stack([window.samples for window in windows]))
                told += listener.classified(windows, probabilities)
    return told + listener.finish(), truths, round(at_ms) - START_MS


def _samples(recording: Recording, artefact: Artefact) -> int:
    return min(len(recording.values[letter]) for letter in artefact.sensor_set.letters)


def _level(recording: Recording, artefact: Artefact) -> Recording:
    """With as many samples of each sensor, so that the next recording can follow at once."""
    length = _samples(recording, artefact)
    values = {letter: recording.values[letter][:length] for letter in artefact.sensor_set.letters}
    return replace(recording, values=values)


def _outcomes(told: Sequence[Observation], truths: Sequence[TrueSet]) -> list[Outcome]:
    """Each true set with the recognised one that overlaps it most, which answers for no other."""
    ended = [each for each in told if isinstance(each, SetEnded)]
    pairs = sorted(
        (-_overlap_ms(found, truth), index, number)
        for index, truth in enumerate(truths)
        for number, found in enumerate(ended)
        if _overlap_ms(found, truth) > 0
    )
    answers: dict[int, int] = {}
    for _, index, number in pairs:
        if index not in answers and number not in answers.values():
            answers[index] = number
    return [
        _outcome(told, truth, ended[answers[index]] if index in answers else None)
        for index, truth in enumerate(truths)
    ]


def _outcome(told: Sequence[Observation], truth: TrueSet, found: SetEnded | None) -> Outcome:
    names = [
        (each.at_ms - truth.start_ms, each.exercise)
        for each in told
        if isinstance(each, Exercising) and truth.start_ms <= each.at_ms <= truth.end_ms
    ]
    return Outcome(
        truth=truth,
        found=found,
        first_name_ms=next((after_ms for after_ms, name in names if name == truth.exercise), None),
        wrong_name=any(name not in (truth.exercise, UNKNOWN) for _, name in names),
        first_sign_ms=_first_sign_ms(told, truth),
    )


def _first_sign_ms(told: Sequence[Observation], truth: TrueSet) -> int | None:
    """When setting up or exercising was first told, from a window's length before the set to its end."""
    signs = [
        each.at_ms if isinstance(each, Exercising) else each.since_ms + STRIDE_MS
        for each in told
        if isinstance(each, Exercising | SettingUp)
    ]
    early_ms = truth.start_ms - FOUND_MS
    return next((at_ms - truth.start_ms for at_ms in signs if early_ms <= at_ms <= truth.end_ms), None)


def _false_sets(told: Sequence[Observation], truths: Sequence[TrueSet]) -> int:
    return sum(
        not any(_overlap_ms(each, truth) > 0 for truth in truths)
        for each in told
        if isinstance(each, SetEnded)
    )


def _false_set_ups(told: Sequence[Observation]) -> int:
    states = [each for each in told if not isinstance(each, SetEnded)]
    return sum(isinstance(each, SettingUp) and isinstance(after, Resting) for each, after in pairwise(states))


def _overlap_ms(found: SetEnded, truth: TrueSet) -> int:
    return min(found.end_ms, truth.end_ms) - max(found.start_ms, truth.start_ms)


def _median_s(values_ms: Sequence[int]) -> float | None:
    return median(values_ms) / 1000 if values_ms else None
