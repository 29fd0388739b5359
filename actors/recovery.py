"""Recovers many users at once: each question is put to the store for all of them together."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping

from actors.histories import History
from actors.recognition import ModelShelf
from actors.user_entity import UserEntity
from actors.user_stores import UserStores
from domain.errors import Erased, MuvrError, NotOwner, StoredValueCorrupt
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId, UserId

TOGETHER_MAX = 128  # users per round of questions, which bounds what is in memory

Outcome = UserEntity | MuvrError


def recover(epochs: Mapping[UserId, int], stores: UserStores, shelf: ModelShelf) -> dict[UserId, Outcome]:
    """The entity of each user, who writes under that epoch, or why it cannot be had.

    Broken rows are the matter of their user alone; raises StoreError if the store does not answer.
    """
    outcomes: dict[UserId, Outcome] = {}
    remaining = iter(epochs.items())
    while some := dict(itertools.islice(remaining, TOGETHER_MAX)):
        outcomes |= _recover(some, stores, shelf)
    return outcomes


def _recover(epochs: Mapping[UserId, int], stores: UserStores, shelf: ModelShelf) -> dict[UserId, Outcome]:
    outcomes: dict[UserId, Outcome] = {}
    for user, history in _histories(list(epochs), stores):
        try:
            if isinstance(history, MuvrError):
                raise history
            outcomes[user] = UserEntity(user, history, stores, shelf, writer_epoch=epochs[user])
        except (Erased, NotOwner, StoredValueCorrupt) as error:
            outcomes[user] = error
    _resume([entity for entity in outcomes.values() if isinstance(entity, UserEntity)], stores)
    return outcomes


def _histories(users: list[UserId], stores: UserStores) -> Iterator[tuple[UserId, History | MuvrError]]:
    keys = stores.keys.ciphers_of(users)
    ciphers = {user: key for user, key in keys.items() if not isinstance(key, MuvrError)}
    snapshots = stores.snapshots.newest_of(ciphers)
    after = {user: (ciphers[user], found[0] if found else 0) for user, found in snapshots.items()}
    tails = stores.journal.tails(after)
    for user, key in keys.items():
        if isinstance(key, MuvrError):
            yield user, key
        else:
            yield user, History(key, snapshots[user], tails[user])


def _resume(entities: list[UserEntity], stores: UserStores) -> None:
    wanted = [(entity.user, *stream) for entity in entities for stream in entity.unresumed()]
    found = stores.sensors.frames_of(wanted)
    stored: dict[UserId, dict[tuple[SessionId, StreamId], list[SensorFrame]]] = defaultdict(dict)
    for (user, session, stream, _), frames in zip(wanted, found, strict=True):
        stored[user][session, stream] = frames
    for entity in entities:
        entity.resume(stored[entity.user])
