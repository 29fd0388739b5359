"""A session that its user deletes: nothing of it is left, in whatever moment a node dies."""

from __future__ import annotations

import io
import itertools
import random
import zipfile
from typing import Any

import pytest
from msgspec.structs import replace

from actors.recovery import recover
from actors.user_entity import UserEntity
from domain.commands import (
    AcceptFrame,
    AskUser,
    CloseSession,
    Command,
    ConfirmLabel,
    DeleteSession,
    OpenSession,
    SetTraining,
    WithdrawLabel,
)
from domain.identifiers import DeviceId, SessionId, UserId
from domain.replies import Refused, Reply, UserTold
from domain.sets import HISTORY_MAX
from domain.state import bests_of, settled_ms
from domain.training import Training
from domain.user import SESSIONS_KEPT_MAX, User
from persistence.batch_tables import ARRIVAL
from persistence.deleting import deletion_of
from persistence.export import Exporter
from persistence.importing import Importer
from persistence.keys import DataKeyStore
from persistence.ports import Mutation, Store, Then
from persistence.rebuild import ReadModels
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL, SENSOR, SESSION_BY_USER, SET_BY_SESSION, SUGGESTION_BY_SESSION
from tests.actors.driving import MASTER_KEY, stores_of
from tests.actors.stub_models import T0_MS, StubShelf
from tests.persistence.whole_users import PSEUDONYM_KEY, STREAMS, frame

ADA = UserId("ada")
API = -7  # connections of the API have negative numbers
MINUTE_MS = 60_000
TABLES = (SENSOR, LABEL, SESSION_BY_USER, SET_BY_SESSION, SUGGESTION_BY_SESSION)


class Crashed(Exception):
    pass


class Owner:
    """A shard host of one user, which dies at `dies()`: what of a write came before a `Then` may be there."""

    _epochs = itertools.count(1)

    def __init__(self, store: Store, dies: Any = lambda: False, user: UserId = ADA) -> None:
        self._store, self._dies, self._user = store, dies, user
        shelf: Any = StubShelf(None)
        stores = stores_of(store)
        entity = recover({user: next(self._epochs) << 20}, stores, shelf)[user]
        assert isinstance(entity, UserEntity)
        self.entity = entity

    def take(self, *commands: Command, connection: int = API) -> list[Reply]:
        effects = self.entity.take([(connection, each) for each in commands], T0_MS)
        for stage in _stages(effects.writes):
            if self._dies():
                raise Crashed
            self._store.write(stage)
        if self._dies():
            raise Crashed
        return [reply for _, reply in effects.replies]

    def delete(self, session: str) -> None:
        """As the API does; what was deleted before stays so."""
        (told,) = self.take(AskUser())
        assert isinstance(told, UserTold)
        name = SessionId(session)
        if name in told.deleted:
            return
        cipher = DataKeyStore(self._store, MASTER_KEY).cipher_of(self._user)
        command = deletion_of(self._store, self._user, name, cipher, at_ms=T0_MS, settled_ms=told.settled_ms)
        assert command is not None
        (answer,) = self.take(command)
        assert isinstance(answer, UserTold)


def _stages(writes: list[Mutation]) -> list[list[Mutation]]:
    stages: list[list[Mutation]] = [[]]
    for each in writes:
        if isinstance(each, Then):
            stages.append([])
        else:
            stages[-1].append(each)
    return stages


def opened(session: str, at_ms: int = T0_MS) -> OpenSession:
    return OpenSession(
        session=SessionId(session),
        command_nr=0,
        at_ms=at_ms,
        device=DeviceId("watch"),
        recogniser="server",
        streams=STREAMS,
    )


def label(session: str, nr: int, start_ms: int, weight_kg: float, exercise: str = "squat") -> ConfirmLabel:
    return ConfirmLabel(
        session=SessionId(session),
        command_nr=nr,
        start_ms=start_ms,
        end_ms=start_ms + 30_000,
        exercise=exercise,
        repetitions=5,
        weight_kg=weight_kg,
    )


def trained(owner: Owner, session: str, at_ms: int = T0_MS, weight_kg: float = 60.0) -> None:
    """A whole session: a set, and frames of each stream."""
    name = SessionId(session)
    frames: list[Command] = [
        AcceptFrame(frame=frame(random.Random(nr), name, stream, nr)) for stream in STREAMS for nr in range(3)
    ]
    end = CloseSession(session=name, command_nr=2, at_ms=at_ms + MINUTE_MS)
    owner.take(opened(session, at_ms), *frames, label(session, 1, at_ms, weight_kg), end, connection=1)


