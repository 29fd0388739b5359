"""Whether a model per cluster is better than everyone's, on simulated people of two groups.

    python -m benchmarks.cluster_models --json FILE [--people 10] [--sessions 2] [--seeds 1 2]

`apart`: people of one group do everything slowly and far, those of the other quickly and a little. `alike`:
the same people without that. Everyone's model learns from all people but a third of each group, a cluster's
from those of its group; both are judged by the third. So neither has seen the people whom it is judged by,
and everyone's has learned from twice as many. Macro F1 of windows, int8, `a,g@50`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.identifiers import ModelId
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.artefact import decode
from simulator.people import Person, people
from simulator.sessions import record
from training.dataset import collect
from training.evaluation import evaluate_dataset
from training.program import run as train
from training.windowing import windows_of

SET = SensorSet.parse("a,g@50")
GROUPS = {"slow": (1.45, 1.1), "quick": (0.7, 0.8)}  # factors of tempo and amplitude
BUDGET_MINUTES = 10.0
Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", type=Path, required=True, metavar="FILE")
    parser.add_argument("--people", type=int, default=9, help="of each group")
    parser.add_argument("--sessions", type=int, default=2, help="of each person")
    parser.add_argument("--epochs-max", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    report: Figures = {"people_of_a_group": options.people, "measured_at": time.strftime("%Y-%m-%d")}
    for name, is_apart in (("apart", True), ("alike", False)):
        report[name] = []
        for seed in options.seeds:
            report[name].append(_compared(options, seed, is_apart=is_apart))
            options.json.write_text(json.dumps(report, indent=1) + "\n")
            print(name, json.dumps(report[name][-1]), flush=True)


def _compared(options: argparse.Namespace, seed: int, *, is_apart: bool) -> Figures:
    everyone = people(seed, options.people * len(GROUPS))
    of_group = {
        group: [_changed(person, group) if is_apart else person for person in everyone[nr :: len(GROUPS)]]
        for nr, group in enumerate(GROUPS)
    }
    held_out = options.people // 3
    learned = {group: _windows(members[held_out:], options.sessions) for group, members in of_group.items()}
    judged = {group: _windows(members[:held_out], options.sessions) for group, members in of_group.items()}
    together = _model([window for windows in learned.values() for window in windows], options, seed)
    figures: Figures = {"seed": seed}
    for group in GROUPS:
        own = _model(learned[group], options, seed)
        figures[group] = {"everyones": _f1(together, judged[group]), "clusters": _f1(own, judged[group])}
    return figures


def _changed(person: Person, group: str) -> Person:
    tempo, amplitude = GROUPS[group]
    return dataclasses.replace(person, tempo=person.tempo * tempo, amplitude=person.amplitude * amplitude)


def _windows(members: Sequence[Person], sessions: int) -> list[LabelledWindow]:
    recordings = [each for person in members for nr in range(sessions) for each in record(person, nr)]
    return list(windows_of(recordings, SET))


def _model(windows: Sequence[LabelledWindow], options: argparse.Namespace, seed: int) -> bytes:
    trained = train(
        windows,
        sensor_set=SET,
        model_id=ModelId("cluster"),
        budget_minutes=BUDGET_MINUTES,
        epochs_max=options.epochs_max,
        target_f1=0.999,
        seed=seed,
        signing_key=None,
        progress=lambda _: None,
    )
    return trained.artefact


def _f1(model: bytes, windows: Sequence[LabelledWindow]) -> float:
    return round(evaluate_dataset(decode(model), collect(windows, SET)).metrics.f1_macro, 3)


if __name__ == "__main__":
    main()
