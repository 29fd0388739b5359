"""Time per window of the runtimes of one model, and what its C takes on a Cortex-M4.

    python -m benchmarks.inference [--model FILE] [--sensors SET] [--classes N] [--rounds N] [--json FILE]

Timed in turn, round by round, so that whatever else the machine does meets all alike: the NumPy runtime in
batches of 1, 16 and 256, preprocessing and softmax included, and of 256 without them; the C that `edge.c99`
writes, compiled by gcc -O3 -march=native, 256 windows in a loop, and one per call from Python, with and
without instructions for products of bytes; LiteRT's interpreter, one thread, its reference kernels and
XNNPACK, one `invoke` per window. Microseconds per window: the median and the least of the rounds. The
outputs of C and NumPy are compared before.

Without --model the network of `training.network` is exported with random weights, which take as long as
others. With it, LiteRT runs such random weights too, if the file's layers have the shapes of that network.
Flash is text and data, RAM data and bss of the library alone, by `size`, with and without what counts
repetitions; instructions are counted by QEMU's virtual clock, of the network per window, of the preprocessing
per second of all sensors, and of counting a set of 75 s. What needs a tool that is not there is null.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.identifiers import ModelId
from domain.sensors import SensorSet
from edge.artefact import Artefact, decode
from edge.c99.export import export as export_c
from edge.c99.vectors import raw_frames
from edge.int8 import Int8Network
from edge.layers import Convolution
from edge.preprocessing import to_int8
from training.export import convert, export
from training.network import build, import_tensorflow
from training.train import Normalisation

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]

BATCHES = (1, 16, 256)
BATCH_MAX = max(BATCHES)
TEST_WINDOWS = 4
FLAGS = ("-std=c99", "-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared")
LIBRARY = ("muvr_model.c", "muvr_network.c", "muvr_resampler.c", "muvr_windows.c", "loop.c")
LOOP = """
#include "muvr.h"

