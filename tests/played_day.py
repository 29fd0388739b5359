"""A day that simulated people record on a node that runs: something for a night to learn from."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

from cli.demo.player import Played, Wearer, now_ms, play
from cli.demo.programme import PlayedSession, simulated
from cli.keys import verify_key
from cli.settings import NodeSettings
from domain.commands import RecogniserSite
from domain.identifiers import UserId
from gateway.auth import Tokens

SEED = 1
DAY_MS, BETWEEN_SESSIONS_MS = 86_400_000, 3_600_000
TOKEN_SECONDS = 3_600
SITE: RecogniserSite = "server"


def play_day(url: str, tokens: Tokens) -> list[Played]:
    """What was played, all of it acknowledged: sets that their wearers confirmed, to be learned from."""

    async def everyone() -> list[Played]:
        ordered = sorted(simulated(SEED).day_one, key=lambda session: session.user)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_play(url, tokens, list(sessions)))
                for _, sessions in itertools.groupby(ordered, key=lambda session: session.user)
            ]
        return [played for task in tasks for played in task.result()]

    played = asyncio.run(everyone())
    for each in played:
        assert not each.refusals, each.refusals
        assert each.acknowledged == len(each.frames)
    return played


def take_model(url: str, tokens: Tokens, keys: Path) -> None:
    """Returns when a device was offered a model, has fetched it, and found its signature right."""
    key = verify_key(NodeSettings(data=keys.parent, keys=keys))
    wearer = Wearer(UserId("eve"), tokens.issue(UserId("eve"), "device", TOKEN_SECONDS), key)
    asyncio.run(play(url, wearer, [], lambda *_: None, needs_model=True))


async def _play(url: str, tokens: Tokens, sessions: Sequence[PlayedSession]) -> list[Played]:
    user = sessions[0].user
    wearer = Wearer(user, tokens.issue(user, "device", TOKEN_SECONDS), verify_key=b"")
    first_ms = now_ms() - DAY_MS
    planned = [
        (session, first_ms + number * BETWEEN_SESSIONS_MS, SITE) for number, session in enumerate(sessions)
    ]
    return await play(url, wearer, planned, lambda *_: None, needs_model=False)
