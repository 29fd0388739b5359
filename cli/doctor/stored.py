"""Checks of the store and of the keys to it: nothing is made or changed."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from cli.doctor.findings import Finding, Patient, ok, problem, problem_of, warning
from domain.errors import MuvrError
from persistence.keys import DataKeyStore
from persistence.location import open_store, schema_differences, sqlite_directory, store_clock_s
from persistence.ports import Store
from persistence.secret_files import KEY_BYTES
from persistence.tables import DATA_KEY, MEMBER, MemberRow

KEYS = ("master.key", "tokens.key", "models.key", "pseudonyms.key")
OFF_SECONDS_MAX = 2.0


def check_store(patient: Patient) -> Iterator[Finding]:
    """Whether the store answers and has this version's tables; then what is in it."""
    location = patient.settings.store_location
    directory = sqlite_directory(location)
    if directory is not None and not directory.is_dir():
        yield ok("store", f"{directory} does not exist yet; the first `muvr up` makes it")
        yield from _key_files(patient, has_store=False)
        return
    try:
        differences = schema_differences(location)
    except MuvrError as error:
        yield problem_of("store", error, "a store that answers and can be read")
        yield from _key_files(patient, has_store=False)
        return
    if differences:
        remedy = "`muvr schema apply`, or start a node, which brings it forward"
        yield problem("schema", "; ".join(differences), "the tables of this version", remedy)
        yield from _key_files(patient, has_store=True)
        return
    yield ok("schema", f"the tables of {directory or location.partition('?')[0]} are as declared")
    try:
        yield from _contents(patient, location)
    except MuvrError as error:
        yield problem_of("store", error, "a store that answers and can be read")


def _contents(patient: Patient, location: str) -> Iterator[Finding]:
    store = open_store(location)
    try:
        yield from _store_clock(patient, location)
        has_users = next(store.scan(DATA_KEY), None) is not None
        yield from _key_files(patient, has_store=has_users)
        yield from _matching(patient, store)
        yield from _leases(patient, list(store.scan(MEMBER)))
    finally:
        store.close()


def _store_clock(patient: Patient, location: str) -> Iterator[Finding]:
    theirs_s = store_clock_s(location)
    if theirs_s is None:
        return
    off_s = theirs_s - patient.now_s()
    if abs(off_s) > OFF_SECONDS_MAX:
        remedy = "synchronise the clocks of both machines: chrony or systemd-timesyncd"
        yield problem("clock", f"the store's is {off_s:+.1f} s off this machine's", "the same time", remedy)
    else:
        yield ok("clock", f"the store's is {off_s:+.1f} s off this machine's")


def _key_files(patient: Patient, *, has_store: bool) -> Iterator[Finding]:
    directory = patient.settings.key_directory
    for name in KEYS:
        path = directory / name
        if not path.exists():
            if has_store:
                remedy = f"restore {path} from a backup before a node makes a new one, or correct --keys"
                yield problem(
                    "keys", f"there is no {path}, but a store of its users", "the store's keys", remedy
                )
            else:
                yield ok("keys", f"there is no {path} yet; the first `muvr up` makes it")
        else:
            yield _key_file(path)
    yield from (_key_file(path) for path in sorted(directory.glob("*.key")) if path.name not in KEYS)


def _key_file(path: Path) -> Finding:
    try:
        mode, size = path.stat().st_mode, len(path.read_bytes())
    except OSError as error:
        remedy = "let the user of the node read it"
        return problem("keys", f"{path} cannot be read: {error.strerror}", "a readable file", remedy)
    if size != KEY_BYTES:
        return problem("keys", f"{path} holds {size} bytes", f"{KEY_BYTES}", "restore it from a backup")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        found = f"{path} has mode {stat.S_IMODE(mode):04o}: others may read it"
        return problem("keys", found, "0600", f"chmod 600 {path}; make the key anew if somebody did read it")
    return ok("keys", f"{path} is there, for its owner alone")


def _matching(patient: Patient, store: Store) -> Iterator[Finding]:
    """Whether the master key opens what is in the store; one user's data key shows."""
    path = patient.settings.key_directory / "master.key"
    row = next(store.scan(DATA_KEY), None)
    if row is None or not path.is_file() or len(key := path.read_bytes()) != KEY_BYTES:
        return
    if DataKeyStore(store, key).opens(row):
        yield ok("keys", "the master key opens the store's data keys")
    else:
        remedy = "start nodes with the master key that the store was made with: see Key lost in runbooks.md"
        yield problem(
            "keys", f"{path} does not open the store's data keys", "the store's own master key", remedy
        )


def _leases(patient: Patient, rows: list[MemberRow]) -> Iterator[Finding]:
    """By this machine's clock: others judge a lease by having watched it."""
    held = [row for row in rows if not row.incarnation.startswith("-")]
    if not held:
        yield ok("leases", "nobody holds one: no node runs on this store")
    for row in sorted(held):
        age_s = patient.now_s() - row.renewed_at / 1000
        who = f"{row.member_id} ({row.url})"
        if age_s < -OFF_SECONDS_MAX:
            remedy = "synchronise the clocks of the machines"
            yield problem("leases", f"{who} renews {-age_s:.0f} s in the future", "clocks that agree", remedy)
        elif age_s > patient.settings.lease_s:
            remedy = (
                "nothing, if that node was taken away: others serve its users; else start it and see its log"
            )
            found = f"{who} has not renewed for {age_s:,.0f} s: expired"
            yield warning("leases", found, f"within {patient.settings.lease_s:g} s", remedy)
        else:
            yield ok("leases", f"{who} renewed {max(age_s, 0):.1f} s ago")
