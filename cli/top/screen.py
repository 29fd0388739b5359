"""Draws figures as tables."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cli.top.figures import Figures

_SLOW_SECONDS = 1.0


def drawn(figures: Figures, url: str) -> Group:
    head = Text.assemble(("muvr ", "bold"), url, "   q quits")
    return Group(head, _traffic(figures), _latencies(figures), _processes(figures), _night(figures))


def _traffic(figures: Figures) -> Table:
    table = Table(title="Traffic", title_justify="left", expand=True)
    for name in (
        "connections",
        "messages/s",
        "frames/s",
        "kB/s",
        "errors/s",
        "waiting",
        "credit",
        "disk free",
    ):
        table.add_column(name, justify="right")
    free = figures.disk_free_share
    table.add_row(
        f"{figures.connections:,}",
        f"{figures.messages:,.1f}",
        f"{figures.frames:,.1f}",
        f"{figures.received_bytes / 1000:,.1f}",
        _alarming(f"{figures.errors + figures.store_errors:,.1f}", figures.errors + figures.store_errors > 0),
        f"{figures.waiting:,}",
        _alarming(f"{figures.credit_share:.0%}", figures.credit_share >= 1),
        "-" if free is None else _alarming(f"{free:.0%}", free < 0.1),
    )
    return table


def _latencies(figures: Figures) -> Table:
    table = Table(title="Latency", title_justify="left", expand=True)
    table.add_column("")
    for name in figures.acknowledgement_s:
        table.add_column(name, justify="right")
    for name, quantiles in (
        ("until acknowledged", figures.acknowledgement_s),
        ("lag of shard hosts", figures.lag_s),
        ("writes", figures.write_s),
    ):
        table.add_row(name, *map(_seconds, quantiles.values()))
    return table


def _processes(figures: Figures) -> Table:
    table = Table(title="Processes", title_justify="left", expand=True)
    for name in ("process", "starts", "cores", "MB", "users", "shards", "lease age"):
        table.add_column(name, justify="left" if name == "process" else "right")
    for process in figures.processes:
        table.add_row(
            process.name if process.is_up else Text(f"{process.name} is down", "bold red"),
            _alarming(str(process.starts), process.starts > 1),
            f"{process.cpu_cores:.2f}",
            f"{process.memory_bytes / 1e6:,.0f}",
            "" if process.users is None else f"{process.users:,}",
            "" if process.shards is None else str(process.shards),
            "" if process.lease_age_s is None else f"{process.lease_age_s:.1f} s",
        )
    return table


def _night(figures: Figures) -> Table:
    table = Table(title="Models and nights", title_justify="left", expand=True)
    for name in ("models served", "sets unknown", "night", "last succeeded", "nights since the start"):
        table.add_column(name)
    age_s, unknown = figures.night_succeeded_age_s, figures.sets_unknown_share
    table.add_row(
        ", ".join(f"{count} {scope}" for scope, count in figures.models.items() if count) or "none",
        "-" if unknown is None else f"{unknown:.0%}",
        "runs" if figures.night_is_running else "-",
        "never" if age_s is None else f"{age_s / 3600:.1f} h ago",
        ", ".join(f"{count} {outcome}" for outcome, count in figures.nights.items()) or "none",
    )
    return table


def _alarming(text: str, is_so: bool) -> Text:
    return Text(text, "bold red" if is_so else "")


def _seconds(value: float | None) -> Text:
    if value is None:
        return Text("-")
    return _alarming(f"{value * 1000:,.1f} ms", value > _SLOW_SECONDS)
