"""What `muvr train` tells while it trains, and at its end: words for people, JSON lines for the scheduler."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.program import TrainedModel
    from training.train import Progress

TELL_SECONDS = 2.0


@dataclasses.dataclass
class Teller:
    """Tells of progress, at most every TELL_SECONDS while windows are read."""

    as_json: bool = False
    clock: Callable[[], float] = time.monotonic
    _told_s: float = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self._told_s = self._began_s = self.clock()

    def read(self, windows: int, share: float) -> None:
        """So many windows were read, which is about that share of them."""
        now_s = self.clock()
        if now_s - self._told_s < TELL_SECONDS:
            return
        self._told_s = now_s
        left_s = (now_s - self._began_s) * (1 - share) / max(share, 1e-9)
        message = f"{windows} windows read, about {left_s:.0f} s left"
        if self.as_json:
            print_line(stage="read", done=round(100 * share), total=100, message=message)
        else:
            print(message, file=sys.stderr, flush=True)

    def epoch(self, progress: Progress) -> None:
        message = f"{_words(progress)}, {_left(progress)}"
        if self.as_json:
            print_line(stage="train", done=_percent(progress), total=100, message=message)
        else:
            print(f"epoch {progress.epoch} of at most {progress.epochs_max}: {message}", flush=True)


def print_line(**values: Any) -> None:
    """A line for the scheduler: progress (stage, done, total, message), or the result."""
    print(json.dumps(values), flush=True)


def result_of(trained: TrainedModel, is_served: bool | None) -> dict[str, Any]:
    """What `muvr train` ends with, as JSON; `is_served` is None where that was not decided."""
    return {
        "model_id": trained.model_id,
        "is_served": is_served,
        "classes": trained.classes,
        "parameters": trained.parameters,
        "bytes_int8": trained.bytes_int8,
        "train_seconds": trained.train_seconds,
        "epochs": trained.epochs,
        "epoch_best": trained.epoch_best,
        "held_out_by": trained.held_out_by,
        "held_out_sessions": trained.held_out_sessions,
        "validation": dataclasses.asdict(trained.validation),
        "evaluation": trained.evaluation.as_json(),
        "learning_curve": [dataclasses.asdict(step) for step in trained.learning_curve],
    }


def lines(trained: TrainedModel) -> list[str]:
    found = trained.evaluation
    told = [
        f"model {trained.model_id}: {len(trained.classes)} classes, {trained.parameters} parameters, "
        f"{trained.bytes_int8} bytes",
        f"held out by {trained.held_out_by}: accuracy {found.metrics.accuracy:.3f}, "
        f"macro F1 {found.metrics.f1_macro:.3f} on {found.metrics.windows} windows; "
        f"{found.sets_right} of {found.sets} sets named right",
    ]
    if trained.comparison is not None:
        ours, theirs = trained.comparison.candidate.metrics, trained.comparison.rival.metrics
        told.append(
            f"on the {ours.windows} of them that are new to the model served so far: macro F1 "
            f"{ours.f1_macro:.3f}, that one's {theirs.f1_macro:.3f}"
        )
    return told


def _percent(progress: Progress) -> int:
    """Fitting is the first third; fitting again, on all windows, the rest."""
    share = progress.epoch / progress.epochs_max
    return round(100 * (share / 3 if progress.f1_validation is not None else (1 + 2 * share) / 3))


def _words(progress: Progress) -> str:
    if progress.f1_validation is None:
        return f"loss {progress.loss:.3f}, learning from what was held out too"
    return f"loss {progress.loss:.3f}, macro F1 on held-out windows {progress.f1_validation:.3f}"


def _left(progress: Progress) -> str:
    left_s = progress.seconds / progress.epoch * max(0, progress.epochs_max - progress.epoch)
    return f"at most {left_s:.0f} s left"
