"""How often sensors are worn turned over: seen in where gravity points, session by session.

A watch is worn on either wrist and a strap put on either way round, which turns its axes by 180 degrees.
Where people do that, a network has to learn it from every exercise of every person; where they do not,
orientation tells exercises apart, and turning windows over would destroy it
(docs/decisions/0014-recognition.md).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from domain.recording import REST
from training.dataset import Dataset

FloatArray = npt.NDArray[np.float32]

WINDOWS_MIN = 5  # of an exercise in a session, to say where gravity points
CLEARLY_G2 = 0.1  # so much better gravity must agree with other sessions' once it is turned, in g squared

# By 180 degrees about x, y or z.
TURNED_OVER: FloatArray = np.array(
    [np.diag([1, -1, -1]), np.diag([-1, 1, -1]), np.diag([-1, -1, 1])], np.float32
)


def share_turned_over(dataset: Dataset) -> float:
    """The share of sessions in which the accelerometer is worn otherwise than in most, from 0 to 1.

    Of a session's exercises that other sessions have too, the mean acceleration is compared with the median
    of the others' means, as it is and turned over. 0 without accelerometer or anything to compare.
    """
    accelerometer = dataset.sensor_set.channels.get("a")
    if accelerometer is None:
        return 0.0
    gravity = _gravity(dataset, accelerometer)
    judged = [_is_turned_over(own, others) for own, others in _beside_others(gravity)]
    return float(np.mean(judged)) if judged else 0.0


def _gravity(dataset: Dataset, accelerometer: slice) -> npt.NDArray[np.floating]:
    """[sessions, exercises, 3] in g, NaN where a session has too few windows of an exercise."""
    sessions, session_of = np.unique(dataset.sessions, return_inverse=True)
    shape = (len(sessions), len(dataset.classes))
    cells = session_of * shape[1] + dataset.labels
    counts = np.bincount(cells, minlength=shape[0] * shape[1])
    poses = dataset.samples[:, :, accelerometer].mean(axis=1)
    sums = np.stack([np.bincount(cells, pose, minlength=len(counts)) for pose in poses.T], axis=1)
    means = np.where(counts[:, None] >= WINDOWS_MIN, sums / np.maximum(counts, 1)[:, None], np.nan)
    exercises = np.array([name != REST for name in dataset.classes])
    return np.asarray(means.reshape(*shape, 3)[:, exercises])


def _beside_others(
    gravity: npt.NDArray[np.floating],
) -> list[tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]]:
    """Of each session, its exercises that others have too: its gravity and the others', both [n, 3]."""
    known = ~np.isnan(gravity[:, :, 0])
    pairs = []
    for session in range(len(gravity)):
        others = np.arange(len(gravity)) != session
        common = known[session] & known[others].any(axis=0)
        if common.any():
            pairs.append((gravity[session, common], np.nanmedian(gravity[np.ix_(others, common)], axis=0)))
    return pairs


def _is_turned_over(own: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> bool:
    agreement = (own * others).sum(axis=1).mean()
    turned = [(own * (others @ rotation.T)).sum(axis=1).mean() for rotation in TURNED_OVER]
    return bool(max(turned) > agreement + CLEARLY_G2)
