"""What of a PromQL query can be held to the declared metrics: names, labels, label values and parentheses.

Not a parser: whether an expression means something is promtool's to say, where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from telemetry.kinds import AnyMetric
from telemetry.metrics import DECLARED

ADDED = {"instance", "job"}  # labels that Prometheus gives each series
OTHERS = {"up": {"instance", "job"}}
WORDS = {
    "abs", "and", "by", "group_left", "histogram_quantile", "ignoring", "increase", "max", "min", "offset",
    "on", "or", "predict_linear", "rate", "sum", "time", "timestamp", "unless", "without",
}  # fmt: skip
_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"([a-zA-Z_:][\w:]*)\s*(\{{(?:[^}}\"]|{_STRING})*\}})?")
_MATCHER = re.compile(rf"([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*({_STRING})\s*(?:,|$)")
_GROUPING = re.compile(r"\b(by|without|on|ignoring)\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")


def series() -> dict[str, AnyMetric]:
    """Every name under which Prometheus knows a declared metric."""
    names: dict[str, AnyMetric] = {}
    for metric in DECLARED.metrics:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        names.update((metric.name + suffix, metric) for suffix in suffixes)
    return names


def faults(expr: str) -> Iterator[str]:
    """What is wrong with a query, in words."""
    if expr.count("(") != expr.count(")") or expr.count("{") != expr.count("}"):
        yield f"unbalanced: {expr}"
    known = series()
    grouped = {label.strip() for _, labels in _GROUPING.findall(expr) for label in labels.split(",")}
    labels: set[str] = set()
    found = 0
    for name, selector in _SELECTOR.findall(_RANGE.sub("", _GROUPING.sub(" ", expr))):
        if name in OTHERS:
            labels |= OTHERS[name]
        elif name in known:
            metric = known[name]
            found += 1
            labels |= ADDED | set(metric.label_names) | ({"le"} if name.endswith("_bucket") else set())
            yield from _matched(name, metric, selector)
        elif name not in WORDS:
            yield f"{name} is not declared: {expr}"
    if not found and not labels:
        yield f"no metric: {expr}"
    for label in grouped - labels - {""}:
        yield f"no metric of it has the label {label}: {expr}"


def _matched(name: str, metric: AnyMetric, selector: str) -> Iterator[str]:
    for label, operator, quoted in _MATCHER.findall(selector.strip("{}")):
        values = quoted[1:-1].split("|") if operator in ("=~", "!~") else [quoted[1:-1]]
        if label in ADDED or (label == "process" and metric.processes is not None):
            continue
        if label not in metric.labels:
            yield f"{name} has no label {label}"
            continue
        yield from (
            f"{name} never has {label}={value}" for value in values if value not in metric.labels[label]
        )
