"""The session actors of a shard host, in their nested actor system: woken, asked, and let go of."""

from __future__ import annotations

import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from thespian.actors import ActorAddress, ActorSystem

from actors.effects import Classified, Effects, Take
from actors.recognition import ModelShelf
from actors.recovery import recover
from actors.session_actor import Done, Failed, Forget, Saving, SessionActor, Snapshot, Wake
from actors.user_entity import UserEntity, UserStores
from domain.commands import Command
from domain.errors import MuvrError
from domain.identifiers import UserId
from persistence.ports import Mutation

log = logging.getLogger(__name__)

ASK_SECONDS = 60.0  # nested actors answer within the call; only a timeout of 0 would be too short


@dataclass
class _Member:
    address: ActorAddress
    last_used_ms: int


class SessionActors:
    """One Thespian actor per user that was woken. `now_ms` is since 1970."""

    def __init__(self, stores: UserStores, shelf: ModelShelf, now_ms: Callable[[], int]) -> None:
        self._stores = stores
        self._shelf = shelf
        self._now_ms = now_ms
        self._system = ActorSystem("simpleSystemBase", transientUnique=True, logDefs=False)
        self._members: OrderedDict[UserId, _Member] = OrderedDict()  # the one used longest ago first
        self._spare: list[ActorAddress] = []

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, user: UserId) -> bool:
        return user in self._members

    def users(self) -> list[UserId]:
        """Those used longest ago first."""
        return list(self._members)

    def idle(self, idle_ms: int, busy: Collection[UserId]) -> Iterator[UserId]:
        """Users not in `busy` that were not asked for `idle_ms`, those used longest ago first."""
        before_ms = self._now_ms() - idle_ms
        members = itertools.takewhile(lambda item: item[1].last_used_ms <= before_ms, self._members.items())
        return (user for user, _ in members if user not in busy)

    def wake(self, epochs: Mapping[UserId, int]) -> dict[UserId, MuvrError]:
        """Recover users, who write under those epochs; return why some cannot be. Raises StoreError."""
        failures: dict[UserId, MuvrError] = {}
        for user, outcome in recover(epochs, self._stores, self._shelf).items():
            if not isinstance(outcome, UserEntity):
                log.error("user %s cannot be recovered: %s", user, outcome)
                failures[user] = outcome
                continue
            # Thespian never forgets an address, so that of an actor without a user is taken first.
            address = self._spare.pop() if self._spare else self._system.createActor(SessionActor)
            self._members[user] = _Member(address, self._now_ms())
            self._ask(user, Wake(outcome, self._now_ms))
        return failures

    def take(self, user: UserId, commands: Sequence[tuple[int, Command]]) -> Effects | MuvrError:
        """What the user's actor makes of `commands`, or why it cannot go on."""
        self._members[user].last_used_ms = self._now_ms()
        self._members.move_to_end(user)
        return _effects(user, self._ask(user, Take(commands)))

    def classified(self, user: UserId, answers: Classified) -> Effects | MuvrError:
        return _effects(user, self._ask(user, answers))

    def snapshot(self, user: UserId) -> list[Mutation]:
        """What saves the user's state, all of whose events are durable."""
        answer = self._ask(user, Snapshot()) if user in self._members else None
        if isinstance(answer, Failed):
            # The events are durable: a missing snapshot only makes the next recovery longer.
            log.error("no snapshot of user %s: %s", user, answer.error)
        return answer.writes if isinstance(answer, Saving) else []

    def stop(self, user: UserId) -> None:
        """Forget the user, if it was woken."""
        if user in self._members:
            done = self._ask(user, Forget())
            member = self._members.pop(user)
            if isinstance(done, Done):
                self._spare.append(member.address)

    def close(self) -> None:
        self._members.clear()
        self._system.shutdown()

    def _ask(self, user: UserId, message: object) -> object:
        return self._system.ask(self._members[user].address, message, ASK_SECONDS)


def _effects(user: UserId, answer: object) -> Effects | MuvrError:
    if isinstance(answer, Effects):
        return answer
    error = answer.error if isinstance(answer, Failed) else MuvrError("the session actor did not answer")
    log.error("user %s: %s", user, error)
    return error
