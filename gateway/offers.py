"""The models that devices are offered, and their files in parts."""

from __future__ import annotations

import logging

from domain.errors import InvalidInput, MuvrError
from gateway import protocol
from persistence.models import EVERYONE, ModelStore

log = logging.getLogger(__name__)


class Offers:
    """What the model store serves to everyone, held in memory. Replaced whole, so threads may read it."""

    def __init__(self, models: ModelStore) -> None:
        self._models = models
        self._files: dict[str, bytes] = {}
        self._offers: tuple[protocol.Offer, ...] = ()

    def refresh(self) -> list[protocol.Offer]:
        """Read again what is served; return the offers that are new. Unreadable models are left out."""
        offers, files = [], {}
        for row in self._models.current_models():
            if row.scope != EVERYONE:
                continue
            try:
                file = self._files.get(row.digest) or self._models.artefact(row.digest)
            except MuvrError as error:
                log.error("model %s is not offered: %s", row.model_id, error)
                continue
            if file is None:
                log.error("model %s is not offered: its file is not stored", row.model_id)
                continue
            files[row.digest] = file
            offers.append(
                protocol.Offer(
                    model=row.model_id, sensor_set=row.sensor_set, digest=row.digest, bytes=len(file)
                )
            )
        known = {offer.digest for offer in self._offers}
        # Files of models that are offered no more stay until the next change: devices may be fetching them.
        self._files = {**{d: f for d, f in self._files.items() if d in known}, **files}
        self._offers = tuple(offers)
        return [offer for offer in offers if offer.digest not in known]

    def all(self) -> tuple[protocol.Offer, ...]:
        return self._offers

    def part(self, digest: str, offset: int) -> protocol.ModelPart:
        """The part of an offered file that begins at `offset`; raises InvalidInput."""
        file = self._files.get(digest)
        if file is None or not 0 <= offset < len(file):
            raise InvalidInput(
                f"byte {offset} of model {digest[:64]!r}",
                expected="a digest that was offered, and an offset inside the file",
                remedy="take the newest offer",
            )
        data = file[offset : offset + protocol.MODEL_PART_BYTES]
        return protocol.ModelPart(digest=digest, offset=offset, total=len(file), data=data)