void run_all(const uint8_t *inputs, int8_t *outputs, int32_t count)
{
    int32_t nr, i;

    for (nr = 0; nr < count; nr++, inputs += MUVR_WINDOW_SAMPLES * MUVR_INPUTS) {
        uint8_t *input = muvr_input();
        const int8_t *output;
        for (i = 0; i < MUVR_WINDOW_SAMPLES * MUVR_INPUTS; i++)
            input[i] = inputs[i];
        output = muvr_run();
        for (i = 0; i < MUVR_CLASSES; i++)
            *outputs++ = output[i];
    }
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the runtimes of a model.")
    parser.add_argument("--model", type=Path, metavar="FILE", help="instead of one with random weights")
    parser.add_argument("--sensors", type=SensorSet.parse, default=SensorSet.parse("a,g@50"))
    parser.add_argument("--classes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.model is None:
        artefact, flatbuffer = random_model(options.sensors, options.classes)
    else:
        artefact, flatbuffer = _from_file(options.model)
    with tempfile.TemporaryDirectory() as directory:
        figures = measure(artefact, flatbuffer, Path(directory), options.rounds)
    text = json.dumps(figures | {"measured_at": time.strftime("%Y-%m-%d")}, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")


def random_model(sensor_set: SensorSet, class_count: int) -> tuple[Artefact, bytes | None]:
    """What training would export, but untrained, and its flatbuffer."""
    import keras

    import_tensorflow()
    keras.utils.set_random_seed(1)
    channels = sensor_set.channel_count + len(sensor_set.three_axis_channels)
    model = build(sensor_set.window_samples, channels, class_count)
    windows = _random_windows(sensor_set, 64)
    normalisation = Normalisation(sensor_set=sensor_set, mean=(0.0,) * channels, scale=(1.0,) * channels)
    artefact = export(
        model,
        normalisation=normalisation,
        samples=windows,
        model_id=ModelId("random-weights"),
        sensor_set=sensor_set,
        classes=tuple(f"class-{number}" for number in range(class_count)),
        metadata={},
    )
    return artefact, convert(model, normalisation.apply(windows))


def measure(artefact: Artefact, flatbuffer: bytes | None, directory: Path, rounds: int) -> dict[str, Any]:
    """Everything; `directory` is empty and becomes the exported C."""
    windows = _random_windows(artefact.sensor_set, BATCH_MAX)
    export_c(artefact, directory, windows[:TEST_WINDOWS])
    runs = dict(_numpy_runs(artefact, windows))
    for name, flags in (("c", ()), ("c_plain", ("-DMUVR_PLAIN_C",))):
        runs |= _c_runs(name, _compiled(directory, name, flags), artefact, to_int8(windows, artefact))
    if flatbuffer is not None:
        runs |= _litert_runs(flatbuffer)
    return {
        "model": artefact.model_id,
        "sensors": str(artefact.sensor_set),
        "classes": len(artefact.classes),
        "parameters": artefact.parameter_count,
        "us_per_window": _interleaved(runs, rounds),
        "cortex_m4": _on_cortex_m4(artefact, directory, windows[:TEST_WINDOWS]),
    }


Run = tuple[Callable[[], object], int]  # what to time, and how many windows it runs


def _from_file(path: Path) -> tuple[Artefact, bytes | None]:
    artefact = decode(path.read_bytes())
    twin, flatbuffer = random_model(artefact.sensor_set, len(artefact.classes))
    return artefact, flatbuffer if _shapes(twin) == _shapes(artefact) else None


def _shapes(artefact: Artefact) -> list[object]:
    return [
        (layer.kernel.shape, layer.stride, layer.padding) if isinstance(layer, Convolution) else layer
        for layer in artefact.layers
    ]


def _random_windows(sensor_set: SensorSet, count: int) -> FloatArray:
    shape = (count, sensor_set.window_samples, sensor_set.channel_count)
    return np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)


def _numpy_runs(artefact: Artefact, windows: FloatArray) -> Iterator[tuple[str, Run]]:
    network = Int8Network(artefact)
    for batch in BATCHES:
        yield f"numpy_{batch}", (partial(network.probabilities, windows[:batch]), batch)
    alone = partial(network.run, to_int8(windows, artefact))
    yield f"numpy_{BATCH_MAX}_network_alone", (alone, BATCH_MAX)


def _compiled(directory: Path, name: str, flags: tuple[str, ...]) -> ctypes.CDLL:
    (directory / "loop.c").write_text(LOOP)
    target = directory / f"{name}.so"
    subprocess.run(["gcc", *FLAGS, *flags, "-o", target, *LIBRARY], cwd=directory, check=True)
    return ctypes.CDLL(str(target))


def _c_runs(name: str, library: ctypes.CDLL, artefact: Artefact, inputs: Int8Array) -> dict[str, Run]:
    raw = (inputs.astype(np.int16) + 128).astype(np.uint8)
    outputs = np.empty((len(inputs), len(artefact.classes)), np.int8)
    arguments = (ctypes.c_void_p(raw.ctypes.data), ctypes.c_void_p(outputs.ctypes.data), len(raw))

    def run_all() -> object:
        library.run_all(*arguments)
        return raw, outputs  # which must live as long as the function

    run_all()
    np.testing.assert_array_equal(outputs, Int8Network(artefact).run(inputs))
    return {name: (run_all, len(raw)), f"{name}_called": (library.muvr_run, 1)}


def _litert_runs(flatbuffer: bytes) -> dict[str, Run]:
    tf = import_tensorflow()
    kinds = tf.lite.experimental.OpResolverType
    resolvers = {"litert_reference": kinds.BUILTIN_REF, "litert_xnnpack": kinds.AUTO}
    runs: dict[str, Run] = {}
    for name, resolver in resolvers.items():
        interpreter = tf.lite.Interpreter(
            model_content=flatbuffer, experimental_op_resolver_type=resolver, num_threads=1
        )
        interpreter.allocate_tensors()
        runs[name] = (interpreter.invoke, 1)
    return runs


def _interleaved(runs: dict[str, Run], rounds: int) -> dict[str, dict[str, float]]:
    """Each run as often as it takes to last some milliseconds, in every round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, (run, windows) in runs.items():
            repetitions = max(1, BATCH_MAX // windows)
            begun = time.perf_counter()
            for _ in range(repetitions):
                run()
            times[name].append((time.perf_counter() - begun) / repetitions / windows * 1e6)
    return {
        name: {"median": round(statistics.median(found), 2), "least": round(min(found), 2)}
        for name, found in times.items()
    }


def _on_cortex_m4(artefact: Artefact, directory: Path, windows: FloatArray) -> dict[str, float | None]:
    figures: dict[str, float | None] = dict.fromkeys(
        (
            *("flash_bytes", "flash_bytes_without_counting", "ram_bytes", "ram_bytes_without_counting"),
            *("instructions_per_window", "instructions_preprocessing_per_second"),
            "instructions_of_counting",
        )
    )
    if shutil.which("arm-none-eabi-gcc") and shutil.which("make"):
        for suffix, arguments in (("", ()), ("_without_counting", ("COUNTING=",))):
            said = _made(directory, "size-cortex-m4", *arguments)
            text, data, bss = map(int, said.splitlines()[-1].split()[:3])
            figures |= {f"flash_bytes{suffix}": text + data, f"ram_bytes{suffix}": data + bss}
        if shutil.which("qemu-system-arm"):
            said = _made(directory, "test-cortex-m4")
            per_window = re.findall(r"instructions of window \d+: (\d+)", said)
            preprocessing = re.findall(r"instructions of preprocessing: (\d+)", said)
            seconds = _recorded_seconds(artefact.sensor_set, windows)
            counting = re.findall(r"instructions of counting: (\d+)", said)
            figures["instructions_of_counting"] = int(counting[0])
            figures["instructions_per_window"] = round(statistics.mean(map(int, per_window)))
            figures["instructions_preprocessing_per_second"] = round(int(preprocessing[0]) / seconds)
    return figures


def _made(directory: Path, *arguments: str) -> str:
    command = ["make", "-s", "-C", str(directory), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _recorded_seconds(sensor_set: SensorSet, windows: FloatArray) -> float:
    """Of signal in the test's frames."""
    frames = raw_frames(sensor_set, windows)
    return sum(f.sample_count / f.rate_hz for f in frames if f.sensor == sensor_set.letters[0])


if __name__ == "__main__":
    main()
