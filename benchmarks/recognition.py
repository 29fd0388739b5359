"""How well exercises are named on sessions and people not seen, beside three other ways in the same run.

    python -m benchmarks.recognition --recordings ROOT [--data-sets NAMES] [--seeds 3] [--json FILE]

ROOT holds the folders of the data sets. Of each, what benchmarks/recognition_data.py lists is held out in
turn: exercise sessions of one lifter, or people. In muvr every exercise was done in one session only, so
whole sets are held out there, which flatters. Only windows of classes that training had are scored. Figures
are percent, means over what is held out; for muvr's model, the least and greatest of the seeds follow. The
other ways are run with one seed.

A set's name is the exercise with the greatest mean probability over its windows. Windows of
others' rest and of gestures (utd_mhad) never take part in training.

Not measured: windows between sets and rest (see muvr evaluate), the time to the first name, other watches.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.baselines import Majority, eight_seconds, forest, network_2016
from benchmarks.recognition_data import DATA_SETS, Corpus, Part, corpus, never_seen
from domain.identifiers import ModelId
from domain.recording import REST
from edge.int8 import Int8Network
from training.batches import BATCH_SIZE
from training.dataset import Dataset
from training.evaluate import f1_macro
from training.export import export
from training.train import Limits, Trainer
from training.unknown import separation

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Figures = dict[str, float]

STEPS = 4000  # mini-batches of a training, as many as muvr train takes
BASELINES = ("majority", "network_2016", "forest")


def main() -> None:
    options = _options()
    result = {name: _measured(name, options) for name in options.data_sets.split(",")}
    text = json.dumps(
        {"seeds": options.seeds, "measured_at": time.strftime("%Y-%m-%d"), "data_sets": result}, indent=2
    )
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recordings", type=Path, required=True, metavar="ROOT")
    parser.add_argument("--data-sets", default=",".join(DATA_SETS), help="of %(default)s")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--parts-max", type=int, default=99, help="the first so many of what is held out")
    parser.add_argument("--without-baselines", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def _measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    data = corpus(options.recordings, name)
    strange = never_seen(options.recordings, name)
    by_seed: list[list[Figures]] = [[] for _ in range(options.seeds)]
    others: dict[str, list[Figures]] = {baseline: [] for baseline in BASELINES}
    parts = data.parts[: options.parts_max]
    for number, part in enumerate(parts):
        for seed in range(options.seeds):
            figures = _muvr(data, part, strange, seed)
            by_seed[seed].append(figures)
            print(f"{name}, part {number}, seed {seed}: {figures}", file=sys.stderr, flush=True)
        if not options.without_baselines:
            for baseline, probabilities in _baselines(data, part):
                others[baseline].append(_naming(data, part, probabilities))
    summary = {"windows": len(data.dataset), "parts": len(parts), "muvr": _over_seeds(by_seed)}
    return summary | {baseline: _mean(figures) for baseline, figures in others.items() if figures}


def _muvr(data: Corpus, part: Part, strange: FloatArray, seed: int) -> Figures:
    """muvr's int8 model."""
    training = data.dataset.take(part.learned)
    started = time.monotonic()
    trainer = Trainer(training, training.take(np.arange(len(training)) < 1), seed)
    epochs = math.ceil(STEPS * BATCH_SIZE / len(training))
    limits = Limits(epochs_max=epochs, seconds_max=math.inf, target_f1=math.inf)
    trainer.refit(training, limits, lambda step: None)
    seconds = time.monotonic() - started
    artefact = export(
        trainer.model,
        normalisation=trainer.normalisation,
        samples=training.samples,
        model_id=ModelId("benchmark"),
        sensor_set=training.sensor_set,
        classes=training.classes,
        metadata={},
    )
    probabilities = Int8Network(artefact).probabilities(data.dataset.samples)
    scored = _scored(data.dataset, part)
    logits = trainer.model.predict(
        trainer.normalisation.apply(data.dataset.samples[scored]), batch_size=1024, verbose=0
    )
    labels = data.dataset.labels[scored]
    float_f1 = f1_macro(labels, logits.reshape(len(labels), -1).argmax(axis=1), len(training.classes))
    naming = _naming(data, part, probabilities)
    separated = _separation(data, part, probabilities, Int8Network(artefact).probabilities(strange))
    return {
        **naming,
        "int8_loss": 100 * float_f1 - naming["f1_macro"],
        **separated,
        "parameters": artefact.parameter_count,
        "train_seconds": seconds,
    }


