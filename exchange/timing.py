"""When each set of a workout was, where the program that wrote it down does not say."""

from __future__ import annotations

from collections.abc import Sequence

from exchange.workouts import ForeignSet, Workout

REPETITION_S = 3.0
SET_S_MIN, SET_S = 10.0, 30.0  # of few repetitions, and of nobody knows how many
REST_S = 90.0  # between sets of a workout whose end nobody knows

Span = tuple[int, int]  # start and end in ms


def spans(workout: Workout) -> list[Span]:
    """A time for each set, in their order: apart, each at least 1 ms.

    Times that are told are kept, moved only where sets would overlap. Otherwise sets are spread evenly over
    the workout, each as long as it is said to have been or as its repetitions usually take; the order and the
    day are right then, the minute is made up.
    """
    lengths_ms = [max(1, round(1000 * _length_s(each))) for each in workout.sets]
    if all(each.start_ms is not None for each in workout.sets):
        wanted = [each.start_ms or 0 for each in workout.sets]
    else:
        wanted, lengths_ms = _spread(workout, lengths_ms)
    found: list[Span] = []
    for wanted_ms, length_ms in zip(wanted, lengths_ms, strict=True):
        start_ms = max(wanted_ms, found[-1][1]) if found else wanted_ms
        found.append((start_ms, start_ms + length_ms))
    return found


def end_ms(workout: Workout, sets: Sequence[Span]) -> int:
    """When the workout ended: what is said, or later if something of it was."""
    last = [end for _, end in sets] + [at_ms for at_ms, _ in workout.heart_rate[-1:]]
    return max([workout.start_ms + 1, workout.end_ms or 0, *last])


def _length_s(each: ForeignSet) -> float:
    if each.seconds is not None:
        return each.seconds
    if each.repetitions is None:
        return SET_S
    return max(SET_S_MIN, min(600.0, REPETITION_S * each.repetitions))


def _spread(workout: Workout, lengths_ms: list[int]) -> tuple[list[int], list[int]]:
    if workout.end_ms is None:
        gap_ms = round(1000 * REST_S)
    else:
        room_ms = workout.end_ms - workout.start_ms
        if sum(lengths_ms) > room_ms:
            share = room_ms / sum(lengths_ms)
            lengths_ms = [max(1, int(length * share)) for length in lengths_ms]
        gap_ms = max(0, room_ms - sum(lengths_ms)) // max(1, len(lengths_ms))
    starts, at_ms = [], workout.start_ms
    for length_ms in lengths_ms:
        starts.append(at_ms)
        at_ms += length_ms + gap_ms
    return starts, lengths_ms
