"""The layers that a model file may hold, and the checks that make running them safe.

A decoded network needs no further checks while it runs: shapes agree from window to classes, sizes and work
are bounded and no accumulator can leave int32, however hostile the file was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from domain.errors import InvalidArtefact

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

CHANNELS_MAX = 512
TAPS_MAX = 128
ACTIVATIONS_MAX = 1 << 16  # values of one window between two layers
MULTIPLICATIONS_MAX = 1 << 24  # of one window: some 10 ms on a phone, far beyond any sensible network
INPUT_SPAN = 255  # the largest |x - zero point| of an int8 x


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolution:
    """A 1-D convolution over time in TensorFlow Lite's int8 scheme, its activation being a clamp.

    kernel [outputs, taps, inputs] int8, symmetric per output; bias, multiplier and shift [outputs] int32.
    The accumulator is scaled by multiplier * 2**(shift - 31). `padding` counts samples before and after,
    filled with the input's zero point.
    """

    kernel: Int8Array
    bias: Int32Array
    multiplier: Int32Array
    shift: Int32Array
    stride: int
    padding: tuple[int, int]
    input_zero_point: int
    output_zero_point: int
    activation_min: int
    activation_max: int


@dataclass(frozen=True, kw_only=True)
class MaxPool:
    """The maximum of `size` samples every `stride` samples, without padding; scale and zero point stay."""

    size: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class GlobalAverage:
    """The mean of all `size` samples, rounded half away from zero; scale and zero point stay."""

    size: int


Layer = Convolution | MaxPool | GlobalAverage


Byte = Annotated[int, msgspec.Meta(ge=-128, le=127)]
_Size = Annotated[int, msgspec.Meta(ge=1, le=4096)]
_Padding = Annotated[int, msgspec.Meta(ge=0, le=TAPS_MAX)]
_Channels = Annotated[int, msgspec.Meta(ge=1, le=CHANNELS_MAX)]
_Taps = Annotated[int, msgspec.Meta(ge=1, le=TAPS_MAX)]


class ConvolutionHeader(msgspec.Struct, tag="convolution", frozen=True, forbid_unknown_fields=True):
    """A convolution without its tensors, as it stands in the file's header."""

    shape: tuple[_Channels, _Taps, _Channels]
    stride: _Size
    padding: tuple[_Padding, _Padding]
    input_zero_point: Byte
    output_zero_point: Byte
    activation_min: Byte
    activation_max: Byte


class MaxPoolHeader(msgspec.Struct, tag="max_pool", frozen=True, forbid_unknown_fields=True):
    size: _Size
    stride: _Size


class GlobalAverageHeader(msgspec.Struct, tag="global_average", frozen=True, forbid_unknown_fields=True):
    size: _Size


LayerHeader = ConvolutionHeader | MaxPoolHeader | GlobalAverageHeader


def invalid(wrong: str, expected: str) -> InvalidArtefact:
    return InvalidArtefact(wrong, expected=expected, remedy="fetch the model again or export it anew")


def header_of(layer: Layer) -> LayerHeader:
    match layer:
        case MaxPool(size=size, stride=stride):
            return MaxPoolHeader(size, stride)
        case GlobalAverage(size=size):
            return GlobalAverageHeader(size)
        case Convolution():
            outputs, taps, inputs = layer.kernel.shape
            return ConvolutionHeader(
                (outputs, taps, inputs),
                layer.stride,
                layer.padding,
                layer.input_zero_point,
                layer.output_zero_point,
                layer.activation_min,
                layer.activation_max,
            )


def tensor_bytes(layer: Layer) -> bytes:
    """The layer's tensors as they stand in the file: int8, then three arrays of little-endian int32."""
    if not isinstance(layer, Convolution):
        return b""
    numbers = (layer.bias, layer.multiplier, layer.shift)
    return layer.kernel.astype("<i1").tobytes() + b"".join(array.astype("<i4").tobytes() for array in numbers)


