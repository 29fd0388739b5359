"""Alert rules over the declared metrics, as a rules file of Prometheus. Each names its runbook."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

RUNBOOKS = "docs/runbooks.md"
PAGE, TICKET = "page", "ticket"  # somebody gets up; somebody looks in the morning


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Fires when `expr` has been true for `lasting`. `runbook` is a heading's anchor in RUNBOOKS."""

    name: str
    expr: str
    lasting: str
    severity: str
    summary: str
    runbook: str


def _quantile(metric: str, selector: str = "", by: str = "le, instance") -> str:
    return f"histogram_quantile(0.99, sum by ({by}) (rate({metric}_bucket{selector}[5m])))"


ALERTS = (
    Alert(
        name="MuvrNodeDown",
        expr='up{job="muvr"} == 0',
        lasting="1m",
        severity=PAGE,
        summary="The node {{ $labels.instance }} does not answer",
        runbook="node-lost",
    ),
    Alert(
        name="MuvrProcessDown",
        expr="muvr_process_up == 0",
        lasting="1m",
        severity=PAGE,
        summary="{{ $labels.process }} of {{ $labels.instance }} is gone and was not started again",
        runbook="node-lost",
    ),
    Alert(
        name="MuvrProcessHangs",
        expr="time() - (muvr_loop_turned_timestamp_seconds > 0) > 30",
        lasting="30s",
        severity=PAGE,
        summary="{{ $labels.process }} of {{ $labels.instance }} runs and does not answer",
        runbook="node-lost",
    ),
    Alert(
        name="MuvrProcessRestarts",
        expr="increase(muvr_process_starts_total[10m]) > 2",
        lasting="0m",
        severity=TICKET,
        summary="{{ $labels.process }} of {{ $labels.instance }} dies again and again",
        runbook="node-lost",
    ),
    Alert(
        name="MuvrLeaseOld",
        expr="time() - (muvr_lease_renewed_timestamp_seconds > 0) > 9",
        lasting="30s",
        severity=PAGE,
        summary="{{ $labels.process }} of {{ $labels.instance }} cannot renew its lease",
        runbook="node-lost",
    ),
    Alert(
        name="MuvrLeaseLost",
        expr="increase(muvr_leases_lost_total[10m]) > 0",
        lasting="0m",
        severity=TICKET,
        summary="A shard host of {{ $labels.instance }} lost its lease and joined again",
        runbook="node-lost",
    ),
    Alert(
        name="MuvrConnectionsNearLimit",
        expr="muvr_connections > 18000 or increase(muvr_connections_refused_total[10m]) > 0",
        lasting="0m",
        severity=TICKET,
        summary="{{ $labels.instance }} has nearly all connections that it takes, or turned some away",
        runbook="cassandra-overloaded",
    ),
    Alert(
        name="MuvrAcknowledgementsSlow",
        expr=f"{_quantile('muvr_acknowledgement_seconds')} > 1",
        lasting="5m",
        severity=PAGE,
        summary="One message in a hundred waits longer than a second at {{ $labels.instance }}",
        runbook="cassandra-overloaded",
    ),
    Alert(
        name="MuvrCreditUsedUp",
        expr="muvr_messages_waiting > 2000 and muvr_batches_in_flight >= muvr_batches_in_flight_max",
        lasting="2m",
        severity=PAGE,
        summary="Messages queue at {{ $labels.instance }}: its shard hosts take no more",
        runbook="cassandra-overloaded",
    ),
    Alert(
        name="MuvrStoreSlow",
        expr=(
            _quantile("muvr_store_seconds", '{operation="write"}', "le, instance, backend") + " > 0.5"
        ),
        lasting="5m",
        severity=TICKET,
        summary="Writes to {{ $labels.backend }} take long at {{ $labels.instance }}",
        runbook="cassandra-overloaded",
    ),
    Alert(
        name="MuvrStoreFails",
        expr='increase(muvr_store_errors_total{code!~"store_full|stored_value_corrupt"}[5m]) > 0',
        lasting="1m",
        severity=PAGE,
        summary="{{ $labels.backend }} fails at {{ $labels.operation }} ({{ $labels.code }})",
        runbook="cassandra-overloaded",
    ),
    Alert(
        name="MuvrClockOff",
        expr="abs(muvr_clock_seconds - timestamp(muvr_clock_seconds)) > 2",
        lasting="5m",
        severity=TICKET,
        summary="The clock of {{ $labels.instance }} is off by {{ $value | humanizeDuration }}",
        runbook="clock-off",
    ),
    Alert(
        name="MuvrDiskFilling",
        expr="predict_linear(muvr_disk_free_bytes[6h], 86400) < 0",
        lasting="30m",
        severity=TICKET,
        summary="The disk of {{ $labels.instance }} will be full within a day",
        runbook="disk-full",
    ),
    Alert(
        name="MuvrDiskFull",
        expr=(
            "muvr_disk_free_bytes / muvr_disk_size_bytes < 0.03 or on (instance)"
            ' sum by (instance) (increase(muvr_store_errors_total{code="store_full"}[5m])) > 0'
        ),
        lasting="0m",
        severity=PAGE,
        summary="The disk of {{ $labels.instance }} is full, or nearly",
        runbook="disk-full",
    ),
    Alert(
        name="MuvrUsersRefused",
        expr=(
            'sum by (instance) (increase(muvr_recoveries_total{outcome="failed"}[10m])) > 0'
            " unless on (instance)"
            ' sum by (instance) (increase(muvr_store_errors_total{code="store_unavailable"}[10m])) > 0'
        ),
        lasting="0m",
        severity=PAGE,
        summary="What is stored of some users cannot be read at {{ $labels.instance }}",
        runbook="key-lost",
    ),
    Alert(
        name="MuvrSetsUnknown",
        expr=(
            'sum(increase(muvr_sets_total{outcome="unknown"}[1h])) / sum(increase(muvr_sets_total[1h])) > 0.5'
            " and sum(increase(muvr_sets_total[1h])) > 50"
        ),
        lasting="15m",
        severity=TICKET,
        summary="More than half of all sets resemble nothing that the served models know",
        runbook="bad-model-served",
    ),
    Alert(
        name="MuvrNightFailed",
        expr='increase(muvr_nights_total{outcome="failed"}[12h]) > 0',
        lasting="0m",
        severity=TICKET,
        summary="A night failed",
        runbook="night-failed",
    ),
    Alert(
        name="MuvrNightMissing",
        expr="time() - max(muvr_night_succeeded_timestamp_seconds > 0) > 180000",
        lasting="0m",
        severity=TICKET,
        summary="No night has succeeded for more than two days",
        runbook="night-failed",
    ),
    Alert(
        name="MuvrNobodyBeginsNights",
        expr="sum(muvr_scheduler_leads) < 1",
        lasting="5m",
        severity=TICKET,
        summary="No node's scheduler leads",
        runbook="night-failed",
    ),
)  # fmt: skip


def rules() -> dict[str, Any]:
    """A rules file of Prometheus as a value."""
    return {"groups": [{"name": "muvr", "rules": list(map(_rule, ALERTS))}]}


def rules_file() -> str:
    """A rules file, for `rule_files` of Prometheus' configuration: YAML, whose texts are JSON's."""
    return "\n".join(("groups:", "- name: muvr", "  rules:", *map(_lines, ALERTS))) + "\n"


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasting,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "runbook": f"{RUNBOOKS}#{alert.runbook}"},
    }


def _lines(alert: Alert) -> str:
    told = [f"{name}: {json.dumps(value)}" for name, value in _rule(alert).items()]
    return "  - " + "\n    ".join(told)
