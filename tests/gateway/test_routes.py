"""Every user is served by one member of the newest view: a shard host of this node, or another node."""

from __future__ import annotations

import pytest

from actors.view import Member, View
from domain.identifiers import UserId, shard_of
from gateway.routes import Routes

HERE, THERE = Member("a-0", "1", "ws://a"), Member("b-0", "1", "ws://b")
USERS = [UserId(f"user-{number}") for number in range(50)]


@pytest.mark.parametrize("view", [None, View(0, ())])
def test_without_members_nobody_serves(view: View | None) -> None:
    routes = Routes({"a-0"}, view)
    assert {(routes.member(user), routes.elsewhere(user)) for user in USERS} == {(None, None)}


def test_a_user_is_served_by_the_owner_of_their_shard_here_or_elsewhere() -> None:
    view = View(1, (HERE, THERE))
    routes = Routes({"a-0"}, view)
    for user in USERS:
        is_here = view.owner(shard_of(user)) == HERE
        assert routes.member(user) == ("a-0" if is_here else None)
        assert routes.elsewhere(user) == (None if is_here else "ws://b")
    assert len({routes.elsewhere(user) for user in USERS}) == 2


def test_a_view_of_a_greater_number_is_newer() -> None:
    assert Routes((), None).is_older_than(View(0, ()))
    routes = Routes((), View(3, (HERE,)))
    assert [routes.is_older_than(View(number, (HERE,))) for number in (2, 3, 4)] == [False, False, True]
