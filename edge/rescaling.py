"""From a convolution's sums to int8: gemmlowp's double rounding, and floating point shown to equal it.

Rescaling an accumulator to int8 is a non-decreasing function of it, and so is round(x * gain + offset) in
floating point. Two non-decreasing functions to integers are equal if they step at the same places, so the few
hundred steps of each channel, found by bisection, prove that gain and offset are right everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.layers import Convolution, accumulator_bound

FloatArray = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]
DoubleArray = npt.NDArray[np.float64]
# Integers kept in float32 or float64; which one depends on the layer's bound.
Exact = npt.NDArray[np.floating]

ROUNDING = np.float32(1.5 * 2**23)  # float32 has whole numbers only around it


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


@dataclass(frozen=True)
class Rescaling:
    """From raw sums [n, length, outputs] to int8 values as floats, by checked steps or by integers."""

    layer: Convolution
    gain: DoubleArray | None  # [length * outputs]; None: the integers' long way
    offset: DoubleArray | None  # ROUNDING is in it

    def apply(self, sums: Exact, out: Exact) -> None:
        low, high = self.layer.activation_min, self.layer.activation_max
        if self.gain is None or self.offset is None:
            exact = sums.astype(np.int64) + raw_bias(self.layer)
            np.clip(_rescale(exact, self.layer), low, high, out=out, casting="unsafe")
            return
        # In rows of a whole window, because NumPy works on rows one after the other.
        scaled = sums.reshape(len(sums), -1).astype(np.float64)
        rounded = _scaled(scaled, self.gain, self.offset)
        np.clip(rounded, ROUNDING + low, ROUNDING + high, out=rounded)
        np.subtract(rounded.reshape(sums.shape), ROUNDING, out=out)


def _scaled(sums: DoubleArray, gain: DoubleArray, offset: DoubleArray) -> FloatArray:
    """sums * gain + offset, in place, then rounded to float32, which at ROUNDING means to whole numbers."""
    sums *= gain
    sums += offset
    return sums.astype(np.float32)


def _rescale(accumulators: Int64Array, layer: Convolution) -> Int64Array:
    """[..., outputs] int64, bias included, to the output's integers before the clamp."""
    multiplier, shift = layer.multiplier.astype(np.int64), layer.shift.astype(np.int64)
    return multiply_by_quantized_multiplier(accumulators, multiplier, shift) + layer.output_zero_point


def raw_bias(layer: Convolution) -> Int64Array:
    """What is added to sums of weight * input, with which no zero point was subtracted; int64 [outputs]."""
    weights = layer.kernel.astype(np.int64).sum(axis=(1, 2))
    return np.asarray(layer.bias.astype(np.int64) - layer.input_zero_point * weights)


def raw_bound(layer: Convolution) -> Int64Array:
    """The largest magnitude of such a sum and of what is compared with it; int64 [outputs]."""
    return np.asarray(accumulator_bound(layer) + np.abs(raw_bias(layer)))


def rescaling_of(layer: Convolution, length: int) -> Rescaling:
    """Gain and offset that step exactly where the integers do, if there are such."""
    levels = np.arange(layer.activation_min + 1, layer.activation_max + 1)[:, None]
    steps = _steps(layer, levels)
    bound = accumulator_bound(layer)
    reached, beyond = steps <= bound, steps > -bound  # a step outside is never taken or always
    gain = np.ldexp(layer.multiplier.astype(np.float64), layer.shift - 31)
    at = (steps - raw_bias(layer)).astype(np.float64)
    # An activation of one level takes no step at all.
    least = np.where(reached, levels - at * gain, -np.inf).max(axis=0, initial=-np.inf)
    most = np.where(beyond, levels - (at - 1) * gain, np.inf).min(axis=0, initial=np.inf)
    middle = np.where(np.isfinite(least) & np.isfinite(most), (least + most) / 2, 0.0)
    offset = middle - 0.5 + ROUNDING  # what is rounded to the nearest is to be rounded down
    stepped = (_scaled(at.copy(), gain, offset) >= levels + ROUNDING) | ~reached
    waited = (_scaled(at - 1, gain, offset) < levels + ROUNDING) | ~beyond
    if not bool((stepped & waited).all()):
        return Rescaling(layer, None, None)
    return Rescaling(layer, np.tile(gain, length), np.tile(offset, length))


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
