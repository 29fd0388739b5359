"""The dashboard and its queries, against the metrics that are declared."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cli.main import main
from telemetry.alerts import ALERTS
from telemetry.dashboard import COLUMNS, dashboard
from telemetry.metrics import DECLARED
from telemetry.panels import RATE, ROWS
from tests.telemetry.promql import faults
from tests.telemetry.promtool import promtool

QUERIES = [query.expr for row in ROWS for panel in row.panels for query in panel.queries]


@pytest.mark.parametrize("expr", QUERIES)
def test_queries_ask_for_what_is_declared(expr: str) -> None:
    assert not list(faults(expr))


@pytest.mark.parametrize(
    ("expr", "fault"),
    [
        ("rate(muvr_framez_total[5m])", "muvr_framez_total is not declared"),
        ("sum by (user) (muvr_connections)", "no metric of it has the label user"),
        ('muvr_sets_total{outcome="bad"}', "muvr_sets_total never has outcome=bad"),
        ('muvr_sets_total{outcom="named"}', "muvr_sets_total has no label outcom"),
        ('muvr_connections{instance="a"} + (', "unbalanced"),
        ("muvr_acknowledgement_seconds", "is not declared"),
    ],
)
def test_the_check_finds_faults(expr: str, fault: str) -> None:
    assert any(fault in found for found in faults(expr))


def test_promtool_reads_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"q:{nr}", "expr": expr.replace(RATE, "5m").replace("$instance", ".*")}
        for nr, expr in enumerate(QUERIES)
    ]
    rules_file = tmp_path / "queries.yml"
    rules_file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = subprocess.run(
        [promtool(), "check", "rules", str(rules_file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_panels_lie_side_by_side() -> None:
    made = dashboard()
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < COLUMNS
        taken |= cells
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])


def test_every_metric_is_shown_or_alerts() -> None:
    asked = " ".join([*QUERIES, *(alert.expr for alert in ALERTS)])
    unused = [metric.name for metric in DECLARED.metrics if metric.name not in asked]
    assert set(unused) == {
        "muvr_connections_opened_total",
        "muvr_batch_messages",
        "muvr_night_running",
        "muvr_process_start_time_seconds",
    }


def test_the_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "dashboard"]) == 0
    assert json.loads(capsys.readouterr().out) == dashboard()
