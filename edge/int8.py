"""Int8 inference in NumPy, equal bit for bit to TensorFlow Lite (Micro)'s reference kernels.

The scheme is Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (CVPR 2018), with gemmlowp's double rounding. Speed comes from doing the
integers' work in floating point where that is provably exact:

- An accumulator is a sum of integers. While partial sums stay below 2**24 (2**53), float32 (float64) holds
  them exactly, in any order, so BLAS computes it without error.
- Rescaling an accumulator to int8 is done by a product and a sum that are shown to give the same integers:
  edge.rescaling.
- Because rescaling is non-decreasing, a max pool may come before it, where there are fewer values to rescale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.artefact import Artefact
from edge.layers import Convolution, GlobalAverage, Layer, MaxPool
from edge.preprocessing import to_int8
from edge.rescaling import Exact, Rescaling, raw_bound, rescaling_of

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]

CHUNK_BYTES = 3 << 19  # of the widest layer: enough that NumPy's calls cost little, few enough for a cache
SMALL_BYTES = 2560  # the last layers that take no more for a window take all chunks at once


class Int8Network:
    """A decoded artefact, ready to run; immutable, so threads may share one."""

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        samples = artefact.sensor_set.window_samples
        stages = tuple(_stages(artefact.layers, samples, artefact.input_channels))
        large = max((nr + 1 for nr, stage in enumerate(stages) if stage.bytes > SMALL_BYTES), default=0)
        self._first, self._last = stages[:large], stages[large:]
        self._padding = _padding(artefact.layers)
        self._chunk = max(1, CHUNK_BYTES // max(stage.bytes for stage in stages))

    def run(self, windows: Int8Array) -> Int8Array:
        """Preprocessed windows int8 [n, window_samples, input channels] to the last int8 [n, classes]."""
        return self._finish([self._begin(windows[chunk]) for chunk in self._chunks(len(windows))])

    def probabilities(self, windows: FloatArray) -> FloatArray:
        """Windows float32 [n, window_samples, channels] in the sensors' units to float32 [n, classes]."""
        chunks = self._chunks(len(windows))
        begun = [self._begin(to_int8(windows[chunk], self.artefact)) for chunk in chunks]
        return softmax(self._finish(begun), self.artefact)

    def _chunks(self, count: int) -> Iterator[slice]:
        """Of about the same size."""
        parts = max(1, -(-count // self._chunk))
        return (slice(part * count // parts, (part + 1) * count // parts) for part in range(parts))

    def _begin(self, windows: Int8Array) -> Exact:
        values, inside = self._padding.around(*windows.shape)
        inside[:] = windows
        return _through(self._first, values)

    def _finish(self, chunks: list[Exact]) -> Int8Array:
        return _through(self._last, np.concatenate(chunks))[:, 0, :].astype(np.int8)


def softmax(outputs: Int8Array, artefact: Artefact) -> FloatArray:
    """Calibrated probabilities float32 [n, classes] of the network's int8 [n, classes]."""
    steps = np.float32(artefact.output_scale / artefact.temperature)
    # The zero point cancels out; subtracting the maximum keeps exp in range.
    logits = (outputs - outputs.max(axis=1, keepdims=True).astype(np.float32)) * steps
    weights = np.exp(logits, dtype=np.float32)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class _Padding:
    """What the next layer wants before and after its input."""

    before: int
    after: int
    value: int

    def around(self, n: int, samples: int, channels: int) -> tuple[Exact, Exact]:
        """New room for [n, samples, channels] with its padding, and the part that is to be filled."""
        whole = np.empty((n, self.before + samples + self.after, channels), np.float32)
        whole[:, : self.before] = self.value
        whole[:, self.before + samples :] = self.value
        return whole, whole[:, self.before : self.before + samples]


@dataclass(frozen=True)
class _ConvolutionStage:
    """A convolution and the max pool that follows it, if any; values [n, samples, channels] with padding."""

    layer: Convolution
    pool: MaxPool | None
    weights: Exact  # [taps * inputs, outputs]
    rescaling: Rescaling
    padding: _Padding  # of the next layer
    bytes: int  # that a window takes

    @classmethod
    def of(
        cls, layer: Convolution, pool: MaxPool | None, samples: int, padding: _Padding
    ) -> _ConvolutionStage:
        """`samples` are those of the layer's input."""
        outputs, taps, inputs = layer.kernel.shape
        kind = np.float32 if raw_bound(layer).max() < 2**24 else np.float64
        weights = np.ascontiguousarray(layer.kernel.reshape(outputs, taps * inputs).T.astype(kind))
        length = _length_after(layer, samples)
        size = length * max(weights.shape[0] * weights.itemsize, outputs * 8)
        pooled = length if pool is None else _length_after(pool, length)
        return cls(layer, pool, weights, rescaling_of(layer, pooled), padding, size)

    def run(self, values: Exact) -> Exact:
        # One small product per window: larger ones wake BLAS threads, which cost more than they bring.
        accumulators: Exact = self._columns(values) @ self.weights
        if self.pool is not None:
            accumulators = _max_pool(accumulators, self.pool)
        whole, inside = self.padding.around(*accumulators.shape)
        self.rescaling.apply(accumulators, inside)
        return whole

    def _columns(self, values: Exact) -> Exact:
        """[n, length, taps * inputs]: each row is what one output sees."""
        n, samples, channels = values.shape
        taps, stride = self.layer.kernel.shape[1], self.layer.stride
        length = (samples - taps) // stride + 1
        by_window, by_sample, by_channel = values.strides
        seen = np.lib.stride_tricks.as_strided(
            values, (n, length, taps * channels), (by_window, by_sample * stride, by_channel), writeable=False
        )
        return np.ascontiguousarray(seen, self.weights.dtype)


@dataclass(frozen=True)
class _MaxPoolStage:
    pool: MaxPool
    padding: _Padding
    bytes: int

    def run(self, values: Exact) -> Exact:
        pooled = _max_pool(values, self.pool)
        whole, inside = self.padding.around(*pooled.shape)
        inside[:] = pooled
        return whole


@dataclass(frozen=True)
class _AverageStage:
    layer: GlobalAverage
    padding: _Padding
    bytes: int

    def run(self, values: Exact) -> Exact:
        """TensorFlow Lite's integer mean: (sum ± size // 2) / size, truncated towards zero."""
        size = self.layer.size
        total = (np.ones((1, size), np.float32) @ values).astype(np.float64)
        whole, inside = self.padding.around(*total.shape)
        # A quotient of integers below 2**24 is never rounded up to the next integer in float64.
        np.trunc((total + np.copysign(size // 2, total)) / size, out=inside, casting="same_kind")
        return whole


_Stage = _ConvolutionStage | _MaxPoolStage | _AverageStage


def _through(stages: tuple[_Stage, ...], values: Exact) -> Exact:
    for stage in stages:
        values = stage.run(values)
    return values


def _stages(layers: tuple[Layer, ...], samples: int, channels: int) -> Iterator[_Stage]:
    while layers:
        layer, *rest = layers
        pool = rest[0] if isinstance(layer, Convolution) and rest and isinstance(rest[0], MaxPool) else None
        layers = tuple(rest if pool is None else rest[1:])
        padding, size = _padding(layers), 4 * samples * channels
        if isinstance(layer, Convolution):
            yield _ConvolutionStage.of(layer, pool, samples, padding)
            channels = layer.kernel.shape[0]
        elif isinstance(layer, GlobalAverage):
            yield _AverageStage(layer, padding, size)
        else:
            yield _MaxPoolStage(layer, padding, size)
        samples = _length_after(layer, samples)
        samples = samples if pool is None else _length_after(pool, samples)


def _length_after(layer: Layer, samples: int) -> int:
    if isinstance(layer, GlobalAverage):
        return 1
    if isinstance(layer, MaxPool):
        return (samples - layer.size) // layer.stride + 1
    taps: int = layer.kernel.shape[1]
    return (samples + sum(layer.padding) - taps) // layer.stride + 1


def _padding(layers: tuple[Layer, ...]) -> _Padding:
    """What the first of `layers` wants around its input."""
    if not layers or not isinstance(layers[0], Convolution):
        return _Padding(0, 0, 0)
    return _Padding(*layers[0].padding, layers[0].input_zero_point)


def _max_pool(values: Exact, pool: MaxPool) -> Exact:
    length = (values.shape[1] - pool.size) // pool.stride + 1
    end = (length - 1) * pool.stride + 1
    pooled: Exact = values[:, 0 : end : pool.stride]
    for tap in range(1, pool.size):
        pooled = np.maximum(pooled, values[:, tap : tap + end : pool.stride])
    return pooled
