"""A shard host: one session actor per user of its shards, and the group commit.

For each batch the session actors decide, the windows of all of them are classified together, everything is
written with one call, and only then is anything acknowledged.
"""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from thespian.actors import ActorAddress, ActorSystem

from actors.answers import refusal
from actors.effects import Classified, Effects, Take
from actors.messages import Addressed, Envelope
from actors.recognition import ModelShelf, classify
from actors.session_actor import Done, Failed, Forget, SessionActor, Snapshot, Wake, internal_error
from actors.user_entity import UserEntity, UserStores
from domain.commands import Command
from domain.errors import MuvrError
from domain.identifiers import UserId
from persistence.ports import Mutation, Store

log = logging.getLogger(__name__)

ASK_SECONDS = 60.0  # nested actors answer within the call; only a timeout of 0 would be too short

_Commands = list[tuple[int, Command]]


@dataclass
class _Member:
    address: ActorAddress
    last_used_ms: int


class ShardHost:
    """Session actors over a store, of which `sessions_max` stay after a batch; `now_ms` is since 1970."""

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
        self._members: OrderedDict[UserId, _Member] = OrderedDict()  # the one used longest ago first
        self._spare: list[ActorAddress] = []

    @property
    def live_count(self) -> int:
        return len(self._members)

    def process(self, envelopes: Sequence[Envelope]) -> list[Addressed]:
        """Take a batch; return the replies. What they acknowledge is durable, the rest was not stored."""
        by_user: dict[UserId, _Commands] = {}
        for envelope in envelopes:
            by_user.setdefault(envelope.user, []).append((envelope.connection, envelope.command))
        refused: dict[UserId, list[Addressed]] = {}
        try:
            effects = self._decide(by_user, refused)
            writes: list[Mutation] = [write for effect in effects.values() for write in effect.writes]
            if writes:
                self._store.write(writes)
        except Exception as error:
            return self._undo(by_user, refused, error)
        replies = [reply for mine in refused.values() for reply in mine]
        for user, effect in effects.items():
            replies += [Addressed(connection, user, reply) for connection, reply in effect.replies]
            if effect.snapshot_due:
                self._save(user)
        self._bound()
        return replies

    def passivate(self, idle_ms: int, count_max: int | None = None) -> int:
        """Snapshot and stop actors that were idle for `idle_ms`, at most `count_max`; return how many."""
        before_ms = self._now_ms() - idle_ms
        idle = itertools.takewhile(lambda item: item[1].last_used_ms <= before_ms, self._members.items())
        users = [user for user, _ in itertools.islice(idle, count_max)]
        for user in users:
            self._passivate(user)
        return len(users)

    def close(self, seconds_max: float = math.inf) -> None:
        """Snapshot the actors, those used last first, as far as `seconds_max` lets; then end the system.

        The others lose nothing: their users recover from older snapshots and more events.
        """
        deadline_s = time.monotonic() + seconds_max
        for count, user in enumerate(reversed(list(self._members))):
            if time.monotonic() > deadline_s:
                log.warning("%d users are without a new snapshot", len(self._members) - count)
                break
            self._save(user)
        self._members.clear()
        self._system.shutdown()

    def _decide(
        self, by_user: dict[UserId, _Commands], refused: dict[UserId, list[Addressed]]
    ) -> dict[UserId, Effects]:
        """Effects per user, classification included; users whose actor failed come into `refused`."""
        effects: dict[UserId, Effects] = {}
        for user, commands in by_user.items():
            answer = self._ask_user(user, Take(commands))
            if isinstance(answer, Effects):
                effects[user] = answer
            else:
                refused[user] = self._refuse(user, commands, answer)
        requests = [request for effect in effects.values() for request in effect.requests]
        answers = iter(classify([(request.model, request.windows) for request in requests]))
        for user, effect in list(effects.items()):
            mine = list(itertools.islice(answers, len(effect.requests)))
            if not effect.more:
                continue
            answer = self._ask(self._members[user].address, Classified(mine))
            if isinstance(answer, Effects):
                effect.writes += answer.writes
                effect.replies += answer.replies
            else:
                del effects[user]
                refused[user] = self._refuse(user, by_user[user], answer)
        return effects

    def _ask_user(self, user: UserId, message: Take) -> object:
        member = self._members.get(user)
        if member is None:
            # Thespian never forgets an address, so that of an actor without a user is taken first.
            address = self._spare.pop() if self._spare else self._system.createActor(SessionActor)
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

    def _refuse(self, user: UserId, commands: _Commands, answer: object) -> list[Addressed]:
        """Stop an actor that failed: it is recovered when the user is next heard of."""
        error = answer.error if isinstance(answer, Failed) else MuvrError("the session actor did not answer")
        log.error("user %s: %s", user, error)
        return self._fail(user, commands, error)

    def _undo(
        self, by_user: dict[UserId, _Commands], refused: dict[UserId, list[Addressed]], failure: Exception
    ) -> list[Addressed]:
        """Nobody knows what was written: every actor of the batch stops and will recover from the store."""
        error = internal_error(failure)
        log.error("a batch of %d users was not written: %s", len(by_user), error, exc_info=failure)
        for user, commands in by_user.items():
            if user not in refused:
                refused[user] = self._fail(user, commands, error)
        return [reply for mine in refused.values() for reply in mine]

    def _fail(self, user: UserId, commands: _Commands, error: MuvrError) -> list[Addressed]:
        self._stop(user)
        return [Addressed(connection, user, refusal(command, error)) for connection, command in commands]

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
        if member is not None and isinstance(self._ask(member.address, Forget()), Done):
            self._spare.append(member.address)
