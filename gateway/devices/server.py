"""The websocket server in front of the connections: who is connected, and who is sent what."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from picows import WSCloseCode

from actors.messages import Addressed, Envelope
from domain.errors import MuvrError
from domain.identifiers import UserId
from domain.replies import DirectReply, PassingReply
from gateway import counts
from gateway.auth import Tokens
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.connection_output import Output, Wish, not_theirs
from gateway.devices.device_protocol import DeviceProtocol
from gateway.devices.doorman import Doorman, Visit
from gateway.devices.entrance import Entrance
from gateway.devices.limits import Limits
from gateway.devices.listener import FRAME_BYTES_MAX, DeviceListener
from gateway.devices.offers import Offers
from gateway.devices.replies import message_of
from gateway.lanes import Done
from gateway.routes import Routes

# When many devices have to connect somewhere else, they do so one after the other, at most so long after.
SPREAD_MS, SPREAD_MS_MAX = 1, 10_000
LEAD_MS = 500  # for which devices of a node that leaves wait, as the others learn of it in that time


class DeviceServer:
    """Runs in one asyncio loop. `forward` takes checked commands; `deliver` brings their replies back.

    `permit` is asked in a thread whether a user lets a coach; without it nobody does.
    """

    def __init__(
        self,
        tokens: Tokens,
        offers: Offers,
        limits: Limits,
        forward: Callable[[Envelope], None],
        *,
        permit: Callable[[UserId, UserId, str], bool] = lambda user, coach, what: False,
    ) -> None:
        self._tokens = tokens
        self._offers = offers
        self._limits = limits
        self._forward = forward
        self._listeners: dict[int, DeviceListener] = {}
        self._doorman = Doorman(limits)
        self._entrances: list[Entrance] = []
        self._by_user: dict[UserId, set[int]] = {}
        self._routes = Routes(())
        # Replies may come late, for connections of an earlier gateway: no number is used twice.
        self._next_number = time.time_ns()
        self._all_gone = asyncio.Event()
        self._permit = permit
        self._asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="permits")
        self._asked: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen; return the port. Raises ConfigurationError if it cannot be had."""
        entrance = Entrance(self._doorman, self._limits, self._protocol, tls)
        self._entrances.append(entrance)
        return await entrance.open(host, port)

    async def stop(self) -> None:
        """Stop listening, say goodbye and wait until all are gone; devices keep what is unacknowledged."""
        for entrance in self._entrances:
            entrance.close()
        self._asking.shutdown(wait=False, cancel_futures=True)
        self._all_gone.clear()
        spread_ms = self._spread_ms(len(self._listeners))
        for listener in list(self._listeners.values()):
            listener.send(protocol.encode(protocol.Leaving(wait_ms=random.randint(0, spread_ms))))
            listener.close(WSCloseCode.GOING_AWAY, "the server stops")
        if self._listeners:
            await self._all_gone.wait()  # at most goodbye_seconds

    def deliver(self, replies: list[Addressed], answered: list[Done]) -> None:
        """Send replies; `answered` has of whom each command was that they complete."""
        for (number, user), count in Counter(answered).items():
            if (listener := self._listeners.get(number)) is not None:
                listener.answered(user, count)
        for addressed in replies:
            assert not isinstance(addressed.reply, DirectReply), "it answers the API alone"
            data = protocol.encode(message_of(addressed.user, addressed.reply))
            if addressed.connection is not None:
                self._send(addressed.connection, data)
                continue
            for number in self._by_user.get(addressed.user, ()):
                self._send(number, data, droppable=isinstance(addressed.reply, PassingReply))

    def reroute(self, routes: Routes) -> None:
        """Tell the devices of users whom another node serves from now on."""
        self._routes = routes
        moved = [(user, url) for user in self._by_user if (url := routes.elsewhere(user)) is not None]
        lead_ms, spread_ms = LEAD_MS if routes.is_leaving else 0, self._spread_ms(len(moved))
        for user, url in moved:
            for number in tuple(self._by_user.get(user, ())):
                wait_ms = lead_ms + random.randint(0, spread_ms)
                self.take(number, self._listeners[number].connection.redirect(user, url, wait_ms))

    def check_tokens(self) -> None:
        """Close the connections whose token has expired or was revoked; who has another may return."""
        for listener in list(self._listeners.values()):
            if not listener.connection.is_good:
                listener.close(WSCloseCode.POLICY_VIOLATION, "the token is good no more")

    def offer(self, digests: Collection[str]) -> None:
        """Tell every authenticated device of the new models that are for it."""
        for listener in list(self._listeners.values()):
            for offer in listener.connection.news(digests):
                listener.send(protocol.encode(offer), droppable=True)

    def joined(self, listener: DeviceListener) -> int:
        """A connection has begun; its number."""
        self._next_number += 1
        self._listeners[self._next_number] = listener
        counts.joined(len(self._listeners))
        return self._next_number

    def take(self, number: int, output: Output) -> None:
        """Carry out what a connection asked for."""
        listener = self._listeners[number]
        for user in output.joined:
            self._by_user.setdefault(user, set()).add(number)
        for user in output.left:
            self._leave(user, number)
        for message in output.send:
            if type(message) is protocol.Error:
                counts.error_told(message.code)
            listener.send(protocol.encode(message))
        for user, command in output.forward:
            self._forward(Envelope(number, user, command))
        for wish in output.wishes:
            task = asyncio.get_running_loop().create_task(self._ask(number, wish))
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)
        if output.close_code is not None:
            listener.close(WSCloseCode(output.close_code), output.close_reason, is_fault=output.is_fault)

    def gone(self, number: int) -> None:
        """A connection has ended: forget it."""
        listener = self._listeners.pop(number, None)
        if listener is None:
            return
        counts.left(len(self._listeners))
        for user in listener.connection.users:
            self._leave(user, number)
        if not self._listeners:
            self._all_gone.set()

    async def _ask(self, number: int, wish: Wish) -> None:
        """Forward what a coach wants, if the user lets them; who was let do it is written down before."""
        error: MuvrError = not_theirs(wish.user)
        try:
            is_given = await asyncio.get_running_loop().run_in_executor(
                self._asking, self._permit, wish.user, wish.coach, wish.what
            )
        except MuvrError as failure:
            is_given, error = False, failure
        if (listener := self._listeners.get(number)) is not None:
            connection = listener.connection
            self.take(number, connection.permitted(wish) if is_given else connection.denied(wish, error))

    def _protocol(self, visit: Visit) -> DeviceProtocol:
        return DeviceProtocol(visit, self._limits, FRAME_BYTES_MAX, self._accept)

    def _accept(self, visit: Visit) -> DeviceListener:
        """Called before the request is checked, so it takes part only once it is connected."""
        connection = Connection(self._tokens, self._offers, self._elsewhere, limits=self._limits)
        return DeviceListener(self, connection, visit, self._limits)

    @staticmethod
    def _spread_ms(count: int) -> int:
        return min(SPREAD_MS * count, SPREAD_MS_MAX)

    def _elsewhere(self, user: UserId) -> str | None:
        return self._routes.elsewhere(user)

    def _leave(self, user: UserId, number: int) -> None:
        numbers = self._by_user.get(user, set())
        numbers.discard(number)
        if not numbers:
            self._by_user.pop(user, None)

    def _send(self, number: int, data: bytes, *, droppable: bool = False) -> None:
        if (listener := self._listeners.get(number)) is not None:
            listener.send(data, droppable=droppable)
