"""A dashboard of Grafana over the declared metrics, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from telemetry.panels import ROWS, Panel

SCHEMA_VERSION = 39  # of Grafana 11, which also reads older ones
WIDTH, HEIGHT, COLUMNS = 8, 8, 24


def dashboard() -> dict[str, Any]:
    """For Grafana's import, which asks for the Prometheus to read from."""
    return {
        "uid": "muvr",
        "title": "muvr",
        "tags": ["muvr"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_data_source(), _instances()]},
        "panels": list(_placed()),
    }


def _placed() -> Iterator[dict[str, Any]]:
    """Panels have places in a grid of COLUMNS; a row's title takes a line."""
    number, top = 0, 0
    for row in ROWS:
        number += 1
        grid = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": grid,
            "panels": [],
        }
        top += 1
        for nr, panel in enumerate(row.panels):
            number += 1
            across, down = nr * WIDTH % COLUMNS, nr * WIDTH // COLUMNS * HEIGHT
            yield _panel(number, panel, {"x": across, "y": top + down, "w": WIDTH, "h": HEIGHT})
        top += -(-len(row.panels) * WIDTH // COLUMNS) * HEIGHT


def _panel(number: int, panel: Panel, grid: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.help_text,
        "gridPos": grid,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + nr),
                "expr": query.expr,
                "legendFormat": query.legend,
                "datasource": _SOURCE,
            }
            for nr, query in enumerate(panel.queries)
        ],
    }


_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _instances() -> dict[str, Any]:
    return {
        "name": "instance",
        "type": "query",
        "datasource": _SOURCE,
        "query": "label_values(muvr_process_up, instance)",
        "includeAll": True,
        "multi": True,
        "refresh": 2,
        "current": {"text": "All", "value": "$__all"},
    }
