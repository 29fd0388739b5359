"""Int8 inference in NumPy, equal bit for bit to TensorFlow Lite (Micro)'s reference kernels.

The scheme is Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (CVPR 2018), with gemmlowp's double rounding. Speed comes from doing the
integers' work in floating point where that is provably exact:

- An accumulator is a sum of integers. If sum |weight| * 255 + |bias| < 2**24 (2**53), every partial sum is an
  integer that float32 (float64) holds exactly, in any order, so BLAS computes it without error.
- Rescaling an accumulator to int8 is a non-decreasing function of it, and so is floor(x * gain + offset) in
  floating point. Two non-decreasing functions to integers are equal if they step at the same places, so the
  few hundred steps of each channel, found by bisection, prove that gain and offset are right everywhere.
- Because rescaling is non-decreasing, a max pool may come before it, where there are fewer values to rescale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.artefact import Artefact
from edge.layers import Convolution, GlobalAverage, Layer, MaxPool, accumulator_bound
from edge.preprocessing import to_int8

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]
# Integers kept in float32 or float64; which one depends on the layer's bound.
Exact = npt.NDArray[np.floating]

CHUNK_BYTES = 4 << 20  # of the widest layer: enough that NumPy's calls cost little, few enough for a cache


def multiply_by_quantized_multiplier(
    values: Int64Array, multiplier: Int64Array, shift: Int64Array
) -> Int64Array:
    """round(round(x * 2**left * multiplier / 2**31) / 2**right); shift is left if positive, else -right.

    gemmlowp's SaturatingRoundingDoublingHighMul (halves up), then RoundingDivideByPOT (halves away from
    zero).
    All int64 holding int32 values; arguments broadcast. edge.layers proves that nothing saturates.
    """
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    high = ((values << left) * multiplier + (1 << 30)) >> 31
    mask = (np.int64(1) << right) - 1
    return np.asarray((high >> right) + ((high & mask) > (mask >> 1) + (high < 0)))


class Int8Network:
    """A decoded artefact, ready to run; immutable, so threads may share one."""

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        self._stages = tuple(_stages(artefact.layers))
        samples = artefact.sensor_set.window_samples
        width = max((stage.columns_bytes(samples) for stage in self._stages), default=1)
        self._chunk = max(1, CHUNK_BYTES // width)

    def run(self, windows: Int8Array) -> Int8Array:
        """Preprocessed windows int8 [n, window_samples, channels] to the last layer's int8 [n, classes]."""
        out = np.empty((len(windows), len(self.artefact.classes)), np.int8)
        for start in range(0, len(windows), self._chunk):
            chunk = slice(start, start + self._chunk)
            out[chunk] = self._run_chunk(windows[chunk])
        return out

    def probabilities(self, windows: FloatArray) -> FloatArray:
        """Windows float32 [n, window_samples, channels] in the sensors' units to float32 [n, classes]."""
        return softmax(self.run(to_int8(windows, self.artefact)), self.artefact)

    def _run_chunk(self, windows: Int8Array) -> Int8Array:
        values: Exact = windows.astype(np.float32)
        for stage in self._stages:
            values = stage.run(values)
        return values[:, 0, :].astype(np.int8)


def softmax(outputs: Int8Array, artefact: Artefact) -> FloatArray:
    """Calibrated probabilities float32 [n, classes] of the network's int8 [n, classes]."""
    steps = np.float32(artefact.output_scale / artefact.temperature)
    # The zero point cancels out; subtracting the maximum keeps exp in range.
    logits = (outputs - outputs.max(axis=1, keepdims=True).astype(np.float32)) * steps
    weights = np.exp(logits, dtype=np.float32)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class _ConvolutionStage:
    """A convolution and the max pool that follows it, if any; values [n, samples, channels]."""

    layer: Convolution
    pool: MaxPool | None
    weights: Exact  # [taps * inputs, outputs]
    bias: Exact  # [outputs]; what zero points and padding contribute to every accumulator is in it
    rescaling: _Rescaling

    @classmethod
    def of(cls, layer: Convolution, pool: MaxPool | None) -> _ConvolutionStage:
        outputs, taps, inputs = layer.kernel.shape
        kind = np.float32 if accumulator_bound(layer).max() < 2**24 else np.float64
        weights = layer.kernel.reshape(outputs, taps * inputs).T.astype(kind)
        return cls(layer, pool, np.ascontiguousarray(weights), layer.bias.astype(kind), _rescaling(layer))

    def columns_bytes(self, samples: int) -> int:
        return int(samples * self.weights.shape[0] * self.weights.itemsize)

    def run(self, values: Exact) -> Exact:
        # One small product per window: larger ones wake BLAS threads, which cost more than they bring.
        accumulators: Exact = self._columns(values) @ self.weights
        if self.pool is not None:
            accumulators = _max_pool(accumulators, self.pool)
        return self.rescaling.apply(accumulators, self.bias)

    def _columns(self, values: Exact) -> Exact:
        """[n, length, taps * inputs]: each row is what one output sees, relative to the zero point."""
        n, samples, channels = values.shape
        before, after = self.layer.padding
        padded = np.zeros((n, samples + before + after, channels), self.weights.dtype)
        np.subtract(values, self.layer.input_zero_point, out=padded[:, before : before + samples])
        taps, stride = self.layer.kernel.shape[1], self.layer.stride
        length = (padded.shape[1] - taps) // stride + 1
        by_window, by_sample, by_channel = padded.strides
        seen = np.lib.stride_tricks.as_strided(
            padded, (n, length, taps * channels), (by_window, by_sample * stride, by_channel), writeable=False
        )
        return np.ascontiguousarray(seen)


