"""One device connection, without I/O: bytes in; messages to send, commands to forward and a close out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import msgspec

from domain.command_checks import check_command
from domain.errors import InvalidInput, MuvrError, NotAuthorised
from domain.identifiers import DeviceId, UserId, check_identifier
from gateway.access import MESSAGES
from gateway.auth import ANY_USER, Claims, Tokens
from gateway.devices import care_messages, protocol
from gateway.devices.commands import command_of
from gateway.devices.connection_output import (
    CLOSE_MOVED,
    Output,
    Wish,
    check_scope,
    cut_off,
    refused,
    too_much,
    user_of,
)
from gateway.devices.limits import Limits, Rate
from gateway.devices.offers import Offers
from gateway.lanes import LANE_BATCHES_MAX

CREDIT = 32  # messages that a user may have unacknowledged
GATEWAY_CREDIT = 2048  # and all users of a gateway together
# A device that sends more is cut off, and of a gateway's user no more is taken. What is sent again counts
# anew, and what was acknowledged counts until its whole batch is answered, which others in it may delay.
UNANSWERED_MAX = 2 * (LANE_BATCHES_MAX + 1) * CREDIT
GATEWAY_UNANSWERED_MAX = 2 * GATEWAY_CREDIT  # a gateway that sends more is not read until it is answered
USERS_COUNTED_MAX = 100_000  # whose rates a connection remembers
INVALID_MAX = 8  # messages that cannot be read before a device is cut off; a stranger is at the first


class Connection:
    """The server's side of one connection. `users` are those whose live view it gets.

    `elsewhere` tells where devices of a user connect whom another node serves. It is asked when a user joins;
    `redirect` is to be called when it changes for one of `users`, and `permitted` or `denied` once for each
    wish. `now_s` is a clock that never goes back.
    """

    def __init__(
        self,
        tokens: Tokens,
        offers: Offers,
        elsewhere: Callable[[UserId], str | None] = lambda user: None,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._offers = offers
        self._elsewhere = elsewhere
        self._limits = limits
        self._now_s = now_s
        self._claims: Claims | None = None
        self._is_shared = False  # the connection may be of several users
        self._device = DeviceId("")
        self._rate = Rate(limits.user_messages_per_second, limits.burst_seconds)
        self._user_rates: dict[UserId, Rate] = {}  # of a gateway's users
        self._unanswered_count = 0
        self._unanswered: dict[UserId, int] = {}  # of a gateway's users
        self._invalid = 0
        self.users: set[UserId] = set()

    @property
    def is_authenticated(self) -> bool:
        return self._claims is not None

    @property
    def is_good(self) -> bool:
        """Whether its token has neither expired nor been revoked since it said hello."""
        return self._claims is None or self._tokens.is_good(self._claims)

    def receive(self, data: bytes) -> Output:
        """Take one binary message."""
        output = Output(pause_s=self._rate.count(self._now_s()))
        try:
            self._take(protocol.decode(data), output)
        except NotAuthorised as error:
            output.send.append(protocol.error_message(error))
            cut_off(output, error)
        except MuvrError as error:
            output.send.append(protocol.error_message(error))
            self._invalid += 1
            if self._claims is None or self._invalid >= INVALID_MAX:
                cut_off(output, error)
        return output

    def news(self, digests: Collection[str]) -> list[protocol.Offer]:
        """Of the offers of new models, those that are for this device."""
        if self._claims is None:
            return []
        if self._is_shared:
            own = (offer for user in sorted(self.users) for offer in self._offers.own(user, is_known=True))
            offers = (*self._offers.all(), *own)
        else:
            offers = self._offers.of(self._claims.user, is_known=True)
        return [offer for offer in offers if offer.digest in digests]

    @property
    def is_full(self) -> bool:
        """So much is unanswered that nothing more is to be read."""
        return self._is_shared and self._unanswered_count >= GATEWAY_UNANSWERED_MAX

    def answered(self, user: UserId, count: int) -> None:
        """The session actors have answered `count` forwarded commands of `user`."""
        self._unanswered_count -= count
        if self._is_shared:
            self._unanswered[user] -= count
            if not self._unanswered[user]:
                del self._unanswered[user]

    def redirect(self, user: UserId, url: str, wait_ms: int = 0) -> Output:
        """Another node serves `user` from now on; the device connects there after `wait_ms`."""
        output = Output()
        self._redirect(user, url, output, wait_ms)
        return output

    def permitted(self, wish: Wish) -> Output:
        """The user lets the coach. The connection gets the answer, and none of the user's live messages."""
        output = Output()
        if (url := self._elsewhere(wish.user)) is not None:
            self.answered(wish.user, 1)
            self._redirect(wish.user, url, output)
        else:
            output.forward.append((wish.user, wish.command))
        return output

    def denied(self, wish: Wish, error: MuvrError) -> Output:
        """The user does not let the coach, or it is not known; the connection goes on."""
        self.answered(wish.user, 1)
        told = msgspec.structs.replace(protocol.error_message(error), user=wish.user)
        return Output(send=[told])

    def _take(self, message: protocol.DeviceMessage, output: Output) -> None:
        match message:
            case protocol.Hello():
                self._hello(message, output)
            case protocol.GetModel():
                check_scope(self._authenticated(), message)
                output.send.append(self._part(message))
            case _:
                self._forward(message, output)

    def _part(self, message: protocol.GetModel) -> protocol.ModelPart | protocol.Error:
        try:
            return self._offers.part(message.digest, message.offset, self.users)
        except InvalidInput as error:
            return msgspec.structs.replace(protocol.error_message(error), digest=message.digest[:64])

    def _hello(self, message: protocol.Hello, output: Output) -> None:
        if self._claims is not None:
            raise InvalidInput("a second hello", expected="one on each connection", remedy="connect anew")
        if message.version != protocol.VERSION:
            raise NotAuthorised(
                f"protocol version {message.version}",
                expected=f"version {protocol.VERSION}",
                remedy="update the device or the server",
            )
        claims = self._tokens.verify(message.token, tuple(MESSAGES["hello"]))
        if claims.scope == "coach" and claims.user == ANY_USER:
            raise NotAuthorised(
                "the token names no coach", expected="a coach's own, whom users let look after them"
            )
        self._device = DeviceId(check_identifier("device", message.device))
        self._claims = claims
        self._is_shared = claims.is_of_many
        is_gateway = claims.user == ANY_USER
        if is_gateway:
            self._rate = Rate(self._limits.gateway_messages_per_second, self._limits.burst_seconds)
        if not self._is_shared and not self._join(claims.user, output):
            return
        output.send.append(
            protocol.Welcome(
                version=protocol.VERSION,
                credit=GATEWAY_CREDIT if is_gateway else CREDIT,
                user_credit=CREDIT,
                message_bytes_max=protocol.MESSAGE_BYTES_MAX,
                models=self._offers.all() if self._is_shared else self._offers.of(claims.user),
            )
        )

    def _forward(self, message: protocol.SessionMessage | care_messages.TimedMessage, output: Output) -> None:
        claims = self._authenticated()
        check_scope(claims, message)
        try:
            user = user_of(claims, message.user)
            command = check_command(command_of(message, self._device))
        except InvalidInput as error:
            output.send.append(refused(claims, message, error))
            return
        if self._is_shared:
            if self._is_too_much(user):
                output.send.append(refused(claims, message, too_much()))
                return
        elif self._unanswered_count >= UNANSWERED_MAX:
            overrun = InvalidInput(
                f"more than {UNANSWERED_MAX} messages without an answer",
                expected=f"at most {CREDIT}",
                remedy="wait for acknowledgements",
            )
            output.send.append(protocol.error_message(overrun))
            cut_off(output, overrun)
            return
        if claims.scope == "coach":
            what = f"message {message.__struct_config__.tag}"
            output.wishes.append(Wish(user=user, coach=claims.user, what=what, command=command))
        elif self._join(user, output):
            output.forward.append((user, command))
        else:
            return
        self._unanswered_count += 1
        if self._is_shared:
            self._unanswered[user] = self._unanswered.get(user, 0) + 1

    def _is_too_much(self, user: UserId) -> bool:
        """Whether one of a gateway's users takes more than its share; the others do not wait."""
        if self._unanswered.get(user, 0) >= UNANSWERED_MAX:
            return True
        rate = self._user_rates.get(user)
        if rate is None:
            if len(self._user_rates) >= USERS_COUNTED_MAX:
                self._user_rates.clear()
            rate = self._user_rates[user] = Rate(
                self._limits.user_messages_per_second, self._limits.burst_seconds
            )
        return not rate.may_count(self._now_s())

    def _join(self, user: UserId, output: Output) -> bool:
        """False if the user is not served here; then the device is told where."""
        if user in self.users:
            return True
        if (url := self._elsewhere(user)) is not None:
            self._redirect(user, url, output)
            return False
        self.users.add(user)
        output.joined.append(user)
        if self._is_shared:
            output.send += self._offers.own(user)
        return True

    def _redirect(self, user: UserId, url: str, output: Output, wait_ms: int = 0) -> None:
        if user in self.users:
            self.users.remove(user)
            output.left.append(user)
        if self._is_shared:
            output.send.append(protocol.Redirect(url=url, user=user, wait_ms=wait_ms))
            return
        output.send.append(protocol.Redirect(url=url, wait_ms=wait_ms))
        output.close_code = CLOSE_MOVED
        output.close_reason = "the user is served elsewhere"

    def _authenticated(self) -> Claims:
        if self._claims is None:
            raise NotAuthorised("no hello yet", expected="`hello` with a token first")
        return self._claims