def _separation(data: Corpus, part: Part, probabilities: FloatArray, strange: FloatArray) -> Figures:
    """P(exercise) of exercises held out beside the wearer's rest, if any, and movements never seen."""
    rest = data.dataset.classes.index(REST)
    scored = _scored(data.dataset, part)
    exercising = 1 - probabilities[:, rest]
    exercises = exercising[scored & (data.dataset.labels != rest)]
    figures: Figures = {}
    for name, other in (
        ("rest", exercising[scored & (data.dataset.labels == rest)]),
        ("never_seen", 1 - strange[:, rest]),
    ):
        found = separation(exercises, other)
        if found is not None:
            figures |= {f"{name}_auroc": 100 * found.auroc, f"{name}_fpr": 100 * found.fpr_at_95_tpr}
    return figures


def _baselines(data: Corpus, part: Part) -> Sequence[tuple[str, FloatArray]]:
    """Probabilities of all windows by each of the other ways, fitted on the same windows."""
    dataset, train = data.dataset, part.learned
    classes = len(dataset.classes)
    inputs = eight_seconds(dataset.samples, data.recordings)
    ways: dict[str, Callable[[], FloatArray]] = {
        "majority": lambda: Majority(classes).probabilities(dataset.labels[train], len(dataset)),
        "network_2016": lambda: network_2016(inputs[train], dataset.labels[train], classes, 0)(inputs),
        "forest": lambda: _forest(dataset, part),
    }
    return [(name, ways[name]()) for name in BASELINES]


def _forest(dataset: Dataset, part: Part) -> FloatArray:
    fitted = forest(dataset.samples[part.learned], dataset.labels[part.learned], len(dataset.classes), 0)
    result = np.zeros((len(dataset), len(dataset.classes)), np.float32)
    result[part.held_out] = fitted(dataset.samples[part.held_out])
    return result


def _naming(data: Corpus, part: Part, probabilities: FloatArray) -> Figures:
    """Macro F1 of windows, and sets named right: recordings that are not rest."""
    dataset = data.dataset
    scored = _scored(dataset, part)
    rest = dataset.classes.index(REST)
    exercises = np.arange(len(dataset.classes)) != rest
    right = [
        np.where(exercises, probabilities[own].mean(axis=0), -1).argmax() == dataset.labels[own][0]
        for recording in np.unique(data.recordings[scored & (dataset.labels != rest)])
        for own in [np.flatnonzero(scored & (data.recordings == recording))]
    ]
    predicted = probabilities[scored].argmax(axis=1)
    f1 = f1_macro(dataset.labels[scored], predicted, len(dataset.classes))
    return {"f1_macro": 100 * f1, "sets_right": 100 * float(np.mean(right))}


def _scored(dataset: Dataset, part: Part) -> BoolArray:
    return np.asarray(part.held_out & np.isin(dataset.labels, dataset.labels[part.learned]))


def _mean(figures: Sequence[Figures]) -> Figures:
    keys = {key: None for each in figures for key in each}
    return {key: round(float(np.mean([each[key] for each in figures if key in each])), 2) for key in keys}


def _over_seeds(by_seed: Sequence[Sequence[Figures]]) -> dict[str, list[float]]:
    """Of each figure the mean, the least and the greatest over the seeds."""
    means = [_mean(figures) for figures in by_seed]
    return {
        key: [round(float(fold([each[key] for each in means])), 2) for fold in (np.mean, np.min, np.max)]
        for key in means[0]
    }


if __name__ == "__main__":
    main()
