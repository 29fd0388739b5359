"""What a session actor hands to its shard host: what to write, to classify, and to say once it is durable."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from actors.recognition import Model
from domain.commands import Command
from domain.errors import MuvrError
from domain.identifiers import SessionId
from domain.replies import Reply
from domain.windows import Window
from persistence.ports import Mutation


class ClassifyRequest(msgspec.Struct, frozen=True):
    session: SessionId
    model: Model
    windows: Sequence[Window]


class Effects(msgspec.Struct):
    """`replies` go to a connection, or to all of the user's connections where that is None.

    With `more` the actor wants a `Classified`, even for no windows, before its batch is complete. With
    `snapshot_due` it wants a `Snapshot` once the batch is durable.
    """

    writes: list[Mutation] = msgspec.field(default_factory=list)
    replies: list[tuple[int | None, Reply]] = msgspec.field(default_factory=list)
    requests: list[ClassifyRequest] = msgspec.field(default_factory=list)
    more: bool = False
    snapshot_due: bool = False


class Question(msgspec.Struct, kw_only=True):
    """To a session actor, which puts its answer here: its host, in whose thread it lives, waits for it.

    A message back would cost as much again as the question. After an error the actor must forget its user,
    who is recovered when next heard of.
    """

    answer: Effects | list[Mutation] | MuvrError | None = None


class Take(Question):
    """Commands in the order they came, each with the connection that it came from. Answered with Effects."""

    commands: Sequence[tuple[int, Command]]
    now_ms: int


class Classified(Question):
    """The answers to an actor's requests, in their order, each [windows, classes]. Answered with Effects."""

    probabilities: Sequence[npt.NDArray[np.float32]]


class Snapshot(Question):
    """What saves the state, all of whose events are durable? Answered with mutations, none if it is saved."""
