"""`muvr retention`: deletes what is older than it is to be kept, and ends erasures that were cut off."""

from __future__ import annotations

import argparse
import json
from collections import Counter

from cli.parsing import explain
from cli.privacy import erasing, keep_receipt, now_ms, secrets_of, settings_of
from cli.upkeep import add_place_arguments, opened
from persistence.rebuild import users_of
from persistence.retention import Policy, Removal, Retention

_EXAMPLES = """
muvr retention --keep-sensor-days 365 --dry-run       what would be deleted
muvr retention --keep-sensor-days 365 --keep-journal-days 730 --keep-audit-days 365
"""
_DESCRIPTION = """Delete what is older than it is to be kept, of every user, and go on with erasures that were
cut off or wait for their second sweep. The night does this first, with what `muvr up` was given. What is not
named is kept for ever. With Cassandra, TABLE.ttl in --store does the same without a run."""
_KEPT = {
    "sensor": "sensor rows of closed sessions",
    "window": "the windows that training cut",
    "journal": "events, up to the newest snapshot; not shorter than sensor rows",
    "audit": "who looked at whose data",
}


def add_keep_arguments(parser: argparse.ArgumentParser) -> None:
    for name, words in _KEPT.items():
        parser.add_argument(
            f"--keep-{name}-days", type=int, metavar="N", help=f"keep {words} so long (default: for ever)"
        )


def policy_of(options: argparse.Namespace) -> Policy:
    return Policy(**{f"{name}_days": getattr(options, f"keep_{name}_days") for name in _KEPT})


def keep_words(policy: Policy) -> list[str]:
    """`policy` as arguments."""
    found = {name: getattr(policy, f"{name}_days") for name in _KEPT}
    return [word for name, days in found.items() if days for word in (f"--keep-{name}-days", str(days))]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    add_keep_arguments(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be deleted, and delete nothing"
    )
    parser.add_argument("--json-progress", action="store_true", help="progress and result as JSON lines")
    add_place_arguments(parser)
    explain(parser, _EXAMPLES)


def run(options: argparse.Namespace) -> int:
    policy = policy_of(options)
    erased = 0
    counts: Counter[str] = Counter()
    users: set[str] = set()
    with opened(options) as (store, keys):
        if not options.dry_run:
            with erasing(options, store, keys) as eraser:
                for receipt in eraser.resume():
                    keep_receipt(settings_of(options), receipt)
                    erased += 1
        retention = Retention(store, keys, secrets_of(settings_of(options)).pseudonym_key, policy)
        everyone = () if policy.is_for_ever else users_of(store)
        for removal in retention.apply(everyone, now_ms(), is_dry=options.dry_run):
            counts[removal.table] += removal.count
            users.add(removal.user)
            if options.dry_run and not (options.json or options.json_progress):
                print(_line(removal))
    told = {"is_dry": options.dry_run, "deleted": dict(counts), "users": len(users), "erasures": erased}
    if options.json_progress:
        print(json.dumps({"result": told}), flush=True)
    elif options.json:
        print(json.dumps(told))
    else:
        words = ", ".join(f"{count} of {table}" for table, count in sorted(counts.items())) or "nothing"
        print(f"{'would delete' if options.dry_run else 'deleted'} {words}, of {len(users)} users")
    return 0


def _line(removal: Removal) -> str:
    return f"{removal.user}: {removal.count} of {removal.table}"
