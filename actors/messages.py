"""What a node's processes say to each other. Each request stands beside its answer.

Batches travel as MessagePack bytes: Thespian pickles messages, which costs more than the content does. It
also makes a text of each, for a log that it does not keep: 5 µs for every frame, were the bytes in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.view import View
from domain.commands import Command
from domain.identifiers import UserId
from domain.replies import LiveReply, LiveUpdate, Reply
from persistence.ports import Store


class Envelope(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A checked command of a user, from the gateway's connection or the API's request of that number.

    Requests have negative numbers: see `is_of_api`. `read_s` is when it was read, by the clock that all
    processes of a machine share.
    """

    connection: int
    user: UserId
    command: Command
    read_s: float = msgspec.field(default_factory=time.monotonic)


class Addressed(msgspec.Struct, frozen=True, array_like=True):
    """A reply for a connection, or for all of the user's connections where that is None."""

    connection: int | None
    user: UserId
    reply: Reply


@dataclass(frozen=True)
class StartShardHost:
    """Node to shard host: open the store and be ready. Answered with Started or StartFailed.

    `member_id` names it in the cluster, `url` is where devices of its users connect, `api_url` where their
    HTTP API is.
    """

    open_store: Callable[[], Store]
    master_key: bytes
    pseudonym_key: bytes
    sessions_max: int
    passivate_after_s: float
    member_id: str
    url: str
    lease_s: float
    api_url: str = ""


@dataclass(frozen=True)
class Started:
    """Any process to its supervisor: ready. `port` is what it listens on, if it does; `pid` is its own."""

    port: int | None = None
    pid: int = field(default_factory=os.getpid)


@dataclass(frozen=True)
class StartFailed:
    """Any process to its supervisor: what went wrong, in words for an operator."""

    message: str


@dataclass(frozen=True)
class Supervise:
    """Node to supervisor: run an actor of this class under this name, with this start message.

    Answered with the child's Started or StartFailed. A child that dies is made again; if `start` has a
    `port`, with the port it listened on. The class may have a `stop_stage` (0 without): when the node stops,
    a child is told to exit only after all those of lower stages have ended.
    """

    name: str
    actor_class: type
    start: object


@dataclass(frozen=True)
class GetDirectory:
    """Node to supervisor: answered with Directory."""


@dataclass(frozen=True)
class Directory:
    """Supervisor to every child, whenever it changes: the address of each that is ready, by name.

    `given_up` names those that died so often that they are not started again.
    """

    addresses: Mapping[str, Any]
    given_up: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShardBatch:
    """Gateway or API to shard host: list[Envelope]. Several may be on their way; see ShardAnswer.

    Those of the API, and the requests in them, have negative numbers.
    """

    number: int
    envelopes: bytes = field(repr=False)


@dataclass(frozen=True)
class ShardAnswer:
    """Shard host to gateway or API: list[Addressed]; everything acknowledged in it is durable.

    `finished` are the numbers of the batches all of whose commands have been answered with this.
    """

    finished: tuple[int, ...]
    replies: bytes = field(repr=False)


@dataclass(frozen=True)
class ViewChanged:
    """Shard host to the processes of its node: who owns which shard. No answer."""

    view: View


@dataclass(frozen=True)
class LiveUpdates:
    """Shard host to those who watch: list[LiveUpdate]. Best effort."""

    encoded: bytes = field(repr=False)


@dataclass(frozen=True)
class ModelsChanged:
    """Scheduler to gateway and shard hosts: read again which models are served. No answer."""


encode_envelopes = msgspec.msgpack.Encoder().encode
decode_envelopes = msgspec.msgpack.Decoder(list[Envelope]).decode
encode_addressed = msgspec.msgpack.Encoder().encode
decode_addressed = msgspec.msgpack.Decoder(list[Addressed]).decode


def is_of_api(number: int) -> bool:
    """Whether a batch or a connection is the API's, and not the device gateway's."""
    return number < 0


def live_updates(replies: list[Addressed]) -> LiveUpdates | None:
    """What of `replies` those who watch shall see, or None."""
    updates = [
        LiveUpdate(user=addressed.user, reply=addressed.reply)
        for addressed in replies
        if isinstance(addressed.reply, LiveReply)
    ]
    return LiveUpdates(msgspec.msgpack.encode(updates)) if updates else None
