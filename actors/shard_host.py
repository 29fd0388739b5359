"""A shard host: one session actor per user of its shards, and the group commit.

For each batch the session actors decide, the windows of all of them are classified together, everything is
written with one call, and only then is anything acknowledged.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from thespian.actors import ActorAddress, ActorExitRequest, ActorSystem

from actors.effects import Classified, Effects, Take
from actors.messages import Addressed, Envelope
from actors.recognition import ModelShelf, classify
from actors.session_actor import Done, Failed, SessionActor, Snapshot, Wake
from actors.user_entity import UserEntity, UserStores, refusal
from domain.commands import Command
from domain.errors import MuvrError, StoreError
from domain.identifiers import UserId
from persistence.ports import Mutation, Store

log = logging.getLogger(__name__)

ASK_SECONDS = 60.0  # nested actors answer within the call; only a timeout of 0 would be too short


@dataclass
class _Member:
    address: ActorAddress
    last_used_ms: int


class ShardHost:
    """Session actors over a store. `now_ms` is the clock, in ms since 1970."""

    def __init__(
        self,
        store: Store,
        stores: UserStores,
        shelf: ModelShelf,
        now_ms: Callable[[], int],
        *,
        sessions_max: int = 20_000,
    ) -> None:
        self._store = store
        self._stores = stores
        self._shelf = shelf
        self._now_ms = now_ms
        self._sessions_max = sessions_max
        self._system = ActorSystem("simpleSystemBase", transientUnique=True, logDefs=False)
        self._members: OrderedDict[UserId, _Member] = OrderedDict()

    @property
    def live_count(self) -> int:
        return len(self._members)

    def process(self, envelopes: Sequence[Envelope]) -> list[Addressed]:
        """Take a batch; return the replies. What they acknowledge is durable, the rest was not stored."""
        by_user: dict[UserId, list[tuple[int, Command]]] = {}
        for envelope in envelopes:
            by_user.setdefault(envelope.user, []).append((envelope.connection, envelope.command))
        replies: list[Addressed] = []
        effects = self._decide(by_user, replies)
        writes: list[Mutation] = [write for effect in effects.values() for write in effect.writes]
        try:
            if writes:
                self._store.write(writes)
        except StoreError as error:
            log.error("a batch of %d rows was not written: %s", len(writes), error)
            return replies + self._undo(effects, by_user, error)
        for user, effect in effects.items():
            replies += [Addressed(connection, user, reply) for connection, reply in effect.replies]
            if effect.snapshot_due:
                self._save(user)
        self._bound()
        return replies

    def passivate(self, idle_ms: int) -> int:
        """Snapshot and stop the actors that were idle for `idle_ms`; return how many."""
        before_ms = self._now_ms() - idle_ms
        idle = [user for user, member in self._members.items() if member.last_used_ms <= before_ms]
        for user in idle:
            self._passivate(user)
        return len(idle)

    def close(self) -> None:
        """Snapshot and stop every actor, then the nested system."""
        for user in list(self._members):
            self._passivate(user)
        self._system.shutdown()

    def _decide(
        self, by_user: dict[UserId, list[tuple[int, Command]]], replies: list[Addressed]
    ) -> dict[UserId, Effects]:
        """Effects per user, classification included; users whose actor failed are refused in `replies`."""
        effects: dict[UserId, Effects] = {}
        for user, commands in by_user.items():
            answer = self._ask_user(user, Take(commands))
            if isinstance(answer, Effects):
                effects[user] = answer
            else:
                replies += self._refuse(user, commands, answer)
        requests = [(user, request) for user, effect in effects.items() for request in effect.requests]
        answers = classify([(request.model, request.windows) for _, request in requests])
        for user in [user for user, effect in effects.items() if effect.more]:
            mine = [a for (owner, _), a in zip(requests, answers, strict=True) if owner == user]
            answer = self._ask(self._members[user].address, Classified(mine))
            if isinstance(answer, Effects):
                effects[user].writes += answer.writes
                effects[user].replies += answer.replies
            else:
                del effects[user]
                replies += self._refuse(user, by_user[user], answer)
        return effects

    def _ask_user(self, user: UserId, message: Take) -> object:
        member = self._members.get(user)
        if member is None:
            address = self._system.createActor(SessionActor)
            recover = partial(UserEntity, user, self._stores, self._shelf)
            member = self._members[user] = _Member(address, 0)
            answer = self._ask(address, Wake(recover, self._now_ms))
            if not isinstance(answer, Done):
                return answer
        member.last_used_ms = self._now_ms()
        self._members.move_to_end(user)
        return self._ask(member.address, message)

    def _ask(self, address: ActorAddress, message: object) -> object:
        return self._system.ask(address, message, ASK_SECONDS)

    def _refuse(
        self, user: UserId, commands: Sequence[tuple[int, Command]], answer: object
    ) -> list[Addressed]:
        """Stop an actor that failed: it is recovered when the user is next heard of."""
        error = answer.error if isinstance(answer, Failed) else MuvrError("the session actor did not answer")
        log.error("user %s: %s", user, error)
        self._stop(user)
        return [Addressed(connection, user, refusal(command, error)) for connection, command in commands]

    def _undo(
        self,
        effects: dict[UserId, Effects],
        by_user: dict[UserId, list[tuple[int, Command]]],
        error: StoreError,
    ) -> list[Addressed]:
        """Nobody knows what was written: every actor of the batch stops and will recover from the store."""
        refused = []
        for user in effects:
            self._stop(user)
            refused += [Addressed(origin, user, refusal(command, error)) for origin, command in by_user[user]]
        return refused

    def _save(self, user: UserId) -> None:
        answer = self._ask(self._members[user].address, Snapshot())
        if isinstance(answer, Failed):
            # The events are durable: a missing snapshot only makes the next recovery longer.
            log.error("no snapshot of user %s: %s", user, answer.error)

    def _bound(self) -> None:
        while len(self._members) > self._sessions_max:
            self._passivate(next(iter(self._members)))

    def _passivate(self, user: UserId) -> None:
        self._save(user)
        self._stop(user)

    def _stop(self, user: UserId) -> None:
        member = self._members.pop(user, None)
        if member is not None:
            # Asked, not told: the news of its end would otherwise be taken for the next actor's answer.
            self._ask(member.address, ActorExitRequest())
