"""`muvr train`: train a model on a store's windows or on recordings, and serve it if it is not worse."""

from __future__ import annotations

import argparse
import dataclasses
import uuid
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import personal
from cli.clusters import find_cluster, trainable
from cli.keys import signing_key
from cli.parsing import explain
from cli.places import (
    add_store_arguments,
    existing_store,
    load_data_sets,
    settings_of,
    write_json,
    write_whole,
)
from cli.trained import rival_of, save, scope_of
from cli.training_words import Teller, lines, print_line, result_of
from domain.errors import ConfigurationError, InvalidArtefact, InvalidInput, StoredValueCorrupt
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.artefact import decode
from persistence.location import open_store
from persistence.models import EVERYONE, ModelStore
from persistence.windows import WindowStore

if TYPE_CHECKING:
    from training.program import Rival, TrainedModel

_EXAMPLES = """
muvr train --data muvr-data                                  on what people confirmed; serves the better
muvr train --data muvr-data --user anna                      on anna's sets alone, for anna alone
muvr train --recordings DIR --out MODEL --split subject      without a store
muvr train --data muvr-data --json -                         the result as JSON on standard output
"""
_MORE = """Training ends at --target-f1, when --budget-minutes are up, or after --epochs-max, and keeps the
best epoch. One that was killed goes on where it was when it is started again with the same data and
settings."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, _EXAMPLES, more=_MORE)
    add_store_arguments(parser)
    parser.add_argument(
        "--recordings", type=Path, nargs="+", metavar="DIR", help="instead of a store's windows"
    )
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="learn from that person's sets alone; serves that person alone, if better for them",
    )
    parser.add_argument(
        "--cluster",
        metavar="ID",
        help="learn from that cluster's users; serves them, if it is better than everyone's for them",
    )
    parser.add_argument(
        "--clusters",
        action="store_true",
        help="one model after the other for each cluster with enough users and windows, within the budget",
    )
    parser.add_argument(
        "--no-promote", action="store_true", help="store the model; `muvr models promote` serves the best"
    )
    parser.add_argument("--out", type=Path, metavar="MODEL", help="write the model file there")
    parser.add_argument(
        "--sensor-set", default="a,g@50", metavar="SET", help="letters and a rate (default: %(default)s)"
    )
    parser.add_argument(
        "--split",
        choices=("session", "subject"),
        default="session",
        help="what is held out (default: %(default)s)",
    )
    parser.add_argument("--budget-minutes", type=float, default=10.0, help="default: %(default)s")
    parser.add_argument(
        "--epochs-max",
        type=int,
        help="of fitting; twice as many follow on all windows (default: enough for the number of windows)",
    )
    parser.add_argument(
        "--target-f1", type=float, default=0.995, help="stop when reached (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--start-over",
        action="store_true",
        help="forget a killed training on other data or with other settings",
    )
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="draw confusions and learning curve there, SVG"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="the result as JSON; - is standard output")
    parser.add_argument("--json-progress", action="store_true", help="progress and result as JSON lines")


def run(options: argparse.Namespace) -> int:
    _check(options)
    options.sensor_set = SensorSet.parse(options.sensor_set)
    teller = Teller(as_json=options.json_progress)
    if options.clusters:
        return _of_clusters(options, teller)
    if options.recordings:
        trained, is_served = _from_recordings(options, teller), None
    else:
        trained, is_served = _from_store(options, teller)
    if options.plots:
        _plot(trained, options.plots)
    if options.json:
        write_json(options.json, result_of(trained, is_served))
    if options.json_progress:
        print_line(result=result_of(trained, is_served))
    elif str(options.json) != "-":
        print("\n".join([*lines(trained), _ending(options, is_served)]))
    return 0


def _check(options: argparse.Namespace) -> None:
    if options.recordings and options.sources["data"] != "--data":
        options.data = None  # a node's directory that is configured is not what recordings are learned into
    if bool(options.recordings) == bool(options.data):
        raise ConfigurationError(
            "windows come from a store or from recordings",
            expected="either --data DIR or --recordings DIR...",
            remedy="give one of them",
        )
    whose = [name for name in ("user", "cluster", "clusters") if getattr(options, name)]
    if options.recordings and whose:
        raise ConfigurationError("recordings know no users", remedy=f"give --data DIR with --{whose[0]}")
    if len(whose) > 1:
        raise ConfigurationError(
            "--user, --cluster and --clusters exclude each other", remedy="give one of them"
        )
    if options.clusters and (options.out or options.plots or options.no_promote):
        raise ConfigurationError(
            "--clusters excludes --out, --plots and --no-promote", remedy="leave those out"
        )
    if options.recordings and not options.out:
        raise ConfigurationError("recordings have no store for the model", remedy="give --out MODEL")


def _from_recordings(options: argparse.Namespace, teller: Teller) -> TrainedModel:
    from training.checkpoint import discard
    from training.evaluation import check_windows, with_sensors
    from training.windowing import windows_of

    data_sets = {
        name: with_sensors(recordings, options.sensor_set)
        for name, recordings in load_data_sets(options.recordings).items()
    }
    windows = (
        dataclasses.replace(window, subject=f"{name}:{window.subject}")
        for name, recordings in data_sets.items()
        for window in windows_of(recordings, options.sensor_set)
    )
    first = list(islice(windows, 1))
    check_windows(first, data_sets, options.sensor_set)
    checkpoint = options.out.with_name(options.out.name + ".checkpoint")
    key = signing_key(settings_of(options)) if options.keys else None
    trained = _train(options, teller, chain(first, windows), key, None, checkpoint)
    write_whole(options.out, trained.artefact)
    discard(checkpoint)
    return trained


def _from_store(options: argparse.Namespace, teller: Teller) -> tuple[TrainedModel, bool | None]:
    from training.checkpoint import discard

    settings = settings_of(options)
    store = open_store(settings.store_location)
    try:
        models = ModelStore(store)
        windows = WindowStore(store).read(options.sensor_set, teller.read)
        name, form = options.sensor_set.slug, {}
        if options.cluster:
            name = f"{name}-{options.cluster}"
            windows = find_cluster(store, options.cluster).windows(windows)
        if options.user:
            own = personal.windows_of(options.user, settings, windows)
            name, windows, form = (
                f"{name}-{own[0].subject}",
                iter(own),
                personal.form(own, options.sensor_set),
            )
        checkpoint = options.data / "training" / f"{name}.checkpoint"
        rival = _rival(models, options)
        trained = _train(options, teller, windows, signing_key(settings), rival, checkpoint)
        if options.out:
            write_whole(options.out, trained.artefact)
        is_served = save(models, trained, options, form)
        discard(checkpoint)
    finally:
        store.close()
    return trained, is_served


def _of_clusters(options: argparse.Namespace, teller: Teller) -> int:
    """One training for each cluster, which share the budget; those that have nothing to hold out are told."""
    with existing_store(options) as store:
        clusters = trainable(store, WindowStore(store).sessions(options.sensor_set))
    results: dict[str, Any] = {}
    for cluster in clusters:
        own = argparse.Namespace(**vars(options))
        own.cluster, own.budget_minutes = cluster.cluster_id, options.budget_minutes / len(clusters)
        try:
            trained, is_served = _from_store(own, teller)
            results[cluster.cluster_id] = result_of(trained, is_served)
            words = f"{trained.model_id} is " + ("served" if is_served else "no better than everyone's")
        except InvalidInput as error:
            results[cluster.cluster_id], words = {"error": str(error)}, str(error)
        if not options.json_progress:
            print(f"cluster {cluster.cluster_id}: {words}", flush=True)
    if not clusters:
        message = "there are no two clusters, or none has enough users and windows"
        if options.json_progress:
            print_line(stage="train", done=1, total=1, message=message)
        else:
            print(message)
    if options.json:
        write_json(options.json, {"clusters": results})
    if options.json_progress:
        print_line(result={"clusters": results})
    return 0


def _train(
    options: argparse.Namespace,
    teller: Teller,
    windows: Iterable[LabelledWindow],
    key: bytes | None,
    rival: Rival | None,
    checkpoint: Path,
) -> TrainedModel:
    # Imported here, as TensorFlow behind it is: no other command pays for it.
    from training.program import run as train

    return train(
        windows,
        sensor_set=options.sensor_set,
        model_id=ModelId(f"{options.sensor_set.slug}-{uuid.uuid4().hex[:8]}"),
        budget_minutes=options.budget_minutes,
        epochs_max=options.epochs_max,
        target_f1=options.target_f1,
        seed=options.seed,
        signing_key=key,
        progress=teller.epoch,
        split_by=options.split,
        rival=rival,
        checkpoint=checkpoint,
        start_over=options.start_over,
    )


def _rival(models: ModelStore, options: argparse.Namespace) -> Rival | None:
    """The model that is served now, if its file is whole.

    A person's first own model has to be better than everyone's, even on sessions that that one has learned.
    """
    from training.program import Rival

    current = rival_of(models, scope_of(options), options.sensor_set)
    is_first = bool(options.user) and current is not None and current.scope == EVERYONE
    try:
        data = models.artefact(current.digest) if current is not None else None
        if current is None or data is None:
            return None
        learned = () if is_first else models.sessions_learned(current.model_id)
        return Rival(artefact=decode(data), sessions=learned)
    except (StoredValueCorrupt, InvalidArtefact, ConfigurationError):
        return None


def _plot(trained: TrainedModel, directory: Path) -> None:
    from training.plots import CurvePoint, confusion_svg, curves_svg

    found = trained.validation
    points = [
        CurvePoint(epoch=step.epoch, loss=step.loss, f1=step.f1_validation) for step in trained.learning_curve
    ]
    confusion = confusion_svg(found.confusion, found.classes, f"{trained.model_id}, held out")
    write_whole(directory / f"{trained.model_id}-confusion.svg", confusion.encode())
    curves = curves_svg(points, f"{trained.model_id}, learning")
    write_whole(directory / f"{trained.model_id}-learning.svg", curves.encode())


def _ending(options: argparse.Namespace, is_served: bool | None) -> str:
    if is_served is None:
        return "`muvr models promote` serves the best" if options.no_promote else f"written to {options.out}"
    return "it is served from now on" if is_served else "it is not served: the present model did better"
