"""The models that devices are offered, and their files in parts."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import msgspec

from domain.errors import InvalidInput, MuvrError, StoreError
from domain.identifiers import UserId
from gateway.devices import protocol
from persistence.models import EVERYONE, ModelStore, cluster_in, user_of
from persistence.tables import CurrentModelRow

log = logging.getLogger(__name__)

USERS_REMEMBERED_MAX = 100_000  # with their clusters


@dataclass(frozen=True)
class _Served:
    """What is offered to everyone, and in place of it to single users, or to those of a cluster."""

    to_all: tuple[protocol.Offer, ...] = ()
    to_user: dict[UserId, tuple[protocol.Offer, ...]] = field(default_factory=dict)
    to_cluster: dict[str, tuple[protocol.Offer, ...]] = field(default_factory=dict)

    def digests(self) -> set[str]:
        groups = (self.to_all, *self.to_user.values(), *self.to_cluster.values())
        return {offer.digest for offers in groups for offer in offers}

    def own(self, user: UserId, cluster: str | None) -> tuple[protocol.Offer, ...]:
        """What is for the user or the cluster: of a sensor set the user's own."""
        own = self.to_user.get(user, ())
        replaced = {offer.sensor_set for offer in own}
        shared = (
            offer for offer in self.to_cluster.get(cluster or "", ()) if offer.sensor_set not in replaced
        )
        return (*(msgspec.structs.replace(offer, user=user) for offer in shared), *own)


class Offers:
    """What the model store serves, held in memory. Replaced whole, so threads may read it.

    `cluster_of` tells a user's cluster. It is asked only while there are models of clusters, when a user's
    device says hello, and remembered until the next time, so that news for all cost no questions.
    """

    def __init__(
        self, models: ModelStore, cluster_of: Callable[[UserId], str | None] = lambda user: None
    ) -> None:
        self._models = models
        self._cluster_of = cluster_of
        self._clusters: OrderedDict[UserId, str | None] = OrderedDict()  # those asked for last, last
        self._files: dict[str, bytes] = {}
        self._served = _Served()
        self._before = _Served()  # devices may still be fetching what was served before the last change

    def refresh(self) -> set[str]:
        """Read again what is served; return the digests that are new. Unreadable models are left out."""
        files: dict[str, bytes] = {}
        to_all: list[protocol.Offer] = []
        to_user: dict[UserId, tuple[protocol.Offer, ...]] = {}
        to_cluster: dict[str, tuple[protocol.Offer, ...]] = {}
        for row in self._models.current_models():
            user, cluster = user_of(row.scope), cluster_in(row.scope)
            is_for_somebody = user is not None or cluster is not None or row.scope == EVERYONE
            if not is_for_somebody or (file := self._file(row)) is None:
                continue
            files[row.digest] = file
            offer = protocol.Offer(
                model=row.model_id, sensor_set=row.sensor_set, digest=row.digest, bytes=len(file), user=user
            )
            if user is not None:
                to_user[user] = (*to_user.get(user, ()), offer)
            elif cluster is not None:
                to_cluster[cluster] = (*to_cluster.get(cluster, ()), offer)
            else:
                to_all.append(offer)
        before, served = self._served, _Served(tuple(to_all), to_user, to_cluster)
        known = before.digests()
        self._files = {**{digest: file for digest, file in self._files.items() if digest in known}, **files}
        self._before, self._served = before, served
        return served.digests() - known

    def all(self) -> tuple[protocol.Offer, ...]:
        """What is for everyone."""
        return self._served.to_all

    def own(self, user: UserId, *, is_known: bool = False) -> tuple[protocol.Offer, ...]:
        """What is for that user alone, or for the users of the same cluster.

        If `is_known`, it is the cluster that the user was in when last asked for.
        """
        if not is_known:
            self._clusters.pop(user, None)
        return self._served.own(user, self._cluster(user, self._served))

    def of(self, user: UserId, *, is_known: bool = False) -> tuple[protocol.Offer, ...]:
        """What a device of that user is offered: what `own` says last, in place of everyone's."""
        own = self.own(user, is_known=is_known)
        replaced = {offer.sensor_set for offer in own}
        return (*(offer for offer in self.all() if offer.sensor_set not in replaced), *own)

    def part(self, digest: str, offset: int, users: Collection[UserId]) -> protocol.ModelPart:
        """The part, from `offset`, of a file that these users are offered; raises InvalidInput."""
        file = self._files.get(digest)
        may = self._may_fetch(digest, users, self._served) or self._may_fetch(digest, users, self._before)
        if file is None or not may or not 0 <= offset < len(file):
            raise InvalidInput(
                f"byte {offset} of model {digest[:64]!r}",
                expected="a digest that was offered, and an offset inside the file",
                remedy="take the newest offer",
            )
        data = file[offset : offset + protocol.MODEL_PART_BYTES]
        return protocol.ModelPart(digest=digest, offset=offset, total=len(file), data=data)

    def _may_fetch(self, digest: str, users: Collection[UserId], served: _Served) -> bool:
        if any(offer.digest == digest for offer in served.to_all):
            return True
        own = (offer for user in users for offer in served.own(user, self._cluster(user, served)))
        return any(offer.digest == digest for offer in own)

    def _cluster(self, user: UserId, served: _Served) -> str | None:
        if not served.to_cluster:
            return None
        if user not in self._clusters:
            try:
                self._clusters[user] = self._cluster_of(user)
            except StoreError as error:
                log.error("%s is offered everyone's model, as the cluster cannot be read: %s", user, error)
                return None
            if len(self._clusters) > USERS_REMEMBERED_MAX:
                self._clusters.popitem(last=False)
        return self._clusters[user]

    def _file(self, row: CurrentModelRow) -> bytes | None:
        try:
            file = self._files.get(row.digest) or self._models.artefact(row.digest)
        except MuvrError as error:
            log.error("model %s is not offered: %s", row.model_id, error)
            return None
        if file is None:
            log.error("model %s is not offered: its file is not stored", row.model_id)
        return file
