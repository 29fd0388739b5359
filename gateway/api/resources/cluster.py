"""The nodes: who serves which shards, whose lease is renewed, what version this is."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from actors.lease import is_fenced
from actors.membership import view_of_store
from domain.identifiers import ShardNr
from gateway.api.resources.common import From, router
from persistence.migrations import SCHEMA_VERSION
from persistence.ports import Store
from persistence.tables import MEMBER

routes = router()


@dataclass(frozen=True, kw_only=True)
class MemberItem:
    """A shard host. `renewed_ms` is when its lease was, by its own clock; `serving`: the view has it."""

    member: str
    url: str
    api_url: str
    serving: bool
    shards: list[ShardNr]
    renewed_ms: int
    view_said: int


@dataclass(frozen=True, kw_only=True)
class ClusterState:
    """`view` counts changes of who is a member; `version` and `schema_version` are this node's."""

    view: int
    version: str
    schema_version: int
    members: list[MemberItem]


@routes.get("/v1/cluster")
async def cluster(services: From) -> ClusterState:
    """Shard hosts and their shards, as the store has them."""
    return await services.reads(_state, services.store)


def _state(store: Store) -> ClusterState:
    view = view_of_store(store)
    known = {member.member_id: member for member in view.members}
    items = [
        MemberItem(
            member=row.member_id,
            url=row.url,
            api_url=known[row.member_id].api_url if row.member_id in known else "",
            serving=row.member_id in known and not is_fenced(row),
            shards=sorted(view.shards_of(row.member_id)),
            renewed_ms=row.renewed_at,
            view_said=row.view_nr,
        )
        for row in store.scan(MEMBER)
    ]
    return ClusterState(
        view=view.number,
        version=_version(),
        schema_version=SCHEMA_VERSION,
        members=sorted(items, key=lambda item: item.member),
    )


def _version() -> str:
    try:
        return version("muvr")
    except PackageNotFoundError:
        return "unknown"
