"""Several real nodes on one store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from actors.membership import VIEW_NAME
from actors.view import Member, View
from domain.identifiers import UserId, shard_of
from gateway.auth import Tokens
from persistence.location import open_store
from persistence.ports import Store
from persistence.secret_files import load_or_make_key
from persistence.tables import VIEW
from tests.actors.driving import MASTER_KEY
from tests.actors.helpers import eventually
from tests.cluster.node import MuvrNode

LEASE_S = 4.0
SETTLE_SECONDS = 120.0


class Rig:
    """`count` nodes that share the store at `location`, which is ready, and their keys. None runs yet."""

    def __init__(self, directory: Path, location: str, *, count: int = 3, lease_s: float = LEASE_S) -> None:
        self.lease_s = lease_s
        keys = directory / "keys"
        keys.mkdir(parents=True, mode=0o700)
        (keys / "master.key").write_bytes(MASTER_KEY)
        self.tokens = Tokens(load_or_make_key(keys / "tokens.key"), time.time)
        self.options = ["--keys", str(keys), "--store", location, "--lease-seconds", str(lease_s)]
        self.nodes = [MuvrNode(directory / f"node{number}", self.options) for number in range(count)]
        self.store: Store = open_store(location)

    def up(self, nodes: Iterable[MuvrNode] | None = None) -> None:
        """Start those that do not run, side by side; all serve when this returns."""
        started = [node for node in (self.nodes if nodes is None else nodes) if not node.is_running]
        for node in started:
            node.begin()
        for node in started:
            node.wait_until_up()
        self.settle()

    def settle(self) -> None:
        """Until the nodes that run, and no others, are the members."""
        running = {node.url for node in self.nodes if node.is_running}
        eventually(lambda: self._urls() == running, f"the members are {running}", SETTLE_SECONDS)

    def down(self) -> None:
        """Stop everything, whatever state it is in."""
        for node in self.nodes:
            with suppress(AssertionError):
                node.kill()
        self.store.close()

    @property
    def urls(self) -> list[str]:
        """Of all nodes that were ever up."""
        return [node.url for node in self.nodes if node._port]

    def view(self) -> View:
        row = next(self.store.read(VIEW, (VIEW_NAME,)), None)
        if row is None:
            return View(0, ())
        return View(row.number, msgspec.json.decode(row.members, type=tuple[Member, ...]))

    def incarnation(self, node: MuvrNode) -> str | None:
        """Under which the node's shard host is a member."""
        return next((m.incarnation for m in self.view().members if m.url == node.url), None)

    def is_member(self, node: MuvrNode) -> bool:
        return self.incarnation(node) is not None

    def users_of(self, node: MuvrNode, users: Iterable[UserId]) -> set[UserId]:
        """Those of `users` whom the node serves."""
        view = self.view()
        owners = {user: view.owner(shard_of(user)) for user in users}
        return {user for user, owner in owners.items() if owner is not None and owner.url == node.url}

    def busiest(self, users: Iterable[UserId]) -> MuvrNode:
        """The running node that serves most of `users`."""
        view = self.view()
        owners = [view.owner(shard_of(user)) for user in users]
        counts = Counter(owner.url for owner in owners if owner is not None)
        return max(
            (node for node in self.nodes if node.is_running and self.is_member(node)),
            key=lambda node: counts[node.url],
        )

    def log(self) -> str:
        return "\n".join(node.log() for node in self.nodes)

    def _urls(self) -> set[str]:
        return {member.url for member in self.view().members}
