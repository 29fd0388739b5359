"""`muvr_model.h` and `muvr_model.c`: everything of one model that its C needs, as constants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidArtefact
from domain.sensors import SENSORS
from domain.windows import STRIDE_SECONDS
from edge.artefact import Artefact
from edge.c99.counting import counting
from edge.c99.text import comment_safe, integers, single, string, table
from edge.layers import INPUT_SPAN, Convolution, GlobalAverage, Layer, MaxPool, accumulator_bound

PENDING_SECONDS = 1  # that samples may wait beyond a window, for a sensor that lags or the rest of a frame
_OUTPUTS_AT_A_TIME = 8  # the most that muvr_dot.h sums up together


@dataclass(frozen=True)
class Step:
    """A layer, with the max pool that follows a convolution in it, and the shapes around it."""

    layer: Layer
    pool: MaxPool | None
    samples: int  # of the input
    inputs: int
    length: int  # samples of the output
    outputs: int

    @property
    def padding(self) -> tuple[int, int]:
        """Samples before and after the input."""
        return self.layer.padding if isinstance(self.layer, Convolution) else (0, 0)

    @property
    def input_bytes(self) -> int:
        return (self.samples + sum(self.padding)) * self.inputs


def steps(artefact: Artefact) -> list[Step]:
    """The layers in order; raises InvalidArtefact for a network whose sums could leave int32 in C."""
    samples, channels = artefact.sensor_set.window_samples, artefact.input_channels
    found: list[Step] = []
    position = 0
    while position < len(artefact.layers):
        layer = artefact.layers[position]
        following = artefact.layers[position + 1] if position + 1 < len(artefact.layers) else None
        pool = following if isinstance(layer, Convolution) and isinstance(following, MaxPool) else None
        length, outputs = _shape_after(layer, samples, channels)
        if pool is not None:
            length, outputs = _shape_after(pool, length, outputs)
        found.append(Step(layer, pool, samples, channels, length, outputs))
        samples, channels = length, outputs
        position += 1 if pool is None else 2
    return found


def header(artefact: Artefact) -> str:
    """`muvr_model.h`: sizes, and the names of sensors and classes."""
    network = steps(artefact)
    sensors = artefact.sensor_set
    convolutions = [step.layer for step in network if isinstance(step.layer, Convolution)]
    outputs = max((layer.kernel.shape[0] for layer in convolutions), default=1)
    outputs += -outputs % _OUTPUTS_AT_A_TIME
    stride = max(1, round(STRIDE_SECONDS * sensors.rate_hz))
    letters = "\n".join(
        f"#define MUVR_SENSOR_{letter.upper()} {number} /* {SENSORS[letter].name}, "
        f"{len(SENSORS[letter].axes)} axes, in {SENSORS[letter].unit} */"
        for number, letter in enumerate(sensors.letters)
    )
    return f"""/* Sizes and names of the model {comment_safe(artefact.model_id)}; generated. */

#ifndef MUVR_MODEL_H
#define MUVR_MODEL_H

#define MUVR_MODEL_ID {string(artefact.model_id)}
#define MUVR_CLASSES {len(artefact.classes)}
#define MUVR_SENSORS {len(sensors.letters)}
#define MUVR_CHANNELS {sensors.channel_count}
#define MUVR_INPUTS {artefact.input_channels} /* the channels, and magnitudes */
#define MUVR_RATE_HZ {sensors.rate_hz}
#define MUVR_WINDOW_SAMPLES {sensors.window_samples}
#define MUVR_STRIDE_SAMPLES {stride}
#define MUVR_PENDING_SAMPLES {sensors.window_samples + PENDING_SECONDS * sensors.rate_hz}
#define MUVR_INPUT_GAIN {single(1.0 / artefact.input_scale)}
#define MUVR_INPUT_ZERO_POINT {artefact.input_zero_point}
#define MUVR_LAYERS {len(network)}
#define MUVR_POOLS_ALONE {int(any(isinstance(step.layer, MaxPool) for step in network))}
#define MUVR_ARENA_BYTES {_arena_bytes(network)}
#define MUVR_OUTPUTS_MAX {outputs}

{counting(sensors)}

/* The sensors of `muvr_frame`. */
{letters}

extern const char *const muvr_classes[MUVR_CLASSES];

#endif
"""


def source(artefact: Artefact) -> str:
    """`muvr_model.c`: the tables that muvr_layers.h declares."""
    network = steps(artefact)
    convolutions = [step.layer for step in network if isinstance(step.layer, Convolution)]
    channels = artefact.input_channels
    parts = [
        f"/* The model {comment_safe(artefact.model_id)}; generated. */\n",
        '#include "muvr_layers.h"\n',
        table("const char *const muvr_classes[MUVR_CLASSES]", map(string, artefact.classes)),
        table(
            "const muvr_sensor muvr_sensors[MUVR_SENSORS]",
            _sensors(artefact),
            "first channel, axes, magnitude's channel if any",
        ),
        table(f"const float muvr_channel_mean[{channels}]", map(single, artefact.channel_mean)),
        table(
            f"const float muvr_channel_gain[{channels}]",
            (single(float(gain)) for gain in 1.0 / np.asarray(artefact.channel_scale, np.float64)),
        ),
        table("const float muvr_softmax_factors[8]", _softmax_factors(artefact)),
        *(_weights(number, step.layer) for number, step in enumerate(network)),
        *_tables_by_output(convolutions),
        table("const muvr_layer muvr_layers[MUVR_LAYERS]", _descriptors(network)),
    ]
    return "\n".join(parts)


def folded_bias(layer: Convolution) -> list[int]:
    """The bias [outputs] of sums of weight * (input + 128); raises InvalidArtefact if int32 may overflow."""
    weights = layer.kernel.reshape(layer.kernel.shape[0], -1).astype(np.int64)
    bias = layer.bias.astype(np.int64) - (layer.input_zero_point + 128) * weights.sum(axis=1)
    sums = np.abs(weights).sum(axis=1) * INPUT_SPAN + np.abs(bias)
    left, right = np.maximum(layer.shift, 0), np.maximum(-layer.shift, 0).astype(np.int64)
    rounded = (accumulator_bound(layer) << left) + ((1 << right) >> 1)
    if (np.maximum(sums, rounded) >= 2**31).any():
        raise InvalidArtefact(
            "sums that can leave int32 in C", expected="smaller weights or bias", remedy="train it anew"
        )
    return [int(value) for value in bias]


def _shape_after(layer: Layer, samples: int, channels: int) -> tuple[int, int]:
    if isinstance(layer, GlobalAverage):
        return 1, channels
    if isinstance(layer, MaxPool):
        return (samples - layer.size) // layer.stride + 1, channels
    outputs, taps, _ = layer.kernel.shape
    return (samples + sum(layer.padding) - taps) // layer.stride + 1, outputs


def _arena_bytes(network: list[Step]) -> int:
    """Room for every layer's input, with its padding, beside its output, with that of the next layer."""
    sizes = [*(step.input_bytes for step in network), network[-1].outputs]
    return max(map(sum, pairwise(sizes)))


