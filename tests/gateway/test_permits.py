"""A coach at a real websocket: by the patient's grant alone, asked each time, and written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors.messages import Addressed
from domain.errors import StoreUnavailable
from domain.identifiers import SessionId, UserId
from domain.replies import AdherenceTold, RestBegan
from gateway.devices.permits import Permits
from persistence.access import AccessStore
from persistence.grants import GrantStore
from persistence.sqlite import SqliteStore
from tests.gateway.device_example import hello, message, token
from tests.gateway.server_rig import Rig, read, run

ANNA, BEN, CAT = UserId("anna"), UserId("ben"), UserId("cat")


def permits(directory: Path) -> tuple[SqliteStore, Permits]:
    store = SqliteStore(directory)
    return store, Permits(store, lambda: 7)


def test_a_grant_counts_as_long_as_it_is_given_and_each_use_is_written_down(tmp_path: Path) -> None:
    store, permit = permits(tmp_path)
    grants = GrantStore(store)
    grants.give(CAT, ANNA, 1)
    assert not permit(BEN, ANNA, "message prescribe")
    grants.give(BEN, ANNA, 1)
    assert permit(BEN, ANNA, "message prescribe")
    assert not permit(BEN, CAT, "message prescribe")
    grants.take_back(BEN, ANNA)
    assert not permit(BEN, ANNA, "message get_adherence")
    (row,) = AccessStore(store).of("ben")
    assert (row.who, row.scope, row.what, row.accessed_at) == ("anna", "coach", "message prescribe", 7)


def test_a_coach_gets_the_answer_for_who_lets_them_and_nothing_else_of_anyone(tmp_path: Path) -> None:
    store, permit = permits(tmp_path / "grants")
    GrantStore(store).give(BEN, ANNA, 1)

    async def play(rig: Rig) -> None:
        rig.server._permit = permit
        coach = await rig.connect(greet=hello(token("anna", "coach")))
        await coach.send(message("prescribe", user="cat"))
        refused = await read(coach)
        assert (refused["code"], refused["user"], refused["retry"]) == ("not_authorised", "cat", False)
        await coach.send(message("get_adherence", user="ben"))
        await rig.until(lambda: len(rig.forwarded) == 1)
        (envelope,) = rig.forwarded
        rest = RestBegan(session=SessionId("s"), since_ms=1)
        told = AdherenceTold(at_ms=5, weeks=())
        rig.server.deliver([Addressed(None, user, rest) for user in (ANNA, BEN, CAT)], [])
        rig.server.deliver(
            [Addressed(envelope.connection, BEN, told)], [(envelope.connection or 0, envelope.user)]
        )
        assert (await read(coach))["type"] == "adherence", "and no live messages before it"
        assert [row.what for row in AccessStore(store).of("ben")] == ["message get_adherence"]
        assert not list(AccessStore(store).of("cat"))

    run(tmp_path / "store", play)


def test_a_store_that_does_not_answer_lets_nobody(tmp_path: Path) -> None:
    def fail(*_: Any) -> bool:
        raise StoreUnavailable("no answer")

    async def play(rig: Rig) -> None:
        rig.server._permit = fail
        coach = await rig.connect(greet=hello(token("anna", "coach")))
        await coach.send(message("prescribe", user="ben"))
        refused = await read(coach)
        assert (refused["code"], refused["user"], refused["retry"]) == ("store_unavailable", "ben", True)
        assert not rig.forwarded

    run(tmp_path, play)


def test_who_has_gone_meanwhile_is_not_answered(tmp_path: Path) -> None:
    async def play(rig: Rig) -> None:
        asked: list[str] = []
        rig.server._permit = lambda user, coach, what: not asked.append(user)
        coach = await rig.connect(greet=hello(token("anna", "coach")))
        (listener,) = rig.server._listeners.values()
        (wish,) = listener.connection.receive(message("prescribe")).wishes
        await coach.close()
        await rig.until(lambda: rig.is_empty)
        await rig.server._ask(listener._number, wish)
        assert (asked, rig.forwarded) == (["ben"], [])

    run(tmp_path, play)
