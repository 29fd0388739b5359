"""The alert rules: held to the declared metrics, and tried by promtool where there is one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cli.main import main, parser_of
from telemetry.alerts import ALERTS, RUNBOOKS, rules_file
from telemetry.metrics import DECLARED
from tests.telemetry.promql import faults
from tests.telemetry.promtool import promtool

ROOT = Path(__file__).parents[2]
N1 = 'instance="n1",job="muvr"'
ACKNOWLEDGED = "muvr_acknowledgement_seconds_bucket"
STORED = 'muvr_store_seconds_bucket{operation="write",backend="cassandra",instance="n1",job="muvr"'
FAILED = 'muvr_store_errors_total{backend="cassandra",operation="write",instance="n1",job="muvr"'

# Per alert: series that make it fire and series that do not, as promtool writes them, a minute a step, and
# after how many steps they are looked at; where steps are longer, that. The clock of promtool begins at 0.
CASES: dict[str, tuple[dict[str, str], dict[str, str], int]] = {
    "MuvrNodeDown": ({f"up{{{N1}}}": "1 0 0 0"}, {f"up{{{N1}}}": "1 0 1 1"}, 3),
    "MuvrProcessDown": (
        {f'muvr_process_up{{process="api",{N1}}}': "1 0 0 0"},
        {f'muvr_process_up{{process="api",{N1}}}': "1 1 0 1"},
        3,
    ),
    "MuvrProcessHangs": (
        {f'muvr_loop_turned_timestamp_seconds{{process="gateway",{N1}}}': "1 1 1 1"},
        {f'muvr_loop_turned_timestamp_seconds{{process="gateway",{N1}}}': "1 58 118 178"},
        3,
    ),
    "MuvrProcessRestarts": (
        {f'muvr_process_starts_total{{process="api",{N1}}}': "1+1x10"},
        {f'muvr_process_starts_total{{process="api",{N1}}}': "1 1 1 2 2 2 2 2 2 2 2"},
        10,
    ),
    "MuvrLeaseOld": (
        {f'muvr_lease_renewed_timestamp_seconds{{process="shard-host-0",{N1}}}': "1 1 1 1"},
        {f'muvr_lease_renewed_timestamp_seconds{{process="shard-host-0",{N1}}}': "1 58 118 178"},
        3,
    ),
    "MuvrLeaseLost": (
        {f"muvr_leases_lost_total{{{N1}}}": "0 0 1 1 1"},
        {f"muvr_leases_lost_total{{{N1}}}": "3 3 3 3 3"},
        4,
    ),
    "MuvrConnectionsNearLimit": (
        {f"muvr_connections{{{N1}}}": "19000x3"},
        {f"muvr_connections{{{N1}}}": "900x3"},
        3,
    ),
    "MuvrAcknowledgementsSlow": (
        {f'{ACKNOWLEDGED}{{le="1.0",{N1}}}': "0+90x12", f'{ACKNOWLEDGED}{{le="2.5",{N1}}}': "0+100x12",
         f'{ACKNOWLEDGED}{{le="+Inf",{N1}}}': "0+100x12"},
        {f'{ACKNOWLEDGED}{{le="0.5",{N1}}}': "0+100x12", f'{ACKNOWLEDGED}{{le="+Inf",{N1}}}': "0+100x12"},
        12,
    ),
    "MuvrCreditUsedUp": (
        {f"muvr_messages_waiting{{{N1}}}": "5000x5", f"muvr_batches_in_flight{{{N1}}}": "4x5",
         f"muvr_batches_in_flight_max{{{N1}}}": "4x5"},
        {f"muvr_messages_waiting{{{N1}}}": "5000x5", f"muvr_batches_in_flight{{{N1}}}": "3x5",
         f"muvr_batches_in_flight_max{{{N1}}}": "4x5"},
        5,
    ),
    "MuvrStoreSlow": (
        {f'{STORED},le="0.5"}}': "0+90x12", f'{STORED},le="2.5"}}': "0+100x12",
         f'{STORED},le="+Inf"}}': "0+100x12"},
        {f'{STORED},le="0.1"}}': "0+100x12", f'{STORED},le="+Inf"}}': "0+100x12"},
        12,
    ),
    "MuvrStoreFails": (
        {f'{FAILED},code="store_unavailable"}}': "0+1x5"},
        {f'{FAILED},code="store_full"}}': "0+1x5", f'{FAILED},code="store_unavailable"}}': "7x5"},
        5,
    ),
    "MuvrClockOff": (
        {f"muvr_clock_seconds{{{N1}}}": "5+60x10"},
        {f"muvr_clock_seconds{{{N1}}}": "1+60x10"},
        10,
    ),
    "MuvrDiskFilling": (
        {f"muvr_disk_free_bytes{{{N1}}}": "1000-1x60", f"muvr_disk_size_bytes{{{N1}}}": "2000x60"},
        {f"muvr_disk_free_bytes{{{N1}}}": "1000x60", f"muvr_disk_size_bytes{{{N1}}}": "2000x60"},
        60,
    ),
    "MuvrDiskFull": (
        {f"muvr_disk_free_bytes{{{N1}}}": "2x3", f"muvr_disk_size_bytes{{{N1}}}": "100x3"},
        {f"muvr_disk_free_bytes{{{N1}}}": "50x3", f"muvr_disk_size_bytes{{{N1}}}": "100x3",
         f'{FAILED},code="store_full"}}': "4x3"},
        3,
    ),
    "MuvrUsersRefused": (
        {f'muvr_recoveries_total{{outcome="failed",{N1}}}': "0 1 2 3 4"},
        {f'muvr_recoveries_total{{outcome="recovered",{N1}}}': "0 1 2 3 4",
         f'muvr_recoveries_total{{outcome="failed",{N1}}}': "2x5"},
        4,
    ),
    "MuvrSetsUnknown": (
        {f'muvr_sets_total{{outcome="unknown",{N1}}}': "0+6x90",
         f'muvr_sets_total{{outcome="named",{N1}}}': "0+1x90"},
        {f'muvr_sets_total{{outcome="unknown",{N1}}}': "0+1x90",
         f'muvr_sets_total{{outcome="named",{N1}}}': "0+6x90"},
        90,
    ),
    "MuvrNightFailed": (
        {f'muvr_nights_total{{outcome="failed",{N1}}}': "0 0 1 1"},
        {f'muvr_nights_total{{outcome="failed",{N1}}}': "1 1 1 1",
         f'muvr_nights_total{{outcome="succeeded",{N1}}}': "0 0 1 1"},
        3,
    ),
    "MuvrNightMissing": (
        {f"muvr_night_succeeded_timestamp_seconds{{{N1}}}": "60x60"},
        {f"muvr_night_succeeded_timestamp_seconds{{{N1}}}": "60x20 86400x40"},
        55,
    ),
    "MuvrNobodyBeginsNights": (
        {f"muvr_scheduler_leads{{{N1}}}": "0x8"},
        {f"muvr_scheduler_leads{{{N1}}}": "0x8", 'muvr_scheduler_leads{instance="n2",job="muvr"}': "1x8"},
        8,
    ),
}  # fmt: skip

STEPS = {"MuvrNightMissing": "60m"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_rules_ask_for_what_is_declared(alert: Any) -> None:
    assert not list(faults(alert.expr))
    assert re.fullmatch(r"\d+[smh]", alert.lasting)


def test_every_alert_has_cases() -> None:
    assert CASES.keys() == {alert.name for alert in ALERTS}


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    (tmp_path / "muvr.rules.yml").write_text(rules_file())
    checked = subprocess.run(
        [promtool(), "check", "rules", "--lint-fatal", "muvr.rules.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(ALERTS)} rules found" in checked.stdout


@pytest.mark.parametrize("step", ["1m", "60m"])
def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path, step: str) -> None:
    (tmp_path / "muvr.rules.yml").write_text(rules_file())
    names = [name for name in CASES if STEPS.get(name, "1m") == step]
    tests = [_tried(name, step, does_fire) for name in names for does_fire in (True, False)]
    content = {"rule_files": ["muvr.rules.yml"], "evaluation_interval": step, "tests": tests}
    (tmp_path / "test.yml").write_text(json.dumps(content))
    tried = subprocess.run(
        [promtool(), "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_each_alert_has_a_runbook() -> None:
    text = (ROOT / RUNBOOKS).read_text()
    anchors = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)
    }
    assert {alert.runbook for alert in ALERTS} <= anchors
    unnamed = [alert.name for alert in ALERTS if f"`{alert.name}`" not in text]
    assert not unnamed, "alerts that their runbook does not name"


def test_runbooks_name_what_there_is() -> None:
    text = (ROOT / RUNBOOKS).read_text()
    assert set(re.findall(r"`(Muvr\w+)`", text)) == {alert.name for alert in ALERTS}
    names = {metric.name for metric in DECLARED.metrics}
    assert set(re.findall(r"\bmuvr_[a-z0-9_]+\b(?!\.sqlite)", text)) <= names
    for link in re.findall(r"\]\(([\w.-]+\.md)(?:#[\w-]+)?\)", text):
        assert (ROOT / "docs" / link).is_file(), link
    assert "](runbooks.md" in (ROOT / "docs" / "operations.md").read_text()


def test_commands_of_the_runbooks_parse() -> None:
    commands = re.findall(r"^ {4,}(muvr .+)$", (ROOT / RUNBOOKS).read_text(), re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        given = shlex.split(command)[1:]
        parser_of(given[0]).parse_args(given)


def test_the_command_prints_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "alerts"]) == 0
    assert capsys.readouterr().out == rules_file()


def _tried(name: str, step: str, does_fire: bool) -> dict[str, Any]:
    """A test of promtool: the alert fires under the first series, and not under the second."""
    fires, does_not, steps = CASES[name]
    series = fires if does_fire else does_not
    query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)'
    return {
        "name": f"{name} {'fires' if does_fire else 'is silent'}",
        "interval": step,
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": f"{steps * int(step[:-1])}m",
                "exp_samples": [{"labels": "{}", "value": 1 if does_fire else 0}],
            }
        ],
    }
