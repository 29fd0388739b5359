"""The sets that a user confirmed, and which of several statements about the same set counts.

Devices that were offline say what they know in any order. So what counts is a function of the statements
alone: of those about the same set the one that was said last by the user's clock; of equal times the one of
the greater device name, then session, then command number. Statements are about the same set if they begin at
the same time of the same session, or share more than half of the longer one's time: nobody does two at once.
What was overridden is kept aside, as it counts again once what overrode it is overridden itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

import msgspec

from domain.identifiers import DeviceId, SessionId

HISTORY_MAX = 256  # sets that count and that the coach looks back on; what is older is settled
ASIDE_MAX = 64  # statements that do not count

SET_MS_MAX = 4 * 3_600_000  # of a set, from its start to its end

NO_NUMBER = -1  # the command number of a statement that was made through the API
NOTHING = ""  # the exercise of a statement that no set took place


class PastSet(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What a user said of a set; `place` is where, if the user has told.

    `said_ms` is when, 0 for at its end; `device` and `command_nr` say by which message. `utc_offset_min` was
    the user's clock against UTC then.
    """

    session: SessionId
    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None
    weight_kg: float | None
    place: str | None = None
    said_ms: int = 0
    device: DeviceId = DeviceId("")
    command_nr: int = 0
    utc_offset_min: int = 0


class Merged(msgspec.Struct, frozen=True, gc=False):
    """`history`: what counts, by time, oldest first; `aside`: what does not; `settled`: no longer kept.

    `about`: what counts and what does not of the statements about the same set as the one that was merged.
    """

    history: tuple[PastSet, ...]
    aside: tuple[PastSet, ...]
    settled: tuple[PastSet, ...] = ()
    about: tuple[tuple[PastSet, ...], tuple[PastSet, ...]] = ((), ())


def merged(history: tuple[PastSet, ...], aside: tuple[PastSet, ...], said: PastSet) -> Merged:
    """With another statement, whatever order they come in; said again it changes nothing."""
    group = _about_the_same(history, aside, said)
    if said.command_nr != NO_NUMBER and any(
        each.session == said.session and each.command_nr == said.command_nr for each in group
    ):
        return Merged(history, aside)
    if not group and said.exercise != NOTHING and (not history or _order(history[-1]) < _order(said)):
        return _bounded((*history, said), aside, ((said,), ()))
    counting, other = _resolved([said, *group])
    apart = {id(each) for each in group}
    kept = [each for each in history if id(each) not in apart]
    for each in counting:
        insort(kept, each, key=_order)
    beside = [each for each in aside if id(each) not in apart]
    for each in other:
        insort(beside, each, key=_order)
    return _bounded(tuple(kept), tuple(beside[-ASIDE_MAX:]), (tuple(counting), tuple(other)))


def without(history: tuple[PastSet, ...], aside: tuple[PastSet, ...], session: SessionId) -> Merged:
    """Without the statements of `session`: those about the same sets as these are weighed anew.

    `about` has, of other sessions, what counts that did not, and what does not that did.
    """
    gone = [each for each in (*history, *aside) if each.session == session]
    kept = [each for each in history if each.session != session]
    others = [each for each in aside if each.session != session]
    again = [each for each in others if any(is_the_same(each, one) for one in gone)]
    known = {id(each) for each in again}
    sets = Merged(tuple(kept), tuple(each for each in others if id(each) not in known))
    for each in again:
        sets = merged(sets.history, sets.aside, each)
    before, after = {id(each) for each in kept}, {id(each) for each in sets.history}
    counting = tuple(each for each in sets.history if id(each) not in before)
    other = tuple(each for each in kept if id(each) not in after)
    return Merged(sets.history, sets.aside, about=(counting, other))


def overrider(history: Sequence[PastSet], aside: Sequence[PastSet], said: PastSet) -> PastSet | None:
    """The statement in place of which `said` does not count; None if it counts or is not known."""
    others = [each for each in (*history, *aside) if each is not said and is_the_same(each, said)]
    stronger = [each for each in others if strength(each) > strength(said)]
    return max(stronger, key=strength, default=None)


def is_the_same(one: PastSet, other: PastSet) -> bool:
    """Whether both are about the same set."""
    if one.session == other.session and one.start_ms == other.start_ms:
        return True
    shared_ms = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    return 2 * shared_ms > max(one.end_ms - one.start_ms, other.end_ms - other.start_ms)


def strength(said: PastSet) -> tuple[int, str, str, int]:
    """Of two statements about the same set the greater counts."""
    return said.said_ms or said.end_ms, said.device, said.session, said.command_nr


def _about_the_same(history: Sequence[PastSet], aside: Sequence[PastSet], said: PastSet) -> list[PastSet]:
    """What is about the same set as `said`, or as something that is."""
    found: list[PastSet] = []
    reached = [said]
    while reached:
        one = reached.pop()
        for each in (*_beside(_around(history, one), one), *_beside(aside, one)):
            if is_the_same(each, one) and all(each is not known for known in found):
                found.append(each)
                reached.append(each)
    return found


def _beside(sets: Sequence[PastSet], said: PastSet) -> list[PastSet]:
    """Those that have time in common with `said`: few, and quick to tell."""
    start_ms, end_ms = said.start_ms, said.end_ms
    return [each for each in sets if each.end_ms >= start_ms and each.start_ms <= end_ms]


def _around(history: Sequence[PastSet], said: PastSet) -> Sequence[PastSet]:
    """What may have time in common with `said`, of sets by time."""
    first = bisect_left(history, said.start_ms - SET_MS_MAX, key=_start_ms)
    return history[first : bisect_right(history, said.end_ms, lo=first, key=_start_ms)]


def _start_ms(said: PastSet) -> int:
    return said.start_ms


def _resolved(group: Sequence[PastSet]) -> tuple[list[PastSet], list[PastSet]]:
    """What counts of statements and what does not: the strongest first, without those about the same."""
    strongest: list[PastSet] = []
    other: list[PastSet] = []
    for each in sorted(group, key=strength, reverse=True):
        is_overridden = any(is_the_same(each, stronger) for stronger in strongest)
        (other if is_overridden else strongest).append(each)
    other += [each for each in strongest if each.exercise == NOTHING]
    return [each for each in strongest if each.exercise != NOTHING], other


def _bounded(
    history: tuple[PastSet, ...],
    aside: tuple[PastSet, ...],
    about: tuple[tuple[PastSet, ...], tuple[PastSet, ...]],
) -> Merged:
    over = max(0, len(history) - HISTORY_MAX)
    settled, history = history[:over], history[over:]
    if settled and aside:
        aside = tuple(each for each in aside if not any(is_the_same(each, past) for past in settled))
    return Merged(history, aside, settled, about)


def _order(said: PastSet) -> tuple[int, str, int, int]:
    return said.start_ms, said.session, said.end_ms, said.command_nr
