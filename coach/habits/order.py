"""What follows what: a variable-order Markov model over a session's sets, with interpolated back-off.

A context is what was done last: the exercise; how often it was done today (three sets of squats end squats,
and a superset's turn is known); what was done before it. Each longer context's counts are interpolated with
the shorter one's estimate, which counts as much as the context has different followers:

    P_k(x) = (c_k(x) + t_k P_k-1(x)) / (n_k + t_k)

(Witten and Bell 1991; as PPM's method C, Moffat 1990, over the variable-order contexts of Cleary and Witten
1984; compared with others in Begleiter, El-Yaniv and Yona 2004.) A session's first set has contexts of its
own: quarter of the day, what the session before began with, the weekday, the place. Contexts that are no
suffixes of each other are backed off in a fixed order (Bilmes and Kirchhoff 2003).

An exercise that was done and left is less probable by the share of sessions in which it was taken up again.
A context's counts fade each time that something follows it, so a new habit wins after a few sessions however
rarely they are, and the faintest are dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from coach.habits.state import CONTEXTS_KEPT, CONTEXTS_MAX, COUNT_UNIT, END, FOLLOWERS_MAX, Habits, Place

FADING = 0.88  # of a context's counts is left when something follows it again
FADING_BASE = 0.99  # the same for what is counted with every set
FAINT = 8
NOVELTY = 0.7
RUN_MAX = 9
AGAIN_PRIOR = 0.3

_MOVES_BACK = 4  # and further
MOVE_NEW = 5
MOVE_END = 6
MOVE_UNKNOWN = 7  # to an exercise that was never done before: nobody can name it
_MOVES_AT_FIRST = (0.5, 0.1, 0.05, 0.03, 0.02, 0.2, 0.05, 0.05)  # before anything is known of a user

Counts = dict[bytes, Mapping[int, int]]


def contexts(today: Sequence[int], place: Place, before: int) -> list[bytes]:
    """The contexts of what comes next, the least specific first; each begins with its kind."""
    if not today:
        found = [
            b"s",
            b"q" + bytes([place.quarter]),
            b"b" + bytes([before]),
            b"w" + bytes([place.weekday]),
            b"wb" + bytes([place.weekday, before]),
        ]
        return [*found, b"p" + place.name.encode()[:16]] if place.name else found
    last = today[-1]
    done = min(RUN_MAX, today.count(last))
    others = _distinct(today)[1:3]
    found = [bytes([1, last]), bytes([2, last, done])]
    for depth in range(1, len(others) + 1):
        found.append(bytes([2 + depth, last, done, *others[:depth]]))
    return found


def followed(habits: Habits, symbol: int) -> Counts:
    """The counts once `symbol` has followed on what was done today."""
    changed = dict(habits.counts)
    _count(changed, b"*", symbol, FADING_BASE)
    for context in contexts(habits.today, habits.place, habits.before):
        _count(changed, context, symbol, FADING)
    is_unheard_of = symbol != END and not habits.exercises[symbol - 1].workouts
    kind = MOVE_UNKNOWN if is_unheard_of else move(habits.today, symbol)
    for context in moves(habits.today):
        _count(changed, context, kind, FADING_BASE)
    if len(changed) > CONTEXTS_MAX:
        _drop(changed)
    return changed


def without(counts: Mapping[bytes, Mapping[int, int]], symbol: int) -> Counts:
    """The counts without everything of an exercise that is forgotten."""
    return {
        context: kept
        for context, followers in counts.items()
        if not _mentions(context, symbol)
        and (kept := {s: c for s, c in followers.items() if s != symbol or context[:1] == b"m"})
    }


def probabilities(habits: Habits) -> list[float]:
    """By symbol, of each known exercise and of END to come next; empty without history."""
    if not habits.exercises:
        return []
    where = contexts(habits.today, habits.place, habits.before)
    return _once_left(habits, _interpolated(_base(habits), habits, where))


def moves(today: Sequence[int]) -> list[bytes]:
    """The contexts of how one moves on from exercise to exercise, whichever these are."""
    if not today:
        return []
    done = min(RUN_MAX, today.count(today[-1]))
    return [b"m", b"m" + bytes([done]), b"m" + bytes([done, move(today[:-1], today[-1])])]


def move(today: Sequence[int], symbol: int) -> int:
    """What doing `symbol` after `today` is: again, back to the one before, ..., or one that is new today."""
    return MOVE_END if symbol == END else _moves_back(today).get(symbol, MOVE_NEW)


def _base(habits: Habits) -> list[float]:
    """How often each exercise is done; within a session, what its next move may be, shared out."""
    size = len(habits.exercises) + 1
    often = _interpolated([1.0 / size] * size, habits, [b"*"])
    if not habits.today:
        return often
    chances = _interpolated(list(_MOVES_AT_FIRST), habits, moves(habits.today))
    back = _moves_back(habits.today)
    kinds = [MOVE_END, *(back.get(symbol, MOVE_NEW) for symbol in range(1, size))]
    totals = [0.0] * len(chances)
    for kind, share in zip(kinds, often, strict=True):
        totals[kind] += share
    whole = sum(chance for chance, total in zip(chances, totals, strict=True) if total)
    return [chances[kind] * share / (totals[kind] * whole) for kind, share in zip(kinds, often, strict=True)]


def _interpolated(estimate: list[float], habits: Habits, where: Sequence[bytes]) -> list[float]:
    """Let longer and longer contexts' counts speak, each as much as it has, with what was there as back-off.

    What shrinks with each context is taken out of the list and put back at the end.
    """
    scale = 1.0
    for context in where:
        followers = habits.counts.get(context)
        if not followers:
            continue
        total = sum(followers.values())
        novelty = NOVELTY * len(followers) * min(COUNT_UNIT, total)
        scale *= novelty / (total + novelty)
        share = 1.0 / ((total + novelty) * scale)
        for symbol, count in followers.items():
            estimate[symbol] += count * share
    return [each * scale for each in estimate]


def _count(counts: Counts, context: bytes, follower: int, fading: float) -> None:
    """One more follower; what followed before fades, and is dropped when it is faint."""
    followers = {
        each: left for each, count in counts.get(context, {}).items() if (left := int(count * fading)) > FAINT
    }
    followers[follower] = followers.get(follower, 0) + COUNT_UNIT
    if len(followers) > FOLLOWERS_MAX and context != b"*":
        del followers[min(followers.keys() - {follower}, key=lambda each: followers[each])]
    counts[context] = followers


def _once_left(habits: Habits, estimate: list[float]) -> list[float]:
    """Less of what was done today and left, by how often it is taken up again after so many sets."""
    for symbol, times in Counter(habits.today).items():
        if symbol == habits.today[-1]:
            continue
        done = min(RUN_MAX, times)
        reached, went_on = _mass(habits, symbol, done) - 1.0, _mass(habits, symbol, done + 1)
        estimate[symbol] *= (went_on + AGAIN_PRIOR) / (max(reached, went_on) + 2 * AGAIN_PRIOR)
    total = sum(estimate)
    return [each / total for each in estimate]


def _mass(habits: Habits, symbol: int, done: int) -> float:
    """In how many sessions, faded, an exercise's `done`th set was done."""
    followers = habits.counts.get(bytes([2, symbol, done]), {})
    return sum(followers.values()) / COUNT_UNIT


def _distinct(today: Sequence[int]) -> list[int]:
    """The exercises done, the latest first."""
    return list(dict.fromkeys(reversed(today)))


def _moves_back(today: Sequence[int]) -> dict[int, int]:
    """How far back each exercise of today is: 0 the last, at most _MOVES_BACK."""
    return {symbol: min(_MOVES_BACK, rank) for rank, symbol in enumerate(_distinct(today))}


def _mentions(context: bytes, symbol: int) -> bool:
    kind = context[:1]
    if kind in (b"*", b"s", b"q", b"m", b"p"):
        return False
    if kind == b"w":
        return context[:2] == b"wb" and len(context) == 4 and context[3] == symbol
    if kind == b"b":
        return context[1] == symbol
    return context[1] == symbol or symbol in context[3:]


def _drop(counts: Counts) -> None:
    """Drop what says least: the faintest, of these the most specific; several, as it takes a while."""
    weights = sorted(counts, key=lambda context: (sum(counts[context].values()), -len(context)))
    for context in weights[: len(counts) - CONTEXTS_KEPT]:
        del counts[context]