def lasting(owner: Owner) -> User:
    """The state but for how many frames of closed sessions there are, which is looked up when one comes."""
    state = owner.entity.state
    sessions = {name: replace(each, next_nrs={}) for name, each in state.sessions.items()}
    return replace(state, sessions=sessions)


def rows_of(store: Store, session: str) -> int:
    return sum(row.session_id == session for table in TABLES for row in store.scan(table))


def check_rows_follow(store: Store) -> None:
    """The read models are what the journal says."""
    models = ReadModels(store, DataKeyStore(store, MASTER_KEY), wait=lambda _: None)
    assert [(each.differences, each.problem) for each in models.outcomes([ADA], mend=False)] == [((), None)]


def test_nothing_is_left_and_the_rest_is_as_it_was(store: Store) -> None:
    owner = Owner(store)
    trained(owner, "monday")
    before = owner.entity.state
    trained(owner, "tuesday", T0_MS + 10 * MINUTE_MS, 80.0)
    owner.delete("tuesday")
    assert rows_of(store, "tuesday") == 0
    assert rows_of(store, "monday") == 8
    after = owner.entity.state
    assert (after.history, after.sessions, after.bests) == (before.history, before.sessions, before.bests)
    assert bests_of(after)["squat"].weight_kg == 60.0
    assert [row.session_id for row in store.scan(ARRIVAL)].count("tuesday") == 1  # the night cuts it anew
    check_rows_follow(store)
    assert lasting(Owner(store)) == lasting(owner)


def test_what_a_device_still_sends_is_refused(store: Store) -> None:
    owner = Owner(store)
    owner.take(opened("live"), connection=1)
    owner.delete("live")
    late = AcceptFrame(frame=frame(random.Random(1), SessionId("live"), STREAMS[0], 0))
    for command in (late, opened("live"), label("live", 1, T0_MS, 1.0)):
        (reply,) = owner.take(command, connection=1)
        assert isinstance(reply, Refused)
        assert (reply.code, reply.retry) == ("deleted", False)
    said = ConfirmLabel(**{**_fields(label("live", 1, T0_MS, 1.0)), "command_nr": None, "said_ms": T0_MS})
    (reply,) = owner.take(said)
    assert isinstance(reply, Refused)
    assert reply.code == "deleted"
    assert rows_of(store, "live") == 0


def _fields(command: ConfirmLabel) -> dict[str, Any]:
    return {name: getattr(command, name) for name in command.__struct_fields__}


def test_a_set_that_was_told_in_two_sessions_counts_again(store: Store) -> None:
    """The one that was deleted had overridden the other."""
    owner = Owner(store)
    owner.take(opened("phone"), label("phone", 1, T0_MS, 50.0), connection=1)
    owner.take(opened("watch"), label("watch", 1, T0_MS + 1000, 55.0), connection=1)
    assert [row.session_id for row in store.scan(LABEL)] == ["watch"]
    owner.delete("watch")
    assert [(row.session_id, row.weight_kg) for row in store.scan(LABEL)] == [("phone", 50.0)]
    check_rows_follow(store)


def test_records_of_long_ago_go_with_their_session(store: Store) -> None:
    """Sets that the state no longer has one by one: the bests of the others' are read from rows."""
    owner = Owner(store)
    trained(owner, "heavy", T0_MS, 200.0)
    trained(owner, "light", T0_MS + MINUTE_MS, 90.0)
    for nr in range(4):
        name, begin_ms = f"later-{nr}", T0_MS + (2 + 100 * nr) * MINUTE_MS
        sets = [label(name, 1 + each, begin_ms + each * MINUTE_MS, 40.0) for each in range(90)]
        owner.take(opened(name, begin_ms), *sets, connection=1)
    assert settled_ms(owner.entity.state) > T0_MS
    assert len(owner.entity.state.history) == HISTORY_MAX
    assert bests_of(owner.entity.state)["squat"].weight_kg == 200.0
    last = label("later-3", 90, T0_MS + (302 + 89) * MINUTE_MS, 40.0)
    withdrawn = WithdrawLabel(
        session=last.session,
        command_nr=None,
        start_ms=last.start_ms,
        end_ms=last.end_ms,
        said_ms=last.end_ms + 1,
    )
    owner.take(withdrawn)  # fewer than HISTORY_MAX are left, and what was settled stays so
    assert len(owner.entity.state.history) == HISTORY_MAX - 1
    owner.delete("heavy")
    assert bests_of(owner.entity.state)["squat"].weight_kg == 90.0
    owner.delete("light")
    assert bests_of(owner.entity.state)["squat"].weight_kg == 40.0
    correction = ConfirmLabel(
        **{**_fields(label("later-0", 1, T0_MS + 2 * MINUTE_MS, 1.0)), "command_nr": None, "said_ms": T0_MS}
    )
    owner.delete("later-3")
    (reply,) = owner.take(correction)
    assert isinstance(reply, Refused)
    assert "too long ago" in reply.wrong


