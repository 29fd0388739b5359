"""What a user agrees to, for each purpose. Said as a whole and known by its time: of two, the later holds.

Naming exercises while they are done is what users come for, so it is on until somebody says no. Being counted
in statistics, and being learned from for the models of others, serves others: that is off until the user says
yes. docs/decisions/0024-privacy.md has the reasons.
"""

from __future__ import annotations

import msgspec

from domain.events import ConsentGiven
from domain.profile import Profile
from domain.profile_commands import SetConsent


class Consent(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """`recognition`: the server names exercises; `statistics` and `training` are what others learn from."""

    at_ms: int = -1
    recognition: bool = True
    statistics: bool = False
    training: bool = False


NO_CONSENT = Consent()  # most users say nothing, and keep this one


def decide_consent(consent: Consent, command: SetConsent) -> tuple[ConsentGiven] | tuple[()]:
    """What `command` leads to; nothing if it is known, or was overtaken by a later one."""
    if command.at_ms <= consent.at_ms:
        return ()
    return (
        ConsentGiven(
            at_ms=command.at_ms,
            recognition=command.recognition,
            statistics=command.statistics,
            training=command.training,
        ),
    )


def consented(event: ConsentGiven) -> Consent:
    return Consent(
        at_ms=event.at_ms,
        recognition=event.recognition,
        statistics=event.statistics,
        training=event.training,
    )


def is_counted(consent: Consent, profile: Profile | None) -> bool:
    """Whether the user is counted in statistics: a profile says so too, and the later of both holds."""
    if profile is not None and profile.changed_ms > consent.at_ms:
        return profile.in_statistics
    return consent.statistics
