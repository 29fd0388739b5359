"""What the API asks users' actors: the way that devices' commands go, answered once it is durable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from actors.messages import Addressed, Envelope
from domain.command_checks import check_command
from domain.commands import Command
from domain.errors import MuvrError
from domain.identifiers import UserId
from domain.replies import Refused, Reply
from gateway.api.problems import NotAnswered, RefusedByActor, ServedElsewhere, TooBusy
from gateway.lanes import Done
from gateway.routes import Routes

PENDING_MAX = 256  # requests that wait for their users' actors
ANSWER_SECONDS_MAX = 10.0


@dataclass
class _Asked:
    user: UserId
    answer: asyncio.Future[Reply]


class Commands:
    """Lives in the loop that serves. Requests have negative numbers. Without `queue` there are no actors."""

    def __init__(self, queue: Callable[[Envelope], None] | None = None) -> None:
        self._queue = queue
        self._routes = Routes(())
        self._asked: dict[int, _Asked] = {}
        # Answers may come late, for requests of an earlier process: no number is used twice.
        self._numbers: Iterator[int] = iter(range(-time.time_ns(), 0))

    async def __call__(self, user: UserId, command: Command) -> Reply:
        """The answer of the user's actor; what it acknowledges is durable.

        Raises InvalidInput, RefusedByActor, ServedElsewhere, TooBusy, and NotAnswered when nobody knows
        whether it was done: every command may be given again.
        """
        check_command(command)
        if self._queue is None:
            raise NotAnswered("there are no users' actors here", remedy="start a node")
        self._check_here(user)
        if len(self._asked) >= PENDING_MAX:
            raise TooBusy(f"{PENDING_MAX} requests wait already", remedy="try again in a few seconds")
        number = next(self._numbers)
        asked = self._asked[number] = _Asked(user, asyncio.get_running_loop().create_future())
        try:
            self._queue(Envelope(number, user, command))
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                reply = await asked.answer
        except TimeoutError as error:
            raise NotAnswered(
                f"there was no answer within {ANSWER_SECONDS_MAX:g} s", remedy="send it again"
            ) from error
        finally:
            del self._asked[number]
        if isinstance(reply, Refused):
            raise RefusedByActor(reply)
        return reply

    def deliver(self, replies: list[Addressed], done: list[Done]) -> None:
        """Replies, and the requests that are done with; one without a reply was dropped as its user moved."""
        for each in replies:
            asked = self._asked.get(each.connection) if each.connection is not None else None
            if asked is not None and not asked.answer.done():
                asked.answer.set_result(each.reply)
        for number, _ in done:
            asked = self._asked.get(number)
            if asked is not None and not asked.answer.done():
                asked.answer.set_exception(self._moved(asked.user))

    def reroute(self, routes: Routes) -> None:
        self._routes = routes

    def _check_here(self, user: UserId) -> None:
        if self._routes.api_elsewhere(user) is not None:
            raise self._moved(user)

    def _moved(self, user: UserId) -> MuvrError:
        url = self._routes.api_elsewhere(user)
        if not url:
            return NotAnswered(
                "another node serves the user, and its HTTP API cannot be told", remedy="send it again, there"
            )
        return ServedElsewhere(url)