def test_a_set_that_is_settled_meanwhile_has_the_bests_read_again(store: Store) -> None:
    owner = Owner(store)
    trained(owner, "monday")
    command = DeleteSession(session=SessionId("monday"), at_ms=T0_MS, opened_ms=T0_MS, settled_ms=1)
    (reply,) = owner.take(command)
    assert isinstance(reply, Refused)
    assert reply.code == "overtaken"


def test_a_session_that_the_state_has_forgotten_is_deleted_with_its_sensor_rows(store: Store) -> None:
    owner = Owner(store)
    for nr in range(SESSIONS_KEPT_MAX + 2):
        trained(owner, f"s{nr}", T0_MS + nr * 10 * MINUTE_MS)
    assert "s0" in owner.entity.state.forgotten
    owner.delete("s0")
    assert rows_of(store, "s0") == 0
    check_rows_follow(store)


@pytest.mark.parametrize("stage", range(4))
def test_a_deletion_that_is_cut_off_is_made_up_for_when_the_user_is_next_heard_of(
    store: Store, stage: int
) -> None:
    trained(Owner(store), "monday")
    chances = iter([False] * (1 + stage) + [True])
    with pytest.raises(Crashed):
        Owner(store, lambda: next(chances)).delete("monday")
    owner = Owner(store)
    owner.take(AskUser())
    if "monday" in owner.entity.state.deleted:
        assert rows_of(store, "monday") == 0
    else:
        assert rows_of(store, "monday") == 8
    owner.delete("monday")
    assert rows_of(store, "monday") == 0
    check_rows_follow(store)


@pytest.mark.parametrize("seed", range(8))
def test_whenever_nodes_die_rows_follow_the_journal(store: Store, seed: int) -> None:
    """Sessions come and go; every request is made again until it is answered."""
    rng = random.Random(seed)
    rate = rng.choice([0.05, 0.2, 0.4])
    owner = [Owner(store)]
    kept: list[str] = []

    def surely(act: Any) -> None:
        while True:
            try:
                act(owner[0])
                return
            except Crashed:
                owner[0] = Owner(store, lambda: rng.random() < rate)

    for nr in range(12):
        name = f"s{nr}"
        at_ms = T0_MS + rng.choice([0, nr]) * 10 * MINUTE_MS  # some tell of the same set
        surely(lambda one, name=name, at_ms=at_ms: trained(one, name, at_ms, 40.0 + rng.randrange(60)))
        kept.append(name)
        if rng.random() < 0.6:
            gone = kept.pop(rng.randrange(len(kept)))
            surely(lambda one, gone=gone: one.delete(gone))
    surely(lambda one: one.take(AskUser()))
    for nr in range(12):
        assert (rows_of(store, f"s{nr}") > 0) == (f"s{nr}" in kept), f"seed {seed}"
    check_rows_follow(store)
    again = Owner(store)
    assert {past.session for past in again.entity.state.history} <= set(kept)
    assert lasting(again) == lasting(owner[0])


def test_an_export_has_nothing_of_it_and_is_imported(store: Store, tmp_path: Any) -> None:
    """But wishes that were said in it, as they are still wished."""
    owner = Owner(store)
    trained(owner, "monday")
    wish = SetTraining(
        session=SessionId("private"), command_nr=1, training=Training(at_ms=T0_MS, goal="muscle")
    )
    owner.take(opened("private"), wish, connection=1)
    owner.take(label("private", 2, T0_MS + 5 * MINUTE_MS, 120.0), connection=1)
    owner.delete("private")
    stream = io.BytesIO()
    keys = DataKeyStore(store, MASTER_KEY)
    Exporter(store, keys, PSEUDONYM_KEY, lambda: T0_MS).export(ADA, stream)
    with zipfile.ZipFile(stream) as archive:
        assert all(b"private" not in archive.read(name) for name in archive.namelist())
        assert all("private" not in name for name in archive.namelist())
    other = SqliteStore(tmp_path / "other")
    try:
        Importer(other, DataKeyStore(other, MASTER_KEY), lambda: 5).load(stream)
        before, after = owner.entity.state, Owner(other).entity.state
        assert (after.history, after.bests, after.deleted) == (before.history, before.bests, ())
        assert after.training == before.training
        check_rows_follow(other)
    finally:
        other.close()
