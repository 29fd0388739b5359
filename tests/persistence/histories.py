"""Random histories of users, stored as a shard host commits them, and what may befall their rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from domain.care_commands import GiveTip, RecordForm, SetProgramme
from domain.commands import (
    CloseSession,
    ConfirmLabel,
    FoundSet,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    SetTraining,
    Suggest,
)
from domain.errors import OutOfOrder, Rejected
from domain.events import JournalEvent
from domain.form import SetForm, Tip
from domain.identifiers import DeviceId, SessionId, UserId
from domain.profile_commands import MeasureBody, ProfileCommand, SetConsent, SetProfile
from domain.programme import Prescription, Programme
from domain.training import Training
from domain.user import User, decide, evolve
from persistence.comparison import READ_MODELS
from persistence.journal import Journal
from persistence.keys import DataKeyStore
from persistence.ports import Delete, Insert, Mutation, Store
from persistence.projections import project
from tests.persistence.conftest import MASTER_KEY

HOUR_MS = 3_600_000


def history(rng: random.Random, count: int) -> list[JournalEvent]:
    """Events that `decide` led to, of sessions one after the other and through one another."""
    state, happened = User(), list[JournalEvent]()
    numbers: dict[SessionId, int] = {}
    while len(happened) < count:
        at_ms = HOUR_MS + 1000 * len(happened)
        if rng.random() < 0.1:
            (event,) = decide(state, _profile_command(rng, at_ms))
            state = evolve(state, event)
            happened.append(event)  # type: ignore[arg-type]
            continue
        if not numbers or rng.random() < 0.1:
            name = SessionId(f"s{len(numbers)}")
            command: Any = OpenSession(
                session=name,
                command_nr=0,
                at_ms=at_ms,
                device=DeviceId("d"),
                recogniser="server",
                streams=(),
            )
            numbers[name] = 0
        else:
            name = rng.choice(list(numbers)[-3:])
            command = _command(rng, name, numbers[name], at_ms)
        try:
            events = decide(state, command)
        except (Rejected, OutOfOrder):
            continue
        for event in events:
            state = evolve(state, event)
            happened.append(event)  # type: ignore[arg-type]
            numbers[name] += getattr(event, "command_nr", None) is not None
    return happened[:count]


def _profile_command(rng: random.Random, at_ms: int) -> ProfileCommand | SetConsent:
    if rng.random() < 0.3:
        said = {name: rng.random() < 0.5 for name in ("recognition", "statistics", "training")}
        return SetConsent(at_ms=at_ms, **said)
    if rng.random() < 0.5:
        return MeasureBody(at_ms=at_ms, quantity="body_weight_kg", value=rng.uniform(50, 90))
    return SetProfile(
        at_ms=at_ms,
        birth_year=rng.choice([None, 1980]),
        sex=rng.choice([None, "female"]),
        height_cm=rng.choice([None, 170.0]),
        experience=rng.choice([None, "novice"]),
        in_statistics=rng.random() < 0.5,
    )


def _command(rng: random.Random, name: SessionId, number: int, at_ms: int) -> Any:
    exercise = rng.choice(["squat", "press", "row"])
    numbered = {"session": name, "command_nr": number}
    span = {"start_ms": at_ms - rng.choice([500, 1500]), "end_ms": at_ms, "exercise": exercise}
    found = {**span, "confidence": rng.random(), "repetitions": rng.randrange(20), "model_id": "m"}
    form = SetForm(**span, repetitions=8, tempo_s=2.0, reach=1.0, within=rng.choice([None, 7]))
    tip = Tip(kind="stuck", exercise=exercise, text="Repetition 2 stood still for 1.0 s.", figure=1.0)
    prescription = Prescription(exercise=exercise, set_count=3, repetitions=8, days_per_week=3)
    programme = Programme(at_ms=at_ms, prescriptions=(prescription,))
    return rng.choice(
        [
            lambda: ConfirmLabel(
                **numbered, **span, repetitions=rng.choice([None, 8]), weight_kg=rng.choice([None, 20.0])
            ),
            lambda: RecordSet(**numbered, **found),
            lambda: FoundSet(session=name, **found),
            lambda: Suggest(
                session=name, at_ms=at_ms, exercise=exercise, weight_kg=None, repetitions=8, reason="habit"
            ),
            lambda: SetTraining(**numbered, training=Training(at_ms=at_ms, goal="muscle")),
            lambda: RefuseSuggestion(**numbered, at_ms=at_ms, exercise=exercise),
            lambda: RecordForm(**numbered, form=form, tip=rng.choice([None, tip])),
            lambda: GiveTip(session=name, at_ms=at_ms, tip=tip),
            lambda: SetProgramme(device=DeviceId("practice"), programme=programme),
            lambda: CloseSession(**numbered, at_ms=at_ms),
        ]
    )()


def written(
    store: Store,
    user: UserId,
    events: Sequence[JournalEvent],
    *,
    first_nr: int = 1,
    epoch: int = 1,
    key: bytes = MASTER_KEY,
) -> list[Mutation]:
    """What appends the events to the user's journal."""
    return Journal.entries(
        user,
        DataKeyStore(store, key).cipher_of(user),
        events,
        first_nr=first_nr,
        writer_epoch=epoch,
        previous_epoch=0 if first_nr == 1 else epoch,
        now_ms=5,
    )


def projection(user: UserId, events: Sequence[JournalEvent]) -> list[Insert]:
    state, inserts = User(), list[Insert]()
    for event in events:
        inserts += project(user, state, event)
        state = evolve(state, event)
    return inserts


def live(store: Store, user: UserId, events: Sequence[JournalEvent]) -> None:
    """The journal and the rows, as a shard host commits them."""
    store.write([*written(store, user, events), *projection(user, events)])


def damage(store: Store, rng: random.Random) -> int:
    """Delete, change and make up rows; return how many differ from what was there."""
    changed = 0
    for table in READ_MODELS:
        for row in list(store.scan(table)):
            key = tuple(getattr(row, name) for name in table.key)
            width = len(table.partition)
            what = rng.random()
            if what < 0.2:
                store.write([Delete(table, key[:width], key[width:], key[width:])])
            elif what < 0.4:
                store.write([Insert(table, _altered(table, row))])
            elif what < 0.6 and table.clustering and table.clustering[0].endswith("_at"):
                store.write([Insert(table, row._replace(**{table.clustering[0]: 7 + changed}))])
            else:
                continue
            changed += 1
    return changed


def _altered(table: Any, row: Any) -> Any:
    name = next(name for name in reversed(table.columns) if name not in table.key)
    value = getattr(row, name)
    if table.types[name] is bool:
        other: Any = not value
    else:
        other = f"{value}x" if table.types[name] is str else (value or 0) + 1
    return row._replace(**{name: other})
