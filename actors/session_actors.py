"""The session actors of a shard host, in their nested actor system: woken, asked, and let go of."""

from __future__ import annotations

import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from thespian.actors import ActorAddress, ActorSystem

from actors import counts
from actors.effects import Classified, Effects, Question, Snapshot, Take
from actors.recognition import ModelShelf
from actors.recovery import recover
from actors.session_actor import Crier, Forget, Round, SessionActor, Wake
from actors.user_entity import UserEntity
from actors.user_stores import UserStores
from domain.commands import Command
from domain.errors import MuvrError
from domain.identifiers import UserId
from persistence.ports import Mutation

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Member:
    address: ActorAddress
    last_used_ms: int


class SessionActors:
    """One Thespian actor per user that was woken. `now_ms` is since 1970.

    The nested system runs in the caller's thread: when `tell` returns, all that it led to is done.
    """

    def __init__(self, stores: UserStores, shelf: ModelShelf, now_ms: Callable[[], int]) -> None:
        self._stores = stores
        self._shelf = shelf
        self._now_ms = now_ms
        self._system = ActorSystem("simpleSystemBase", transientUnique=True, logDefs=False)
        self._crier = self._system.createActor(Crier)
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
        now_ms = self._now_ms()
        for user, outcome in recover(epochs, self._stores, self._shelf).items():
            if not isinstance(outcome, UserEntity):
                log.error("user %s cannot be recovered: %s", user, outcome)
                failures[user] = outcome
                continue
            # Thespian never forgets an address, so that of an actor without a user is taken first.
            address = self._spare.pop() if self._spare else self._system.createActor(SessionActor)
            self._members[user] = _Member(address, now_ms)
            self._system.tell(address, Wake(outcome))
        counts.recovered(len(epochs) - len(failures), len(failures))
        return failures

    def take(
        self, commands: Mapping[UserId, Sequence[tuple[int, Command]]]
    ) -> dict[UserId, Effects | MuvrError]:
        """What the actors make of their users' commands, or why one cannot go on."""
        now_ms = self._now_ms()
        for user in commands:
            self._members[user].last_used_ms = now_ms
            self._members.move_to_end(user)
        return self._ask({user: Take(mine, now_ms) for user, mine in commands.items()})

    def classified(self, answers: Mapping[UserId, Classified]) -> dict[UserId, Effects | MuvrError]:
        return self._ask(answers)

    def snapshots(self, users: Sequence[UserId]) -> list[Mutation]:
        """What saves the states of those that are awake, all of whose events are durable."""
        questions = {user: Snapshot() for user in users if user in self._members}
        self._give(questions)
        writes: list[Mutation] = []
        for user, question in questions.items():
            if isinstance(question.answer, list):
                writes += question.answer
            else:
                # The events are durable: a missing snapshot only makes the next recovery longer.
                log.error("no snapshot of user %s: %s", user, question.answer)
        return writes

    def stop(self, user: UserId) -> None:
        """Forget the user, if it was woken."""
        if (member := self._members.pop(user, None)) is not None:
            self._system.tell(member.address, Forget())
            self._spare.append(member.address)

    def close(self) -> None:
        self._members.clear()
        self._system.shutdown()

    def _ask(self, questions: Mapping[UserId, Question]) -> dict[UserId, Effects | MuvrError]:
        self._give(questions)
        return {user: _effects(user, question) for user, question in questions.items()}

    def _give(self, questions: Mapping[UserId, Question]) -> None:
        addressed = [(self._members[user].address, question) for user, question in questions.items()]
        self._system.tell(self._crier, Round(addressed))


def _effects(user: UserId, question: Question) -> Effects | MuvrError:
    answer = question.answer
    if isinstance(answer, Effects):
        return answer
    error = answer if isinstance(answer, MuvrError) else MuvrError("the session actor did not answer")
    log.error("user %s: %s", user, error)
    return error
