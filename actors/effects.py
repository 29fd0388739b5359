"""What a session actor hands to its shard host: what to write, to classify, and to say once it is durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from actors.recognition import Model
from domain.commands import Command
from domain.identifiers import SessionId
from domain.replies import Reply
from domain.windows import Window
from persistence.ports import Mutation


@dataclass(frozen=True)
class Take:
    """Commands in the order they came, each with the connection that it came from."""

    commands: Sequence[tuple[int, Command]]


@dataclass(frozen=True)
class ClassifyRequest:
    session: SessionId
    model: Model
    windows: Sequence[Window]


@dataclass(frozen=True)
class Classified:
    """The answers to an actor's requests, in their order, each [windows, classes]."""

    probabilities: Sequence[npt.NDArray[np.float32]]


@dataclass
class Effects:
    """`replies` go to a connection, or to all of the user's connections where that is None.

    With `more` the actor wants a `Classified`, even for no windows, before its batch is complete. With
    `snapshot_due` it wants a `Snapshot` once the batch is durable.
    """

    writes: list[Mutation] = field(default_factory=list)
    replies: list[tuple[int | None, Reply]] = field(default_factory=list)
    requests: list[ClassifyRequest] = field(default_factory=list)
    more: bool = False
    snapshot_due: bool = False
