"""Who serves a user by one view of the cluster: a shard host of this node, or another node."""

from __future__ import annotations

from collections.abc import Collection

from actors.view import View
from domain.identifiers import SHARD_COUNT, ShardNr, UserId, shard_of


class Routes:
    """`local` are the member ids of this node's shard hosts. Nobody serves before there is a view of members.

    Immutable: the gateway's threads share it.
    """

    def __init__(self, local: Collection[str], view: View | None = None) -> None:
        owners = [view.owner(ShardNr(nr)) if view is not None else None for nr in range(SHARD_COUNT)]
        # One of this node's shard hosts is no member, so others have to learn that its users are theirs.
        self.is_leaving = view is not None and not set(local) <= {each.member_id for each in view.members}
        self._number = None if view is None else view.number
        self._members = tuple(o.member_id if o is not None and o.member_id in local else None for o in owners)
        self._others = tuple(o if o is not None and o.member_id not in local else None for o in owners)

    def is_older_than(self, view: View) -> bool:
        return self._number is None or self._number < view.number

    def member(self, user: UserId) -> str | None:
        """The shard host of this node that serves `user`."""
        return self._members[shard_of(user)]

    def elsewhere(self, user: UserId) -> str | None:
        """Where the user's devices connect, if another node serves them."""
        other = self._others[shard_of(user)]
        return None if other is None else other.url

    def api_elsewhere(self, user: UserId) -> str | None:
        """Where the user's HTTP API is, if another node serves them; empty if that node has none."""
        other = self._others[shard_of(user)]
        return None if other is None else other.api_url