def _weights(number: int, layer: Layer) -> str:
    """C fills up a row that is longer than its numbers with zeros."""
    if not isinstance(layer, Convolution):
        return ""
    outputs, taps, inputs = layer.kernel.shape
    dense = table(
        f"static const int8_t weights_{number}[{outputs}][MUVR_ROW({taps * inputs})]",
        map(_row, layer.kernel),
        f"[outputs][{taps} taps * {inputs} inputs]",
    )
    if not _is_separate(layer):
        return dense
    separate = table(
        f"static const int8_t weights_{number}[{outputs}][{taps}]",
        (_row(row[:, output % inputs]) for output, row in enumerate(layer.kernel)),
        f"[outputs][taps], output o of input o % {inputs}",
    )
    kinds = [f"#define KIND_{number} MUVR_{kind}\n" for kind in ("SEPARATE_CONVOLUTION", "CONVOLUTION")]
    return f"#if MUVR_SEPARATE\n{kinds[0]}{separate}#else\n{kinds[1]}{dense}#endif\n"


def _row(weights: npt.NDArray[np.int8]) -> str:
    return "{" + ", ".join(integers(weights.reshape(-1))) + "}"


def _is_separate(layer: Convolution) -> bool:
    """Whether each output o has weights for the input channel o % inputs alone, of several."""
    outputs, _, inputs = layer.kernel.shape
    others = np.arange(outputs)[:, None] % inputs != np.arange(inputs)
    return inputs > 1 and not layer.kernel.transpose(0, 2, 1)[others].any()


def _sensors(artefact: Artefact) -> Iterator[str]:
    sensors = artefact.sensor_set
    lengths = range(sensors.channel_count, artefact.input_channels)
    magnitudes = dict(zip(sensors.three_axis_channels, lengths, strict=True)) if artefact.magnitudes else {}
    for own in sensors.channels.values():
        yield f"{{{own.start}, {own.stop - own.start}, {magnitudes.get(own.start, 0)}}}"


def _softmax_factors(artefact: Artefact) -> Iterator[str]:
    """exp(-2**i * step) for the bits of a difference of outputs."""
    step = float(np.float32(artefact.output_scale / artefact.temperature))
    return (single(np.exp(-step * 2**bit)) for bit in range(8))


def _tables_by_output(convolutions: list[Convolution]) -> Iterator[str]:
    bias = [value for layer in convolutions for value in folded_bias(layer)] or [0]
    multiplier = [int(value) for layer in convolutions for value in layer.multiplier] or [0]
    shift = [int(value) for layer in convolutions for value in layer.shift] or [0]
    yield table(f"static const int32_t bias[{len(bias)}]", integers(bias), "zero points folded in")
    yield table(f"static const int32_t multiplier[{len(multiplier)}]", integers(multiplier))
    yield table(f"static const int8_t shift[{len(shift)}]", integers(shift))


def _descriptors(network: list[Step]) -> Iterator[str]:
    at = 0
    for number, step in enumerate(network):
        shape = f"{step.samples}, {step.inputs}, {step.length}, {step.outputs}"
        layer = step.layer
        if isinstance(layer, MaxPool):
            yield f"{{MUVR_MAX_POOL, {shape}, {layer.size}, {layer.stride}, {_NO_CONVOLUTION}}}"
        elif isinstance(layer, GlobalAverage):
            yield f"{{MUVR_GLOBAL_AVERAGE, {shape}, {layer.size}, 1, {_NO_CONVOLUTION}}}"
        else:
            numbers = ", ".join(map(str, _numbers(layer, step.pool or MaxPool(size=1, stride=1))))
            tables = f"weights_{number}[0], bias + {at}, multiplier + {at}, shift + {at}"
            kind = f"KIND_{number}" if _is_separate(layer) else "MUVR_CONVOLUTION"
            yield f"{{{kind}, {shape}, {numbers}, {tables}}}"
            at += layer.kernel.shape[0]


_NO_CONVOLUTION = "0, 0, 1, 1, 0, 0, 0, 0, 0, bias, multiplier, shift"


def _numbers(layer: Convolution, pool: MaxPool) -> tuple[int, ...]:
    """In the order of muvr_layer."""
    return (
        *(layer.kernel.shape[1], layer.stride, *layer.padding, pool.size, pool.stride),
        *(layer.input_zero_point, layer.output_zero_point, layer.activation_min, layer.activation_max),
    )
