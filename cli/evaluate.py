"""`muvr evaluate`: how good models are, on recordings or on a store's windows, and which is best."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.clusters import find_cluster
from cli.evaluating import (
    Candidate,
    Data,
    Recordings,
    Round,
    StoredWindows,
    candidate_of,
    evaluate_all,
    latest_windows,
    past_candidates,
    record_evaluation,
    serve_best,
    served_candidate,
    with_new_windows,
)
from cli.parsing import explain
from cli.personal import subject_of
from cli.places import (
    add_store_arguments,
    existing_store,
    load_data_sets,
    read_model,
    settings_of,
    write_json,
    write_whole,
)
from cli.training_words import Teller, print_line
from domain.errors import ConfigurationError
from domain.sensors import SensorSet
from edge.artefact import Artefact
from persistence.models import EVERYONE, ModelStore, cluster_in, user_of
from persistence.ports import Store
from persistence.windows import WindowStore

if TYPE_CHECKING:
    from training.evaluation import Evaluation

_EXAMPLES = """
muvr evaluate --recordings DIR --model FILE --json FILE      without a store
muvr evaluate --data muvr-data                               the served model on the store's windows
muvr evaluate --data muvr-data --past 5                      the last five, and serve the best
"""
_MORE = """Of a store's windows those count that no evaluated model has learned from, if there are enough;
otherwise all do, and the figures flatter. Evaluations of a store's models are recorded in it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, _EXAMPLES, more=_MORE)
    add_store_arguments(parser)
    parser.add_argument(
        "--recordings", type=Path, nargs="+", metavar="DIR", help="instead of a store's windows"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", type=Path, metavar="FILE", help="a model file")
    which.add_argument("--model-id", metavar="ID", help="a model of the store (default: the one served)")
    which.add_argument("--past", type=int, metavar="N", help="the last N models, and serve the best")
    parser.add_argument(
        "--no-promote",
        action="store_true",
        help="with --past: only record the figures, for `muvr models promote`; models that have "
        "learned from the latest sessions are left out, so that the others are judged by them",
    )
    parser.add_argument("--sensor-set", default="a,g@50", metavar="SET", help="default: %(default)s")
    parser.add_argument(
        "--scope", default=EVERYONE, help="everyone, cluster:ID or user:ID (default: %(default)s)"
    )
    parser.add_argument(
        "--budget-minutes", type=float, default=60.0, help="no model is begun after it (default: %(default)s)"
    )
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the confusions there, SVG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the result as JSON; - is standard output")
    parser.add_argument(
        "--json-progress", action="store_true", help="with --no-promote: progress and result as JSON lines"
    )


def run(options: argparse.Namespace) -> int:
    _check(options)
    options.sensor_set = SensorSet.parse(options.sensor_set)
    recordings = Recordings(data_sets=load_data_sets(options.recordings)) if options.recordings else None
    if options.model:
        _one(options, read_model(options.model), recordings)
    else:
        with existing_store(options) as store:
            _of_store(options, store, recordings)
    return 0


def _check(options: argparse.Namespace) -> None:
    if not (options.recordings or options.data or options.store):
        raise ConfigurationError(
            "there is nothing to evaluate on", expected="--recordings DIR... or --data DIR", remedy="give one"
        )
    if not (options.model or options.data or options.store):
        raise ConfigurationError(
            "there is no model to evaluate", expected="--model FILE or --data DIR", remedy="give one"
        )
    if options.no_promote and options.past is None:
        raise ConfigurationError("--no-promote without --past", remedy="give --past N, or leave it out")
    if options.json_progress and not options.no_promote:
        raise ConfigurationError("--json-progress without --no-promote", remedy="give both, or --json -")
    if options.past is not None and options.past < 1:
        raise ConfigurationError(f"--past {options.past}", expected="at least 1")
    if not options.budget_minutes > 0:
        raise ConfigurationError(f"--budget-minutes {options.budget_minutes}", expected="more than 0")


def _one(options: argparse.Namespace, artefact: Artefact, recordings: Recordings | None) -> None:
    """A model file, on recordings or on all windows of a store; nothing is recorded."""
    if recordings is not None:
        _told(options, artefact, recordings.evaluate(artefact), recordings.words)
        return
    with existing_store(options) as store:
        data = latest_windows(WindowStore(store), artefact.sensor_set, [], Teller().read)
        _told(options, artefact, data.evaluate(artefact), data.words)


def _of_store(options: argparse.Namespace, store: Store, recordings: Recordings | None) -> None:
    models = ModelStore(store)
    compared = _compared(options, models)
    if options.no_promote:
        subjects = _subjects(options, store, options.scope)
        compared = with_new_windows(WindowStore(store), options.sensor_set, compared, subjects)
        if not compared:
            _told_nothing(options)
            return
    data: Data = recordings or _windows(options, store, compared)
    now_ms = time.time_ns() // 1_000_000

    def record(candidate: Candidate, found: Evaluation) -> None:
        record_evaluation(models, candidate, found, data, compared, now_ms)
        if options.json_progress:
            done = compared.index(candidate) + 1
            message = f"{candidate.row.model_id}: macro F1 {found.metrics.f1_macro:.3f}"
            print_line(stage="evaluate", done=done, total=len(compared), message=message)

    done = evaluate_all(compared, data, record, 60 * options.budget_minutes)
    if options.past is None:
        ((candidate, found),) = done.evaluations
        _told(options, candidate.artefact, found, data.words)
    else:
        served = _served(options, models) if options.no_promote else serve_best(models, done)
        _told_all(options, done, data.words, served)


def _served(options: argparse.Namespace, models: ModelStore) -> str | None:
    current = models.current(options.scope, options.sensor_set)
    return current.model_id if current is not None else None


def _told_nothing(options: argparse.Namespace) -> None:
    words = "no sessions are new to the model that is served: nothing is evaluated"
    result: dict[str, Any] = {"data_set": words, "ended": "all", "served": None, "models": []}
    if options.json_progress:
        print_line(stage="evaluate", done=1, total=1, message=words)
        print_line(result=result)
    if options.json:
        write_json(options.json, result)
    if not options.json_progress and str(options.json) != "-":
        print(words)


def _compared(options: argparse.Namespace, models: ModelStore) -> list[Candidate]:
    if options.past is not None:
        return past_candidates(models, options.scope, options.sensor_set, options.past)
    if not options.model_id:
        return [served_candidate(models, options.scope, options.sensor_set)]
    candidate = candidate_of(models, models.find(options.model_id))
    if candidate is None:
        raise ConfigurationError(f"model {options.model_id} cannot be read", remedy="choose another")
    return [candidate]


def _windows(options: argparse.Namespace, store: Store, compared: list[Candidate]) -> StoredWindows:
    sensor_set = compared[0].artefact.sensor_set if options.model_id else options.sensor_set
    subjects = _subjects(options, store, compared[0].row.scope)
    teller = Teller(as_json=options.json_progress)
    return latest_windows(WindowStore(store), sensor_set, compared, teller.read, subjects)


def _subjects(options: argparse.Namespace, store: Store, scope: str) -> frozenset[str] | None:
    """A model for some people is judged by their windows, which are stored under pseudonyms."""
    user, cluster = user_of(scope), cluster_in(scope)
    if cluster is not None:
        return find_cluster(store, cluster).subjects
    if user is None:
        return None
    if not (options.data or options.keys):
        raise ConfigurationError(
            "the windows of a user are found by a key", expected="--data DIR or --keys DIR", remedy="give one"
        )
    return frozenset((subject_of(user, settings_of(options)),))


def _told(options: argparse.Namespace, artefact: Artefact, found: Evaluation, words: str) -> None:
    _plot(options, artefact, found)
    if options.json:
        write_json(options.json, found.as_json())
    if str(options.json) != "-":
        print("\n".join([f"model {artefact.model_id} on {words}", *lines(found)]))


def _told_all(options: argparse.Namespace, done: Round, words: str, served: str | None) -> None:
    for candidate, found in done.evaluations:
        _plot(options, candidate.artefact, found)
    models = [
        {"model_id": candidate.row.model_id, "created_ms": candidate.row.created_at, **found.as_json()}
        for candidate, found in done.evaluations
    ]
    result = {"data_set": words, "ended": done.ended, "served": served, "models": models}
    if options.json:
        write_json(options.json, result)
    if options.json_progress:
        print_line(result=result)
    if options.json_progress or str(options.json) == "-":
        return
    print(f"on {words}")
    for candidate, found in done.evaluations:
        metrics = found.metrics
        print(
            f"{'served' if candidate.row.model_id == served else '':6}  {candidate.row.model_id:24}  "
            f"macro F1 {metrics.f1_macro:.3f}  accuracy {metrics.accuracy:.3f}  "
            f"sets {found.sets_right} of {found.sets}"
        )
    if done.ended != "all":
        print("a perfect model was found" if done.ended == "perfect" else "the time was up before the others")


def lines(found: Evaluation) -> list[str]:
    """For people; what could not be measured is not mentioned."""
    metrics, repetitions, streamed = found.metrics, found.repetitions, found.segmentation
    told = [
        f"windows      {metrics.windows}, accuracy {metrics.accuracy:.3f}, "
        f"precision {metrics.precision:.3f}, recall {metrics.recall:.3f}, macro F1 {metrics.f1_macro:.3f}",
        f"             worst subject {metrics.f1_worst_subject:.3f}, "
        f"calibration error {metrics.calibration_error:.3f}",
        f"sets         {found.sets_right} of {found.sets} named right",
    ]
    if found.unknown is not None:
        told.append(
            f"exercising   against rest: area under the curve {found.unknown.auroc:.3f}, "
            f"{found.unknown.fpr_at_95_tpr:.1%} of rest passes with 95 % of exercises"
        )
    if repetitions is not None:
        told.append(
            f"repetitions  {repetitions.exact} of {repetitions.sets} sets exact, {repetitions.within_one} "
            f"within one, mean error {repetitions.mean_absolute_error:.2f}"
        )
    if streamed is not None:
        name = streamed.first_name_s_median
        told.append(
            f"sessions     {streamed.found} of {streamed.sets} sets found within 2 s, {streamed.named_right} "
            f"named right, {streamed.false_sets} false ones in {streamed.hours:.2f} h, "
            f"first right name after {'never' if name is None else f'{name:.1f} s'}"
        )
    worst = sorted(metrics.f1_per_class.items(), key=lambda each: each[1])[:3]
    return [*told, "worst F1     " + ", ".join(f"{name} {f1:.2f}" for name, f1 in worst)]


def _plot(options: argparse.Namespace, artefact: Artefact, found: Evaluation) -> None:
    from training.plots import confusion_svg

    if options.plots:
        drawn = confusion_svg(found.metrics.confusion, found.metrics.classes, artefact.model_id)
        write_whole(options.plots / f"{artefact.model_id}-confusion.svg", drawn.encode())
