"""The exported C gives Python's integers: by gcc, under its sanitizers, and on a Cortex-M4 in QEMU."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from domain.identifiers import ModelId
from domain.sensors import SensorSet
from edge.artefact import Artefact
from edge.c99.export import export
from edge.layers import Convolution, GlobalAverage, MaxPool

needs_gcc = pytest.mark.skipif(
    not shutil.which("gcc") or not shutil.which("make"), reason="needs gcc and make"
)
needs_qemu = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc") or not shutil.which("qemu-system-arm") or not shutil.which("make"),
    reason="needs gcc-arm-none-eabi, qemu-system-arm and make",
)


def network(seed: int) -> Artefact:
    """A model of the usual shape with weights that mean nothing."""
    random = np.random.default_rng(seed)

    def convolution(
        outputs: int, taps: int, inputs: int, stride: int, padding: tuple[int, int]
    ) -> Convolution:
        spread = np.sqrt(taps * inputs) * 73 * 73
        return Convolution(
            kernel=random.integers(-127, 128, (outputs, taps, inputs), dtype=np.int8),
            bias=random.integers(-5000, 5000, outputs, dtype=np.int32),
            multiplier=random.integers(2**30, 2**31 - 1, outputs, dtype=np.int32),
            shift=np.full(outputs, round(np.log2(60 / spread)), np.int32),
            stride=stride,
            padding=padding,
            input_zero_point=int(random.integers(-128, 128)),
            output_zero_point=-20,
            activation_min=-100,
            activation_max=120,
        )

    return Artefact(
        model_id=ModelId("usual"),
        sensor_set=SensorSet.parse("a,g@50"),
        classes=("rest", 'bench "press"?', "Rudern", "Kniebeuge \N{GREEK SMALL LETTER ALPHA}", "*/"),
        channel_mean=(0.1, -0.3, 0.7, 0.0, 0.01, -0.02, 1.0, 0.4),
        channel_scale=(0.5, 0.6, 0.7, 1.5, 1.4, 1.3, 0.1, 0.3),
        input_scale=0.047,
        input_zero_point=-3,
        layers=(
            convolution(16, 9, 8, 2, (3, 4)),
            MaxPool(size=2, stride=2),
            convolution(32, 5, 16, 1, (2, 2)),
            convolution(13, 3, 32, 1, (0, 0)),
            MaxPool(size=3, stride=2),
            MaxPool(size=2, stride=1),
            GlobalAverage(size=10),
            convolution(5, 1, 13, 1, (0, 0)),
        ),
        output_scale=0.1,
        output_zero_point=-20,
        temperature=1.3,
        magnitudes=True,
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("c99")
    windows = np.random.default_rng(1).normal(0, 1.2, (3, 100, 6)).astype(np.float32)
    windows[2, :3, 0] = (np.nan, np.inf, -1e30)
    export(network(0), directory, windows)
    return directory


def make(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-C", directory, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


@needs_gcc
@pytest.mark.parametrize("flags", ["-O0", "-O3", "-O3 -march=native", "-O3 -march=native -DMUVR_PLAIN_C"])
def test_the_test_vectors_pass(exported: Path, flags: str) -> None:
    made = make(exported, "-B", "test", f"CFLAGS={flags}")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "\nPASS\n" in made.stdout


@needs_gcc
def test_the_sanitizers_have_nothing_to_say(exported: Path) -> None:
    made = make(exported, "test-sanitizers")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "\nPASS\n" in made.stdout


@needs_qemu
def test_the_test_vectors_pass_on_a_cortex_m4(exported: Path) -> None:
    made = make(exported, "test-cortex-m4")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "\nPASS\n" in made.stdout


@needs_gcc
def test_a_difference_is_told(exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "altered"
    shutil.copytree(exported, copy)
    model = (copy / "muvr_model.c").read_text()
    (copy / "muvr_model.c").write_text(model.replace("weights_0[0], bias + 0", "weights_0[1], bias + 0"))
    made = make(copy, "-B", "test")
    assert made.returncode != 0
    assert "output of window 0, value 0: " in made.stdout
    assert "FAIL" in made.stdout