@dataclass(frozen=True)
class _MaxPoolStage:
    pool: MaxPool

    def columns_bytes(self, samples: int) -> int:
        return samples * 4

    def run(self, values: Exact) -> Exact:
        return _max_pool(values, self.pool)


@dataclass(frozen=True)
class _AverageStage:
    layer: GlobalAverage

    def columns_bytes(self, samples: int) -> int:
        return samples * 4

    def run(self, values: Exact) -> Exact:
        """TensorFlow Lite's integer mean: (sum ± size // 2) / size, truncated towards zero."""
        total = values.sum(axis=1, keepdims=True, dtype=np.float64)
        # A quotient of integers below 2**24 is never rounded up to the next integer in float64.
        mean: Exact = np.trunc((total + np.copysign(self.layer.size // 2, total)) / self.layer.size)
        return mean


_Stage = _ConvolutionStage | _MaxPoolStage | _AverageStage


def _stages(layers: tuple[Layer, ...]) -> Iterator[_Stage]:
    for number, layer in enumerate(layers):
        following = layers[number + 1] if number + 1 < len(layers) else None
        before = layers[number - 1] if number else None
        if isinstance(layer, Convolution):
            yield _ConvolutionStage.of(layer, following if isinstance(following, MaxPool) else None)
        elif isinstance(layer, GlobalAverage):
            yield _AverageStage(layer)
        elif not isinstance(before, Convolution):
            yield _MaxPoolStage(layer)


def _max_pool(values: Exact, pool: MaxPool) -> Exact:
    length = (values.shape[1] - pool.size) // pool.stride + 1
    end = (length - 1) * pool.stride + 1
    pooled: Exact = values[:, 0 : end : pool.stride]
    for tap in range(1, pool.size):
        pooled = np.maximum(pooled, values[:, tap : tap + end : pool.stride])
    return pooled


@dataclass(frozen=True)
class _Rescaling:
    """From accumulators without bias to int8 values as floats, by steps that were checked, or by integers."""

    layer: Convolution
    gain: Exact | None  # [outputs]; None: the integers' long way
    offset: Exact | None

    def apply(self, accumulators: Exact, bias: Exact) -> Exact:
        low, high = self.layer.activation_min, self.layer.activation_max
        if self.gain is None or self.offset is None:
            exact = (accumulators + bias).astype(np.int64)
            return np.clip(_rescale(exact, self.layer), low, high).astype(np.float32)
        scaled = np.multiply(accumulators, self.gain)
        scaled += self.offset
        np.clip(scaled, low, high, out=scaled)
        return np.floor(scaled, out=scaled)


def _rescale(accumulators: Int64Array, layer: Convolution) -> Int64Array:
    """[..., outputs] int64, bias included, to the output's integers before the clamp."""
    multiplier, shift = layer.multiplier.astype(np.int64), layer.shift.astype(np.int64)
    return multiply_by_quantized_multiplier(accumulators, multiplier, shift) + layer.output_zero_point


def _rescaling(layer: Convolution) -> _Rescaling:
    for kind in (np.float32, np.float64):
        if kind is np.float32 and accumulator_bound(layer).max() >= 2**24:
            continue
        fitted = _fit(layer, kind)
        if fitted is not None:
            return _Rescaling(layer, *fitted)
    return _Rescaling(layer, None, None)


def _fit(layer: Convolution, kind: type[np.floating]) -> tuple[Exact, Exact] | None:
    """Gain and offset [outputs] whose floor steps exactly where the integers do, or None."""
    levels = np.arange(layer.activation_min + 1, layer.activation_max + 1)[:, None]
    steps = _steps(layer, levels)
    bound = accumulator_bound(layer)
    bias = layer.bias.astype(np.int64)
    reached, beyond = steps <= bound, steps > -bound  # a step outside is never taken or always
    gain = np.ldexp(layer.multiplier.astype(np.float64), layer.shift - 31).astype(kind)
    at = (steps - bias).astype(kind) * gain
    below = (steps - 1 - bias).astype(kind) * gain
    least = np.where(reached, levels - at.astype(np.float64), -np.inf).max(axis=0)
    most = np.where(beyond, levels - below.astype(np.float64), np.inf).min(axis=0)
    middle = np.where(np.isfinite(least) & np.isfinite(most), (least + most) / 2, 0.0)
    offset = middle.astype(kind)
    stepped = (at + offset >= levels) | ~reached
    waited = (below + offset < levels) | ~beyond
    return (gain, offset) if bool((stepped & waited).all()) else None


def _steps(layer: Convolution, levels: Int64Array) -> Int64Array:
    """The smallest accumulator, bias included, that yields each level or more; int64 [levels, outputs]."""
    bound = accumulator_bound(layer)
    low = np.broadcast_to(-bound, (len(levels), len(bound)))  # yields the level at the earliest
    high = np.broadcast_to(bound + 1, low.shape)  # means: not within the bound
    while (low < high).any():
        middle = (low + high) >> 1
        enough = _rescale(middle, layer) >= levels
        low, high = np.where(enough, low, np.minimum(middle + 1, high)), np.where(enough, middle, high)
    return low