def read_layers(headers: Sequence[LayerHeader], tensors: bytes) -> tuple[Layer, ...]:
    """Join headers and tensors; every tensor byte must be used. Raises InvalidArtefact."""
    layers: list[Layer] = []
    offset = 0
    for header in headers:
        if isinstance(header, MaxPoolHeader):
            layers.append(MaxPool(size=header.size, stride=header.stride))
        elif isinstance(header, GlobalAverageHeader):
            layers.append(GlobalAverage(size=header.size))
        else:
            size = _tensor_size(header)
            layers.append(_read_convolution(header, tensors[offset : offset + size]))
            offset += size
    if offset != len(tensors):
        raise invalid(f"{len(tensors)} bytes of tensors", f"{offset} bytes, as the layers say")
    return tuple(layers)


def check_shapes(layers: Sequence[Layer], samples: int, channels: int, class_count: int) -> None:
    """Follow a window [samples, channels] through the layers to [1, classes]; raises InvalidArtefact."""
    multiplications = 0
    for number, layer in enumerate(layers):
        samples, channels = _shape_after(layer, samples, channels, f"layer {number}")
        if samples * channels > ACTIVATIONS_MAX:
            raise invalid(
                f"layer {number} yields [{samples}, {channels}]", f"at most {ACTIVATIONS_MAX} values"
            )
        multiplications += samples * layer.kernel.size if isinstance(layer, Convolution) else 0
    if multiplications > MULTIPLICATIONS_MAX:
        raise invalid(f"{multiplications} multiplications a window", f"at most {MULTIPLICATIONS_MAX}")
    if (samples, channels) != (1, class_count):
        raise invalid(f"the network yields [{samples}, {channels}]", f"[1, {class_count}]")


def _tensor_size(header: ConvolutionHeader) -> int:
    outputs, taps, inputs = header.shape
    return outputs * taps * inputs + 3 * 4 * outputs


def _read_convolution(header: ConvolutionHeader, tensors: bytes) -> Convolution:
    if len(tensors) != _tensor_size(header):
        raise invalid("the tensors end early", f"{_tensor_size(header)} bytes for kernel {header.shape}")
    outputs = header.shape[0]
    weights = len(tensors) - 12 * outputs
    bias, multiplier, shift = np.frombuffer(tensors, "<i4", offset=weights).reshape(3, outputs)
    layer = Convolution(
        kernel=np.frombuffer(tensors, np.int8, count=weights).reshape(header.shape),
        bias=bias,
        multiplier=multiplier,
        shift=shift,
        stride=header.stride,
        padding=header.padding,
        input_zero_point=header.input_zero_point,
        output_zero_point=header.output_zero_point,
        activation_min=header.activation_min,
        activation_max=header.activation_max,
    )
    _check_arithmetic(layer)
    return layer


def accumulator_bound(layer: Convolution) -> Int64Array:
    """The largest magnitude of each output's accumulator, bias included, for any input; int64 [outputs]."""
    weights = np.abs(layer.kernel.astype(np.int64)).sum(axis=(1, 2))
    return np.asarray(weights * INPUT_SPAN + np.abs(layer.bias.astype(np.int64)))


def _check_arithmetic(layer: Convolution) -> None:
    multiplier, shift = layer.multiplier.astype(np.int64), layer.shift.astype(np.int64)
    if layer.activation_min > layer.activation_max:
        raise invalid("an empty activation range", "activation_min at most activation_max")
    if (multiplier < 0).any() or (shift < -31).any() or (shift > 30).any():
        raise invalid(
            "a multiplier or shift out of range", "multipliers of at least 0, shifts from -31 to 30"
        )
    if ((accumulator_bound(layer) << np.maximum(shift, 0)) >= 2**31).any():
        raise invalid("an accumulator that can leave int32", "smaller weights, bias or shift")


def _shape_after(layer: Layer, samples: int, channels: int, name: str) -> tuple[int, int]:
    if isinstance(layer, GlobalAverage):
        if layer.size != samples:
            raise invalid(f"{name} averages {layer.size} samples", f"{samples}")
        return 1, channels
    if isinstance(layer, MaxPool):
        size, outputs = layer.size, channels
    else:
        outputs, size, inputs = layer.kernel.shape
        samples += sum(layer.padding)
        if inputs != channels:
            raise invalid(f"{name} takes {inputs} channels", f"{channels}")
    if size > samples:
        raise invalid(f"{name} looks at {size} samples", f"at most {samples}")
    return (samples - size) // layer.stride + 1, outputs
