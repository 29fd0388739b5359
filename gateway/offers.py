"""The models that devices are offered, and their files in parts."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from domain.errors import InvalidInput, MuvrError
from domain.identifiers import UserId
from gateway import protocol
from persistence.models import EVERYONE, ModelStore, user_of
from persistence.tables import CurrentModelRow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Served:
    """What is offered to everyone, and to single users in place of it."""

    to_all: tuple[protocol.Offer, ...] = ()
    to_user: dict[UserId, tuple[protocol.Offer, ...]] = field(default_factory=dict)

    def offers(self) -> list[protocol.Offer]:
        return [*self.to_all, *(offer for offers in self.to_user.values() for offer in offers)]

    def may_fetch(self, digest: str, users: Collection[UserId]) -> bool:
        own = (offer for user in users for offer in self.to_user.get(user, ()))
        return any(offer.digest == digest for offers in (self.to_all, own) for offer in offers)


class Offers:
    """What the model store serves, held in memory. Replaced whole, so threads may read it."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models
        self._files: dict[str, bytes] = {}
        self._served = _Served()
        self._before = _Served()  # devices may still be fetching what was served before the last change

    def refresh(self) -> list[protocol.Offer]:
        """Read again what is served; return the offers that are new. Unreadable models are left out."""
        files: dict[str, bytes] = {}
        to_all: list[protocol.Offer] = []
        to_user: dict[UserId, tuple[protocol.Offer, ...]] = {}
        for row in self._models.current_models():
            user = user_of(row.scope)
            if (user is None and row.scope != EVERYONE) or (file := self._file(row)) is None:
                continue
            files[row.digest] = file
            offer = protocol.Offer(
                model=row.model_id, sensor_set=row.sensor_set, digest=row.digest, bytes=len(file), user=user
            )
            if user is None:
                to_all.append(offer)
            else:
                to_user[user] = (*to_user.get(user, ()), offer)
        before, served = self._served, _Served(tuple(to_all), to_user)
        known = {offer.digest for offer in before.offers()}
        self._files = {**{digest: file for digest, file in self._files.items() if digest in known}, **files}
        self._before, self._served = before, served
        return [offer for offer in served.offers() if offer.digest not in known]

    def all(self) -> tuple[protocol.Offer, ...]:
        """What is for everyone."""
        return self._served.to_all

    def own(self, user: UserId) -> tuple[protocol.Offer, ...]:
        """What is for that user alone."""
        return self._served.to_user.get(user, ())

    def of(self, user: UserId) -> tuple[protocol.Offer, ...]:
        """What a device of that user is offered: the user's own models last, in place of everyone's."""
        own = self.own(user)
        replaced = {offer.sensor_set for offer in own}
        return (*(offer for offer in self.all() if offer.sensor_set not in replaced), *own)

    def part(self, digest: str, offset: int, users: Collection[UserId]) -> protocol.ModelPart:
        """The part, from `offset`, of a file that these users are offered; raises InvalidInput."""
        file = self._files.get(digest)
        may = self._served.may_fetch(digest, users) or self._before.may_fetch(digest, users)
        if file is None or not may or not 0 <= offset < len(file):
            raise InvalidInput(
                f"byte {offset} of model {digest[:64]!r}",
                expected="a digest that was offered, and an offset inside the file",
                remedy="take the newest offer",
            )
        data = file[offset : offset + protocol.MODEL_PART_BYTES]
        return protocol.ModelPart(digest=digest, offset=offset, total=len(file), data=data)

    def _file(self, row: CurrentModelRow) -> bytes | None:
        try:
            file = self._files.get(row.digest) or self._models.artefact(row.digest)
        except MuvrError as error:
            log.error("model %s is not offered: %s", row.model_id, error)
            return None
        if file is None:
            log.error("model %s is not offered: its file is not stored", row.model_id)
        return file
