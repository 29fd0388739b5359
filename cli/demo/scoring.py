"""How well day two was recognised: windows, sets and repetitions against what was really done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from batch.labelling import Label, labelled_windows
from cli.demo.player import Played, TrueSet
from domain.identifiers import StreamId
from edge.int8 import Int8Network
from edge.protocol import Message
from edge.recogniser import UNKNOWN as UNKNOWN_EXERCISE
from persistence.ports import Store
from persistence.sensors import SensorStore
from training.evaluate import UNKNOWN, evaluate


@dataclass(frozen=True)
class ScoredSet:
    """A set that was done, and the recognised one that answers for it, if any.

    `is_learned` says whether the model knows the exercise at all. What nobody did on day one cannot be named,
    and is right if it is called unknown.
    """

    truth: TrueSet
    site: str
    is_learned: bool
    recognised: str | None
    confidence: float
    repetitions: int

    @property
    def is_right(self) -> bool:
        return self.recognised == (self.truth.exercise if self.is_learned else UNKNOWN_EXERCISE)

    @property
    def repetitions_off(self) -> int | None:
        """Counted against true repetitions; None where those are unknown. A missed set counts none."""
        if not self.truth.repetitions:
            return None
        return abs(self.repetitions - self.truth.repetitions)


def score_sets(played: Sequence[Played]) -> list[ScoredSet]:
    """Each set that was done, in order. A recognised set answers for one of them at most."""
    return [scored for each in played for scored in _score(each)]


def extra_sets(played: Sequence[Played]) -> int:
    """Recognised sets that overlap none that was done."""
    return sum(
        not any(_overlap_ms(found, truth) > 0 for truth in each.truths)
        for each in played
        for found in each.sets
    )


def window_figures(store: Store, played: Sequence[Played]) -> dict[str, float]:
    """Accuracy and macro F1 of the models that the watches took, on the frames as stored.

    Server and watch run the same integers, so this is what either of them computed. Labels that the model
    does not know count as errors.
    """
    rows, labels, users = [], [], []
    classes: tuple[str, ...] = ()
    for each in played:
        if each.model is None:
            continue
        classes = each.model.classes
        frames = [
            frame
            for stream in each.streams
            for frame in SensorStore(store).frames(each.session.user, each.session_id, StreamId(stream))
        ]
        truths = [Label(truth.start_ms, truth.end_ms, truth.exercise) for truth in each.truths]
        ordered = sorted(frames, key=lambda frame: frame.start_ms)
        found = list(labelled_windows(ordered, truths, [each.model.sensor_set]))
        if found:
            rows.append(Int8Network(each.model).probabilities(np.stack([w.samples for _, _, w in found])))
            labels += [classes.index(label) if label in classes else UNKNOWN for _, label, _ in found]
            users += [each.session.user] * len(found)
    if not rows or all(label == UNKNOWN for label in labels):
        return {"windows": len(labels), "accuracy": 0.0, "f1_macro": 0.0}
    metrics = evaluate(np.concatenate(rows), np.asarray(labels), users, classes)
    return {"windows": metrics.windows, "accuracy": metrics.accuracy, "f1_macro": metrics.f1_macro}


def _score(each: Played) -> list[ScoredSet]:
    """Pairs of done and recognised sets, those that overlap most first."""
    overlaps = sorted(
        (
            (_overlap_ms(found, truth), -index, -number)
            for index, truth in enumerate(each.truths)
            for number, found in enumerate(each.sets)
        ),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    for overlap_ms, index, number in overlaps:
        if overlap_ms > 0 and -index not in pairs and -number not in pairs.values():
            pairs[-index] = -number
    return [_scored(each, truth, pairs.get(index)) for index, truth in enumerate(each.truths)]


def _scored(each: Played, truth: TrueSet, number: int | None) -> ScoredSet:
    is_learned = each.model is not None and truth.exercise in each.model.classes
    if number is None:
        return ScoredSet(truth, each.site, is_learned, None, 0.0, 0)
    found = each.sets[number]
    return ScoredSet(
        truth, each.site, is_learned, found["exercise"], found["confidence"], found["repetitions"]
    )


def _overlap_ms(found: Message, truth: TrueSet) -> int:
    return int(min(found["end_ms"], truth.end_ms) - max(found["start_ms"], truth.start_ms))
