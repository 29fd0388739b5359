"""What must hold when everything is acknowledged, and what must hold of an acknowledgement at any time."""

from __future__ import annotations

from typing import Any

from persistence.ports import Store
from persistence.tables import SENSOR, SESSION_BY_USER
from tests.actors.checker import check
from tests.cluster.crowd import Crowd


def check_settled(store: Store, crowd: Crowd) -> None:
    """After `settle`: all is stored once, in order, and nothing that nobody sent."""
    wearers: list[Any] = crowd.wearers
    try:
        check(store, wearers)
        for user in crowd.users:
            sent = {name for wearer in crowd.wearers if wearer.user == user for name in wearer.sessions}
            assert {row.session_id for row in store.read(SESSION_BY_USER, (user,))} <= sent
    except BaseException as error:
        error.add_note(f"seed {crowd.seed}")
        raise


def check_acknowledged(store: Store, crowd: Crowd) -> int:
    """What is acknowledged now is stored now, with the samples that were sent; how many frames that are."""
    acknowledged, count = crowd.acknowledged(), 0
    for wearer in crowd.wearers:
        for (session, stream), next_nr in acknowledged[wearer.name].items():
            if stream:
                rows = store.read(SENSOR, (wearer.user, session, stream), upper=(next_nr - 1,))
                expected = wearer.sessions[session].frames[stream][:next_nr]
                assert [row.samples for row in rows] == expected, f"seed {crowd.seed}: {session} {stream}"
                count += next_nr
    return count
