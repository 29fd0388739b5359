"""`muvr read-models check` and `rebuild`: what the API shows against what the journal says."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cli.parsing import explain
from cli.upkeep import add_place_arguments, opened
from domain.identifiers import UserId
from persistence.comparison import READ_MODELS, Difference, Outcome
from persistence.inspection import inspect, select_of
from persistence.keys import DataKeyStore
from persistence.ports import Store
from persistence.rebuild import SETTLE_SECONDS, ReadModels, users_of

_EXAMPLES = """
muvr read-models check                         every user
muvr read-models check --user anna --json      one, for programs
muvr read-models rebuild --data muvr-data      write what is right, delete what nothing explains
"""
EXAMPLES_MAX = 10
BROKEN_TOLD_MAX = 20
ROWS_TOLD_MAX = 3  # of a broken user
TELL_SECONDS = 2.0

_TABLES = ", ".join(table.name for table in READ_MODELS)
_DESCRIPTION = f"""Read models follow from the journal's events:
{_TABLES}.
`check` compares them and ends with status 1 if a row is missing, differs, or is explained by no event;
`rebuild` writes the right rows and deletes the unexplained. Sensor rows are never touched.

Both may run beside nodes: a user whose journal moves while being read is read again, a difference counts
once it was seen twice, {SETTLE_SECONDS:g} s apart, and who was mended is compared again. Who changes all the
time is told, and left to another run.

Rows whose events were deleted are kept and not judged. Users whose journal or data key cannot be read are
told, with what to do, and the status is 1; nothing of theirs is changed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    explain(parser, _EXAMPLES, statuses={1: "failed, or something is wrong that was not mended"})
    parser.add_argument("what", choices=("check", "rebuild"))
    parser.add_argument("--user", help="only this one (default: every user with a journal)")
    add_place_arguments(parser)


def run(options: argparse.Namespace) -> int:
    mend = options.what == "rebuild"
    with opened(options) as (store, keys):
        summary = Summary(mend=mend, is_quiet=options.json)
        users = iter([UserId(options.user)]) if options.user else users_of(store, summary.listed)
        try:
            for outcome in ReadModels(store, keys).outcomes(summary.counted(users), mend=mend):
                summary.add(outcome, store, keys)
        except BaseException:
            print(f"stopped: {summary.progress()}", file=sys.stderr)
            raise
    print(json.dumps(summary.as_json()) if options.json else "\n".join(summary.lines()))
    return 0 if summary.is_right else 1


@dataclass
class Summary:
    """What was found so far. Broken users and progress are told on stderr as they come."""

    mend: bool
    is_quiet: bool = False
    found: int = 0
    users: int = 0
    events: int = 0
    rows: int = 0
    kept: int = 0
    mended_users: int = 0
    differences: Counter[tuple[str, str]] = field(default_factory=Counter)  # by kind and table
    examples: list[dict[str, str]] = field(default_factory=list)
    broken_users: int = 0
    broken: list[dict[str, Any]] = field(default_factory=list)
    share_listed: float = 0.0  # of the journal
    started_s: float = field(default_factory=time.monotonic)
    told_s: float = field(default_factory=time.monotonic)

    @property
    def is_right(self) -> bool:
        """Nothing is wrong, or no longer."""
        return not self.broken_users and (self.mend or not self.differences)

    def listed(self, share: float) -> None:
        self.share_listed = share

    def counted(self, users: Iterator[UserId]) -> Iterator[UserId]:
        for user in users:
            self.found += 1
            yield user

    def add(self, outcome: Outcome, store: Store, keys: DataKeyStore) -> None:
        self.users += 1
        self.events += outcome.events
        self.rows += outcome.rows
        self.kept += outcome.kept
        self.mended_users += outcome.is_mended
        for difference in outcome.differences:
            self.differences[difference.kind, difference.table.name] += 1
            if len(self.examples) < EXAMPLES_MAX:
                self.examples.append(_example(difference))
        if outcome.problem is not None:
            self.broken_users += 1
            if len(self.broken) < BROKEN_TOLD_MAX:
                self._tell_broken(_broken(outcome, store, keys))
        if time.monotonic() - self.told_s > TELL_SECONDS:
            self.told_s = time.monotonic()
            print(self.progress(), file=sys.stderr, flush=True)

    def progress(self) -> str:
        rate = self.users / max(time.monotonic() - self.started_s, 1e-9)
        part = f", {self.share_listed:.0%} of the journal listed" if self.share_listed else ""
        return f"{self.users} of {self.found} users found so far{part}, {rate:.0f} users/s"

    def lines(self) -> list[str]:
        told = [f"{self.users} users, {self.events} events, {self.rows} rows"]
        for (kind, table), count in sorted(self.differences.items()):
            told.append(f"{table}: {count} {kind}")
        for example in self.examples:
            told.append(f"  {example['kind']}: {example['select']}")
            told += [f"    {which} {example[which]}" for which in ("stored", "right") if which in example]
        if self.kept:
            told.append(f"{self.kept} rows were kept unjudged: the events of their time were deleted")
        if self.broken_users:
            told.append(f"{self.broken_users} users could not be compared, see above")
        return [*told, self._verdict()]

    def as_json(self) -> dict[str, Any]:
        kinds: dict[str, dict[str, int]] = {"missing": {}, "different": {}, "unexplained": {}}
        for (kind, table), count in sorted(self.differences.items()):
            kinds[kind][table] = count
        return {
            "is_right": self.is_right,
            "users": self.users,
            "events": self.events,
            "rows": self.rows,
            "kept_rows": self.kept,
            "mended_users": self.mended_users,
            **kinds,
            "examples": self.examples,
            "broken_users": self.broken_users,
            "broken": self.broken,
            "seconds": round(time.monotonic() - self.started_s, 3),
        }

    def _verdict(self) -> str:
        if not self.differences:
            return "every row that was compared is right"
        return (
            f"{self.mended_users} users were mended" if self.mend else "`muvr read-models rebuild` mends them"
        )

    def _tell_broken(self, broken: dict[str, Any]) -> None:
        self.broken.append(broken)
        if self.is_quiet:
            return
        print(f"{broken['user']}: {broken['wrong']}; {broken['remedy']}", file=sys.stderr)
        for row in broken["faults"]:
            print(f"    {row['select']}\n    {row['wrong']}; {row['remedy']}", file=sys.stderr)
        if len(self.broken) == BROKEN_TOLD_MAX:
            print("further broken users are only counted", file=sys.stderr)


def _example(difference: Difference) -> dict[str, str]:
    row = difference.right or difference.stored
    assert row is not None
    told = {"kind": difference.kind, "select": select_of(difference.table, row)}
    sides = (("stored", difference.stored), ("right", difference.right))
    return told | {which: str(side) for which, side in sides if side is not None}


def _broken(outcome: Outcome, store: Store, keys: DataKeyStore) -> dict[str, Any]:
    """The problem, and the user's first broken rows by their keys."""
    problem = outcome.problem
    assert problem is not None
    faults = [fault for fault in inspect(store, keys, outcome.user).faults if not fault.is_harmless]
    return {
        "user": outcome.user,
        "wrong": problem.wrong,
        "remedy": problem.remedy,
        "faults": [
            {"select": fault.select, "wrong": fault.wrong, "remedy": fault.remedy}
            for fault in faults[:ROWS_TOLD_MAX]
        ],
    }
