"""The demonstration's figures, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cli.demo.checks import stored_events, stored_frames
from cli.demo.player import Played
from cli.demo.programme import Programme
from cli.demo.scoring import ScoredSet, extra_sets, score_sets, window_figures
from domain.sensors import SensorSet
from persistence.models import EVERYONE, ModelStore
from persistence.ports import Store
from persistence.tables import SUGGESTION_BY_SESSION


def report(
    programme: Programme,
    store: Store,
    location: str,
    sensor_set: SensorSet,
    day_one: Sequence[Played],
    day_two: Sequence[Played],
    training: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Every figure is computed from what was sent and what came back."""
    played = [*day_one, *day_two]
    return {
        "store": location,
        "recordings": programme.description,
        "simulated": programme.is_simulated,
        "frames": {
            "sent": sum(len(each.frames) for each in played),
            "acknowledged": sum(each.acknowledged for each in played),
            "stored": stored_frames(store, played),
        },
        "bytes_sent": sum(each.bytes_sent for each in played),
        "events_stored": stored_events(store),
        "sessions": len(played),
        "users": len({each.session.user for each in played}),
        "model": _model(store, sensor_set, training),
        "recognition": _recognition(store, day_two),
        "repetitions": _repetitions(score_sets(day_two)),
        "suggestions": _suggestions(store, played),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
    }


def table(sets: Sequence[ScoredSet]) -> str:
    """A line per set: truth, recognised, confidence, repetitions counted against truth."""
    head = ("who", "where", "done", "recognised", "confidence", "repetitions")
    lines = [
        (
            scored.truth.user,
            scored.site,
            scored.truth.exercise + ("" if scored.is_learned else " (new)"),
            ("" if scored.is_right else "≠ ") + (scored.recognised or "nothing"),
            f"{scored.confidence:.2f}",
            f"{scored.repetitions} of {scored.truth.repetitions or '?'}",
        )
        for scored in sets
    ]
    widths = [max(len(row[column]) for row in [head, *lines]) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, tuple("-" * width for width in widths), *lines]
    )


def totals(figures: Mapping[str, Any], day_two: Sequence[Played]) -> str:
    """The report in a few lines."""
    frames, model = figures["frames"], figures["model"]
    found, counts = figures["recognition"], figures["repetitions"]
    suggested, seconds = figures["suggestions"], figures["seconds"]
    validation = model["validation"]
    return "\n".join(
        [
            f"frames:      {frames['sent']} sent, {frames['acknowledged']} acknowledged, "
            f"{frames['stored']} found in the store; {figures['events_stored']} events",
            f"model:       {model['id']} ({model['sensors']}), {len(model['classes'])} classes, "
            f"{model['parameters']} parameters, {model['bytes_int8']} bytes; held-out accuracy "
            f"{validation['accuracy']:.3f}, macro F1 {validation['f1_macro']:.3f}",
            f"sets:        {found['sets_right']} of {found['sets']} named right, "
            f"{found['sets'] - found['sets_learned']} being of exercises that day one did not have "
            f"(on the watch {found['on_device']['sets_right']} of {found['on_device']['sets']}, "
            f"on the server {found['on_server']['sets_right']} of {found['on_server']['sets']}); "
            f"{extra_sets(day_two)} more where nobody exercised",
            f"windows:     accuracy {found['accuracy']:.3f}, macro F1 {found['f1_macro']:.3f} "
            f"of {found['windows']}",
            f"repetitions: {counts['exact']} exact and {counts['within_one']} within one of "
            f"{counts['sets']} sets, mean error {counts['mean_absolute_error']:.2f}",
            f"suggestions: {suggested['made']} made, {suggested['taken']} taken",
            "seconds:     " + ", ".join(f"{name.replace('_', ' ')} {s:.1f}" for name, s in seconds.items()),
        ]
    )


def is_whole(figures: Mapping[str, Any]) -> bool:
    """Every frame that was sent is both acknowledged and found in the store."""
    frames = figures["frames"]
    return bool(frames["sent"] == frames["acknowledged"] == frames["stored"])


def _model(store: Store, sensor_set: SensorSet, training: Mapping[str, Any]) -> dict[str, Any]:
    current = ModelStore(store).current(EVERYONE, sensor_set)
    validation = training.get("validation", {})
    return {
        "id": current.model_id if current else None,
        "sensors": str(sensor_set),
        "classes": training.get("classes", []),
        "parameters": training.get("parameters"),
        "bytes_int8": training.get("bytes_int8"),
        "train_seconds": training.get("train_seconds"),
        "validation": {
            name: validation.get(name) for name in ("accuracy", "precision", "recall", "f1_macro")
        },
    }


def _recognition(store: Store, day_two: Sequence[Played]) -> dict[str, Any]:
    def figures(played: Sequence[Played]) -> dict[str, Any]:
        scored = score_sets(played)
        sets = {
            "sets": len(scored),
            "sets_right": sum(each.is_right for each in scored),
            "sets_learned": sum(each.is_learned for each in scored),
        }
        return {**window_figures(store, played), **sets}

    return {
        **figures(day_two),
        "on_device": figures([each for each in day_two if each.site == "device"]),
        "on_server": figures([each for each in day_two if each.site == "server"]),
    }


def _repetitions(sets: Sequence[ScoredSet]) -> dict[str, Any]:
    errors = [error for scored in sets if (error := scored.repetitions_off) is not None]
    return {
        "sets": len(errors),
        "exact": sum(error == 0 for error in errors),
        "within_one": sum(error <= 1 for error in errors),
        "mean_absolute_error": sum(errors) / len(errors) if errors else 0.0,
    }


def _suggestions(store: Store, played: Sequence[Played]) -> dict[str, int]:
    rows = [
        row
        for each in played
        for row in store.read(SUGGESTION_BY_SESSION, (each.session.user, each.session_id))
    ]
    return {"made": len(rows), "taken": sum(row.taken is True for row in rows)}
