"""Time-warped distance of courses of movement: what is done a little earlier or later does not count.

Dynamic time warping within a band (Sakoe and Chiba 1978), of many courses against one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

BAND = 4  # points by which a course may be ahead of the other, or behind it


def distances(courses: FloatArray, reference: FloatArray) -> FloatArray:
    """Of each of `courses` [count, points, channels] from `reference` [points, channels]; [count].

    The root of the mean squared difference along the best path, as a share of the reference's root mean
    square: 0 for the same course, about 1 for one that does not move. All courses have no mean.
    """
    costs = _costs(courses, reference)
    totals = _totals(costs)
    points = reference.shape[0]
    return np.asarray(np.sqrt(totals[:, points, BAND] / points))


def course_of_differences(course: FloatArray, reference: FloatArray) -> FloatArray:
    """Where along `reference` [points, channels] the course differs: squared shares, [points]."""
    costs = _costs(course[None], reference)
    totals = _totals(costs)[0]
    found = np.zeros(len(reference))
    row, place = len(reference), BAND
    while row > 0:
        found[row - 1] = max(found[row - 1], costs[0, row - 1, place])
        ways = _before(totals, row, place)
        row, place = min(ways, key=lambda way: float(totals[way]))
    return found


def _costs(courses: FloatArray, reference: FloatArray) -> FloatArray:
    """Squared differences, [count, points, 2 BAND + 1].

    Cell (i, j) is of the reference's point i and the courses' i + j - BAND; beyond their ends is nothing.
    """
    count, points, _ = courses.shape
    scale = float((reference**2).sum(axis=1).mean()) + 1e-12
    costs = np.full((count, points, 2 * BAND + 1), np.inf)
    for place in range(2 * BAND + 1):
        shift = place - BAND
        first, last = max(0, -shift), min(points, points - shift)
        apart = courses[:, first + shift : last + shift] - reference[first:last]
        costs[:, first:last, place] = (apart**2).sum(axis=2) / scale
    return costs


def _totals(costs: FloatArray) -> FloatArray:
    """The least sum of costs of a path to each cell, [count, points + 1, places]; row 0 is before the first.

    With each point of the reference the course goes on by one point, waits, or goes on by two.
    """
    count, points, places = costs.shape
    totals: Any = np.full((count, points + 1, places), np.inf)
    totals[:, 0, BAND] = 0.0
    for row in range(1, points + 1):
        straight = totals[:, row - 1]
        waits = np.concatenate([straight[:, 1:], np.full((count, 1), np.inf)], axis=1)
        hurries = np.concatenate([np.full((count, 1), np.inf), straight[:, :-1]], axis=1)
        totals[:, row] = np.minimum(np.minimum(straight, waits), hurries) + costs[:, row - 1]
    return np.asarray(totals)


def _before(totals: FloatArray, row: int, place: int) -> list[tuple[int, int]]:
    return [(row - 1, other) for other in (place, place + 1, place - 1) if 0 <= other < totals.shape[1]]
