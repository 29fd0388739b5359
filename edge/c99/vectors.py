"""`muvr_test_vectors.h`: what a device must reproduce, worked out by the Python that the server runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from domain.frames import RATE_HZ_MAX, SensorFrame
from domain.sensors import SensorSet
from domain.windows import WindowSlicer
from edge.artefact import Artefact
from edge.c99.counting import counted, counted_set
from edge.c99.frames import frame_of
from edge.c99.text import double, integers, single, table
from edge.int8 import Int8Network, softmax
from edge.preprocessing import to_int8

FloatArray = npt.NDArray[np.float32]

_START_MS = 1_700_000_000_123
_FRAME_SECONDS = 0.5
_BLOCK_SECONDS = 3.5  # of frames without a gap: at least one window is whole, wherever its start lies
_BLOCKS = 2
_GAP_MS = 400
_RATE_RATIO = 1.3  # of the raw samples' rate to the model's


def vectors(artefact: Artefact, windows: FloatArray) -> str:
    """The header's text for `windows` [n, window_samples, channels] in the sensors' units, n at least 1."""
    inputs = to_int8(windows, artefact)
    outputs = Int8Network(artefact).run(inputs)
    frames = list(raw_frames(artefact.sensor_set, windows))
    slicer = WindowSlicer(artefact.sensor_set)
    cut = [window for frame in frames for window in slicer.push(frame)]
    cut_inputs = to_int8(np.stack([window.samples for window in cut]), artefact)
    return "\n".join(
        [
            "/* What this model makes of some windows and of some frames; generated. */\n",
            "#include <math.h>\n",
            f"#define MUVR_TEST_WINDOWS {len(windows)}",
            f"#define MUVR_TEST_FRAMES {len(frames)}",
            f"#define MUVR_TEST_CUT_WINDOWS {len(cut)}",
            f"#define MUVR_TEST_INPUT_VALUES {inputs[0].size}\n",
            _rows("float muvr_test_windows", windows[0].size, map(_singles, windows)),
            _rows("int8_t muvr_test_inputs", inputs[0].size, map(_integers, inputs)),
            _rows("int8_t muvr_test_outputs", len(artefact.classes), map(_integers, outputs)),
            _rows(
                "float muvr_test_probabilities",
                len(artefact.classes),
                map(_singles, softmax(outputs, artefact)),
            ),
            *(_samples(number, frame) for number, frame in enumerate(frames)),
            table(
                "static const muvr_frame muvr_test_frames[MUVR_TEST_FRAMES]",
                (
                    _frame(number, artefact.sensor_set.letters.index(frame.sensor), frame)
                    for number, frame in enumerate(frames)
                ),
            ),
            table(
                "static const int64_t muvr_test_cut_starts_ms[MUVR_TEST_CUT_WINDOWS]",
                (str(window.start_ms) for window in cut),
            ),
            _rows("int8_t muvr_test_cut_inputs", inputs[0].size, map(_integers, cut_inputs)),
            *_counting(artefact.sensor_set),
        ]
    )


def raw_frames(sensor_set: SensorSet, windows: FloatArray) -> Iterator[SensorFrame]:
    """Frames of all sensors in turn, like `windows` but at another rate than the model's, with a gap."""
    rate_hz = min(RATE_HZ_MAX, _RATE_RATIO * sensor_set.rate_hz)
    signal = np.concatenate(list(windows)).astype(np.float64)
    per_frame = max(1, round(_FRAME_SECONDS * rate_hz))
    frames_per_block = -(-round(_BLOCK_SECONDS * rate_hz) // per_frame)
    for number in range(frames_per_block * _BLOCKS):
        taken = number * per_frame
        start_ms = _START_MS + round(taken * 1000 / rate_hz) + number // frames_per_block * _GAP_MS
        at = (taken + np.arange(per_frame)) / _RATE_RATIO % (len(signal) - 1)
        part = signal[at.astype(np.int64)]
        for letter, own in sensor_set.channels.items():
            yield frame_of(letter, number, start_ms, rate_hz, part[:, own])


def _counting(sensor_set: SensorSet) -> Iterator[str]:
    """A set as one frame, and its repetitions."""
    frame = counted_set(sensor_set)
    found = counted(sensor_set, frame)
    yield f"#define MUVR_TEST_REPETITIONS {len(found)}\n"
    yield _samples("set", frame)
    described = _frame("set", sensor_set.letters.index(frame.sensor), frame)
    yield f"static const muvr_frame muvr_test_set = {described};\n"
    yield table(
        "static const muvr_repetition muvr_test_repetitions[]",
        (f"{{{one.begin}, {one.turn}, {one.end}, {single(one.range)}}}" for one in found),
    )


def _samples(number: int | str, frame: SensorFrame) -> str:
    values = np.frombuffer(frame.samples, "<i2")
    return table(f"static const int16_t muvr_test_samples_{number}[{len(values)}]", integers(values))


def _frame(number: int | str, sensor: int, frame: SensorFrame) -> str:
    samples = f"muvr_test_samples_{number}, {frame.sample_count}"
    return f"{{{sensor}, {frame.start_ms}, {double(frame.rate_hz)}, {single(frame.scale)}, {samples}}}"


def _rows(declaration: str, width: int, rows: Iterable[str]) -> str:
    kind, name = declaration.split()
    return table(f"static const {kind} {name}[][{width}]", rows)


def _integers(row: npt.NDArray[np.int8]) -> str:
    return "{" + ", ".join(integers(row.reshape(-1))) + "}"


def _singles(row: FloatArray) -> str:
    return "{" + ", ".join(single(float(value)) for value in row.reshape(-1)) + "}"
