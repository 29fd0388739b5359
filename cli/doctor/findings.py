"""What a check finds, and what checks are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from cli.settings import NodeSettings
from domain.errors import MuvrError

Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`found` is how it is, `expected` how it should be, `remedy` what to do: empty if all is well."""

    check: str
    verdict: Verdict
    found: str
    expected: str = ""
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """The node that is looked at; `runs` if a node holds its directory now."""

    settings: NodeSettings
    runs: bool
    now_s: Callable[[], float]


Check = Callable[[Patient], Iterator[Finding]]


def ok(check: str, found: str) -> Finding:
    return Finding(check=check, verdict="ok", found=found)


def warning(check: str, found: str, expected: str, remedy: str) -> Finding:
    return Finding(check=check, verdict="warning", found=found, expected=expected, remedy=remedy)


def problem(check: str, found: str, expected: str, remedy: str) -> Finding:
    return Finding(check=check, verdict="problem", found=found, expected=expected, remedy=remedy)


def problem_of(check: str, error: MuvrError, expected: str) -> Finding:
    """What an error says; `expected` if it does not say that itself."""
    remedy = error.remedy or "see When something goes wrong in operations.md"
    return problem(check, error.wrong, error.expected or expected, remedy)
