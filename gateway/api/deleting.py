"""Deleting a session: what has to be looked up for the user's actor, and what is shown of it no more."""

from __future__ import annotations

from domain.errors import Overtaken
from domain.identifiers import SessionId, UserId
from gateway.api.problems import NotFound, RefusedByActor
from gateway.api.services import Services
from persistence.deleting import deletion_of

ATTEMPTS_MAX = 3  # a set that is settled while another process looks up is rare


async def delete_session(services: Services, user: UserId, session: SessionId, at_ms: int) -> None:
    """When this returns it is durable; who deletes a session again has deleted it. Raises NotFound."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        held = await services.ask(user)  # whoever recovers the user makes up for a deletion that was cut off
        if session in held.deleted:
            break
        cipher = await services.slow_reads(services.privacy.cipher_of, user)
        command = await services.slow_reads(
            deletion_of, services.store, user, session, cipher, at_ms=at_ms, settled_ms=held.settled_ms
        )
        if command is None:
            raise NotFound(f"{user} has no session {session}", remedy="list the user's sessions")
        try:
            await services.say(user, command)
            break
        except RefusedByActor as error:
            if error.code != Overtaken.code or attempt == ATTEMPTS_MAX:
                raise
    services.live.forget_session(user, session)
