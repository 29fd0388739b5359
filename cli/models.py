"""`muvr models`: which models there are, how good they are, which is served, and serving another."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.model_export import Told, export
from cli.parsing import explain
from cli.places import add_store_arguments, existing_store
from cli.training_words import print_line
from domain.errors import ConfigurationError, StoredValueCorrupt
from domain.sensors import SensorSet
from persistence.choosing import choose
from persistence.models import EVERYONE, ModelStore
from persistence.tables import EvaluationRow, ModelRow

PAST = 5

_EXAMPLES = {
    "list": "muvr models list --data muvr-data           every model, newest first",
    "show": "muvr models show ag50-1f2e3d4c              what it learned from, and how good it is",
    "promote": "muvr models promote                         serve the best by what was recorded\n"
    "muvr models promote ag50-1f2e3d4c           serve that one, however good it is\n"
    "muvr models promote --scope user:anna       the best of anna's own",
    "rollback": "muvr models rollback --sensor-set a@50      serve again what was served before",
    "export": "muvr models export ag50-1f2e3d4c --out MODEL\n"
    "muvr models export --model MODEL --c DIR    the C99 of a model file",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, "\n".join(_EXAMPLES.values()))
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    for name, words in (
        ("list", "models of every scope and sensor set, newest first"),
        ("show", "a model, what it learned from, and its evaluations"),
        ("promote", "serve a model, however good it is; without ID the best by what was recorded"),
        ("rollback", "serve again what was served before"),
        ("export", "write a model's file, or its C99"),
    ):
        action = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == "show":
            action.add_argument("id", metavar="ID", help="as `muvr models list` shows it")
        if name == "promote":
            _add_choice(action)
        if name in ("promote", "rollback"):
            action.add_argument("--sensor-set", default="a,g@50", metavar="SET", help="default: %(default)s")
            action.add_argument("--scope", default=EVERYONE, help="default: %(default)s")
        if name == "export":
            action.add_argument("id", metavar="ID", nargs="?", help="a model of the store")
            action.add_argument("--model", type=Path, metavar="FILE", help="a model file instead")
            action.add_argument("--out", type=Path, metavar="FILE", help="write the model file")
            action.add_argument("--c", type=Path, metavar="DIR", help="write C99 for a microcontroller")
        add_store_arguments(action, default=Path("muvr-data"))
        action.add_argument("--json", action="store_true", help="the result as one JSON object")
        explain(action, _EXAMPLES[name])


def _add_choice(action: argparse.ArgumentParser) -> None:
    action.add_argument("id", metavar="ID", nargs="?", help="default: see --past")
    action.add_argument(
        "--past",
        type=int,
        default=PAST,
        metavar="N",
        help="without ID: the best of so many models that were compared with the one served, on windows "
        "that neither had learned from; never a worse one (default: %(default)s)",
    )
    action.add_argument("--json-progress", action="store_true", help="progress and result as JSON lines")


def run(options: argparse.Namespace) -> int:
    if options.action == "export":
        result, words = export(options)
    else:
        with existing_store(options) as store:
            result, words = _ACTIONS[options.action](options, ModelStore(store))
    if options.action == "promote" and options.json_progress:
        print_line(stage="promote", done=1, total=1, message=next(iter(words)))
        print_line(result=result)
    else:
        print(json.dumps(result) if options.json else "\n".join(words))
    return 0


def _list(options: argparse.Namespace, models: ModelStore) -> Told:
    served = {(row.scope, row.sensor_set): row.model_id for row in models.current_models()}
    items = [
        _item(row, _newest(models, row.model_id), served.get((row.scope, row.sensor_set)) == row.model_id)
        for row in models.all_models()
    ]
    if not items:
        return {"models": []}, ["there are no models yet: `muvr train` trains one"]
    head = ("", "model", "scope", "sensors", "made", "classes", "bytes", "macro F1", "on")
    rows = [
        (
            "served" if item["served"] else "",
            item["model_id"],
            item["scope"],
            item["sensor_set"],
            item["created"],
            str(len(item["classes"])),
            str(item["byte_count"]),
            "" if item["f1_macro"] is None else f"{item['f1_macro']:.3f}",
            item["evaluated_on"] or "",
        )
        for item in items
    ]
    return {"models": items}, table([head, *rows])


def _show(options: argparse.Namespace, models: ModelStore) -> Told:
    row = models.find(options.id)
    current = models.current(row.scope, SensorSet.parse(row.sensor_set))
    is_served = current is not None and current.model_id == row.model_id
    evaluations = list(models.evaluations(row.model_id))
    lineage = _decoded(row.lineage, f"lineage of model {row.model_id}")
    item = _item(row, evaluations[0] if evaluations else None, is_served)
    item["lineage"] = lineage
    item["evaluations"] = [
        {
            "evaluated": _time(each.evaluated_at),
            "data_set": each.data_set,
            **_decoded(each.metrics, f"metrics of model {row.model_id}"),
        }
        for each in evaluations
    ]
    earlier = models.earlier(row.scope, SensorSet.parse(row.sensor_set)) if is_served else []
    item["served_before"] = [each.model_id for each in earlier]
    return item, _show_words(item, row, evaluations)


def _show_words(item: dict[str, Any], row: ModelRow, evaluations: Sequence[EvaluationRow]) -> Iterable[str]:
    lineage = item["lineage"]
    yield f"model      {row.model_id}{', served' if item['served'] else ''}"
    yield f"for        {row.scope}, {row.sensor_set}"
    yield f"made       {item['created']} in {row.train_seconds:.0f} s"
    yield f"file       {row.byte_count} bytes, {row.parameter_count} parameters, {row.digest}"
    yield f"names      {', '.join(item['classes'])}"
    people, sessions = len(lineage.get("subjects", [])), len(lineage.get("sessions", []))
    yield f"learned    from {people} people, {sessions} sessions"
    for name, count in lineage.get("windows_by_data_set", {}).items():
        yield f"           {count} windows of {name}"
    if lineage.get("configuration"):
        told = (f"{name} {value}" for name, value in lineage["configuration"].items() if name.islower())
        yield f"settings   {', '.join(told)}"
    if item["served_before"]:
        yield f"before it  {', '.join(item['served_before'])}"
    head = ("evaluated", "accuracy", "precision", "recall", "macro F1", "on")
    figures = [
        (
            _time(each.evaluated_at),
            *(f"{value:.3f}" for value in (each.accuracy, each.precision, each.recall, each.f1_macro)),
            each.data_set,
        )
        for each in evaluations
    ]
    yield from table([head, *figures])


def _promote(options: argparse.Namespace, models: ModelStore) -> Told:
    if options.id is None:
        return _promote_best(options, models)
    row = models.find(options.id)
    try:
        is_whole = models.artefact(row.digest) is not None
    except StoredValueCorrupt:
        is_whole = False
    if not is_whole:
        raise ConfigurationError(
            f"the file of model {row.model_id} is lost or damaged", remedy="choose another, or train again"
        )
    newest = _newest(models, row.model_id)
    models.serve(row, newest.f1_macro if newest else 0.0)
    told = {"served": row.model_id, "scope": row.scope, "sensor_set": row.sensor_set}
    return told, [f"{row.model_id} is served to {row.scope} from now on"]


def _promote_best(options: argparse.Namespace, models: ModelStore) -> Told:
    if options.past < 1:
        raise ConfigurationError(f"--past {options.past}", expected="at least 1")
    sensor_set = SensorSet.parse(options.sensor_set)
    choice = choose(models, options.scope, sensor_set, options.past)
    if choice is not None:
        models.promote(choice.model, choice.f1_macro, served_f1_macro=choice.rival_f1_macro)
    current = models.current(options.scope, sensor_set)
    told = {
        "served": None if current is None else current.model_id,
        "is_new": choice is not None,
        "scope": options.scope,
        "sensor_set": str(sensor_set),
        "f1_macro": choice and choice.f1_macro,
        "rival_f1_macro": choice and choice.rival_f1_macro,
    }
    if choice is not None:
        return told, [f"{choice.model.model_id} is served to {options.scope} from now on"]
    return told, [f"no model did better than the one that is served to {options.scope}"]


def _rollback(options: argparse.Namespace, models: ModelStore) -> Told:
    sensor_set = SensorSet.parse(options.sensor_set)
    served = models.rollback(options.scope, sensor_set)
    told = {"served": served.model_id, "scope": options.scope, "sensor_set": str(sensor_set)}
    return told, [f"{served.model_id} is served to {options.scope} again"]


_ACTIONS: dict[str, Callable[[argparse.Namespace, ModelStore], Told]] = {
    "list": _list,
    "show": _show,
    "promote": _promote,
    "rollback": _rollback,
}


def table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Columns as wide as their widest cell, the first row being the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _item(row: ModelRow, newest: EvaluationRow | None, is_served: bool) -> dict[str, Any]:
    return {
        "model_id": row.model_id,
        "served": is_served,
        "scope": row.scope,
        "sensor_set": row.sensor_set,
        "created": _time(row.created_at),
        "classes": _decoded(row.classes, f"classes of model {row.model_id}"),
        "parameter_count": row.parameter_count,
        "byte_count": row.byte_count,
        "train_seconds": row.train_seconds,
        "digest": row.digest,
        "f1_macro": newest.f1_macro if newest else None,
        "evaluated_on": newest.data_set if newest else None,
    }


def _newest(models: ModelStore, model_id: str) -> EvaluationRow | None:
    return next(iter(models.evaluations(model_id)), None)


def _decoded(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise StoredValueCorrupt(f"the {what} cannot be read ({error})", remedy="restore a backup") from error


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
