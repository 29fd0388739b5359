"""Other plausible performances of windows: begun elsewhere, faster, turned on the limb, larger, noisier.

Most changes are mild. Orientation tells exercises apart, for one person and for people never seen alike:
turning all windows about any axis by 23 degrees cost eleven points of F1 on unseen people, and turning them
over is right only where people wear their sensors so (training/orientation.py). But where several people are
learned from, one window in ten is turned anyhow, so that a network that meets a pose it has never seen still
has the movement to go by (docs/decisions/0014-recognition.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from domain.sensors import SensorSet
from training.dataset import Dataset
from training.orientation import TURNED_OVER, share_turned_over

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Standard deviations: `turn` about the limb (the sensors' x axis) in radians,
    `warp` and `amplitude` of a logarithm, `noise` as a share of each channel's movement. `turned_over` is the
    share of windows that are turned by 180 degrees about x, y or z, `turned_anyhow` of those turned to any
    orientation, each as likely as the others.
    """

    turn: float
    warp: float
    amplitude: float
    noise: float
    turned_anyhow: float = 0.0
    turned_over: float = 0.0


TURNED_OVER_MAX = 0.5
ONE_PERSON = Augmentation(turn=0.15, warp=0.1, amplitude=0.05, noise=0.1)
SEVERAL_PEOPLE = Augmentation(turn=0.3, warp=0.1, amplitude=0.2, noise=0.2, turned_anyhow=0.1)


def augmentation_for(dataset: Dataset) -> Augmentation:
    """Stronger where the windows are of several people, for the model will meet one never seen.

    Windows are turned over as often as sessions are, half of them at most.
    """
    how = ONE_PERSON if len(np.unique(dataset.subjects)) == 1 else SEVERAL_PEOPLE
    return replace(how, turned_over=min(TURNED_OVER_MAX, share_turned_over(dataset)))


def following(dataset: Dataset) -> IntArray:
    """[n]: the window that begins in the middle of this one and shares its samples there; itself if none."""
    order = np.lexsort((dataset.start_ms, dataset.labels, dataset.sessions))
    before, after = order[:-1], order[1:]
    half = dataset.samples.shape[1] // 2
    joined = (dataset.sessions[before] == dataset.sessions[after]) & (
        dataset.labels[before] == dataset.labels[after]
    )
    shared = dataset.samples.shape[1] - half
    joined &= (dataset.samples[before, half:] == dataset.samples[after, :shared]).all(axis=(1, 2))
    result = np.arange(len(dataset))
    result[before[joined]] = after[joined]
    return result


def augment(
    samples: FloatArray,
    continued: FloatArray,
    sensor_set: SensorSet,
    random: np.random.Generator,
    how: Augmentation,
) -> FloatArray:
    """Another plausible performance of each window [n, window_samples, channels]; same shape.

    `continued` [n, window_samples, channels] are the windows that follow in the middle of `samples`, or
    `samples` again where nothing follows.
    """
    changed = _shifted_and_warped(samples, continued, how.warp, random)
    changed = turned(changed, sensor_set, _turns(len(samples), how, random))
    centre = changed.mean(axis=1, keepdims=True)
    changed -= centre  # in place, as half of a training's time goes into windows that are copied
    changed *= _log_normal(how.amplitude, (len(samples), 1, 1), random)
    changed += centre
    changed *= _log_normal(0.05, (len(samples), 1, samples.shape[2]), random)
    return changed


def noisy(samples: FloatArray, movement: FloatArray, noise: float, random: np.random.Generator) -> FloatArray:
    """`samples` [n, window_samples, channels] with sensor noise, each window another share of it, some none.

    `movement` [m, window_samples, channels] are windows whose mean deviation over time, without the poses
    that they differ in, is the measure of `noise`. What is an exercise and what is not goes through it, or
    the amount of noise would tell them apart.
    """
    size = random.uniform(0, 2 * noise, (len(samples), 1, 1)) * movement.std(axis=1).mean(axis=0)
    result = random.standard_normal(samples.shape, np.float32)
    result *= size.astype(np.float32)
    result += samples
    return result


def turned(samples: FloatArray, sensor_set: SensorSet, rotations: FloatArray) -> FloatArray:
    """Windows [n, window_samples, channels] whose three-axis sensors are turned together by [n, 3, 3]."""
    result = samples.copy()
    for x in sensor_set.three_axis_channels:
        result[:, :, x : x + 3] = samples[:, :, x : x + 3] @ rotations.transpose(0, 2, 1)
    return result


def rotations(vectors: FloatArray) -> FloatArray:
    """Rotation matrices [..., 3, 3] from axes times angles in radians [..., 3] (Rodrigues' formula)."""
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(vectors / np.maximum(angle, 1e-8), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    angle = angle[..., None]
    matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return np.asarray(matrix, np.float32)


def uniform_rotations(n: int, random: np.random.Generator) -> FloatArray:
    """Rotation matrices [n, 3, 3], every orientation as likely: unit quaternions (Shoemake, 1992)."""
    quaternions = random.standard_normal((n, 4))
    w, *vector = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    x, y, z = vector
    matrix = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(matrix, np.float32), -1, 0)


def at_times(samples: FloatArray, times: npt.NDArray[np.floating]) -> FloatArray:
    """samples [n, length, channels] interpolated at `times` [n, m], in samples; the edges repeat."""
    at = np.clip(times, 0, samples.shape[1] - 1.001)
    index = at.astype(np.int64)
    into = (at - index)[:, :, None].astype(np.float32)
    n, length, channels = samples.shape
    rows = samples.reshape(n * length, channels)
    index += length * np.arange(n)[:, None]
    left = rows.take(index, axis=0)
    result = rows.take(index + 1, axis=0)
    result -= left
    result *= into
    result += left
    return np.asarray(result, np.float32)


def _shifted_and_warped(
    samples: FloatArray, continued: FloatArray, warp: float, random: np.random.Generator
) -> FloatArray:
    """Each window faster or slower around its middle, and begun up to half a window later if it goes on."""
    n, length, _ = samples.shape
    half = length // 2
    goes_on = (samples[:, half:] == continued[:, : length - half]).all(axis=(1, 2))[:, None]
    joined = np.concatenate([samples, continued[:, length - half :]], axis=1)
    middle = (length - 1) / 2
    times = (np.arange(length) - middle) * _log_normal(warp, (n, 1), random) + middle
    times += np.where(goes_on, random.uniform(0, half, (n, 1)), 0)
    return at_times(joined, np.minimum(times, np.where(goes_on, length + half - 1.001, length - 1.001)))


def _turns(n: int, how: Augmentation, random: np.random.Generator) -> FloatArray:
    vectors = np.zeros((n, 3), np.float32)
    vectors[:, 0] = random.normal(0, how.turn, n)
    turns = rotations(vectors)
    over = random.random(n) < how.turned_over
    turns[over] = TURNED_OVER[random.integers(0, len(TURNED_OVER), over.sum())] @ turns[over]
    anyhow = random.random(n) < how.turned_anyhow
    turns[anyhow] = uniform_rotations(int(anyhow.sum()), random)
    return turns


def _log_normal(deviation: float, shape: tuple[int, ...], random: np.random.Generator) -> FloatArray:
    return np.exp(random.normal(0, deviation, shape)).astype(np.float32)
