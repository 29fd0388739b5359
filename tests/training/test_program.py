"""One tiny training from windows to a model file, and what the file holds against TensorFlow Lite."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.errors import InvalidInput, ProcessFailed
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.artefact import decode
from edge.int8 import Int8Network
from edge.preprocessing import to_int8
from edge.recordings import load_directory
from training import export as exporting
from training.dataset import collect
from training.export import convert, export, quantize_multiplier, run_reference
from training.network import PARAMETERS_MAX, build
from training.program import TrainedModel, evaluate_artefact, run
from training.train import Normalisation, Progress, temperature

SIGNING_KEY = bytes(range(32))
VERIFY_KEY = Ed25519PrivateKey.from_private_bytes(SIGNING_KEY).public_key().public_bytes_raw()
REAL = Path(__file__).parents[2].parent / "shared" / "recordings" / "gymwatch"
CYCLES = {"curl": 1, "press": 4, "rest": 0}  # movements in a window


def made_windows(sensor_set: SensorSet, sessions: int, per_class: int) -> list[LabelledWindow]:
    random = np.random.default_rng(5)
    time = np.linspace(0, 2 * np.pi, sensor_set.window_samples)[:, None]
    windows = []
    for session in range(sessions):
        for label, cycles in CYCLES.items():
            for second in range(per_class):
                phases = random.uniform(0, 6, sensor_set.channel_count)
                noise = random.normal(0, 0.1, (sensor_set.window_samples, sensor_set.channel_count))
                wave = np.sin(cycles * time + phases) if cycles else 0.0
                windows.append(
                    LabelledWindow(
                        sensor_set=sensor_set,
                        subject=f"S{session % 2}",
                        session=f"day-{session}",
                        start_ms=1000 * second,
                        label=label,
                        samples=(wave + noise + 1.0).astype(np.float32),
                    )
                )
    return windows


def tiny_run(windows: list[LabelledWindow], progress: list[Progress], **changes: object) -> TrainedModel:
    arguments: dict[str, object] = {
        "sensor_set": windows[0].sensor_set,
        "model_id": ModelId("tiny"),
        "budget_minutes": 5.0,
        "epochs_max": 2,
        "target_f1": 1.1,
        "seed": 3,
        "signing_key": SIGNING_KEY,
        "progress": progress.append,
    }
    return run(windows, **(arguments | changes))  # type: ignore[arg-type]


@cache
def trained() -> tuple[TrainedModel, tuple[Progress, ...]]:
    steps: list[Progress] = []
    return tiny_run(made_windows(SensorSet.parse("a@50"), 4, 40), steps), tuple(steps)


def test_a_tiny_training_yields_a_signed_model_that_runs() -> None:
    model, steps = trained()
    artefact = decode(model.artefact, VERIFY_KEY)
    windows = np.zeros((7, 100, 3), np.float32)
    probabilities = Int8Network(artefact).probabilities(windows)
    assert probabilities.shape == (7, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert artefact.classes == model.classes == ("curl", "press", "rest")
    assert model.bytes_int8 == len(model.artefact)
    assert 1000 < model.parameters == artefact.parameter_count <= PARAMETERS_MAX
    assert [step.epoch for step in steps] == [1, 2, 1, 2, 3, 4]  # refitted for twice as long
    assert model.learning_curve == steps[:2]
    assert all(step.f1_validation is None for step in steps[2:])
    assert model.epochs == 2
    assert 1 <= model.epoch_best <= 2


def test_a_training_says_what_it_held_out_and_learned_from() -> None:
    model, _ = trained()
    assert model.held_out_by == "session"
    assert len(model.held_out_sessions) >= 1
    assert model.subjects == ("S0", "S1")
    assert len(model.sessions) == 4
    assert model.validation.windows == 120 * len(model.held_out_sessions)
    assert model.validation.majority_accuracy == pytest.approx(1 / 3)
    assert 0 <= model.validation.f1_macro <= 1


def test_the_exported_model_can_be_evaluated_again() -> None:
    model, _ = trained()
    dataset = collect(made_windows(SensorSet.parse("a@50"), 1, 20), SensorSet.parse("a@50"))
    assert evaluate_artefact(decode(model.artefact), dataset).windows == 60


def test_reaching_the_target_ends_the_training_and_one_session_is_split_by_time() -> None:
    windows = made_windows(SensorSet.parse("u,l@10"), 1, 40)
    model = tiny_run(windows, [], target_f1=0.0, epochs_max=50, signing_key=None)
    assert model.epochs == 1
    assert model.held_out_by == "time"


def test_the_budget_ends_the_training_after_an_epoch() -> None:
    windows = made_windows(SensorSet.parse("u,l@10"), 2, 20)
    assert tiny_run(windows, [], budget_minutes=1e-9, epochs_max=50).epochs == 1


@pytest.mark.parametrize(
    "limits", [{"epochs_max": 0}, {"budget_minutes": 0.0}, {"budget_minutes": float("nan")}]
)
def test_limits_that_leave_no_epoch_are_refused(limits: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="at least one epoch"):
        tiny_run(made_windows(SensorSet.parse("u,l@10"), 2, 5), [], **limits)


def randomised(model: object, random: np.random.Generator) -> object:
    """Every weight random, batch normalisation included, as no short training would leave them."""
    for layer in model.layers:  # type: ignore[attr-defined]
        values = [np.asarray(weight) for weight in layer.get_weights()]
        kinds = [weight.path.rsplit("/", 1)[-1] for weight in layer.weights]
        scales = {"gamma": (1.0, 0.4), "moving_variance": (1.0, 0.2), "kernel": (0.0, 0.2)}
        layer.set_weights(
            [
                np.abs(random.normal(*scales.get(kind, (0.0, 0.3)), value.shape))
                if kind in ("gamma", "moving_variance")
                else random.normal(*scales.get(kind, (0.0, 0.3)), value.shape)
                for kind, value in zip(kinds, values, strict=True)
            ]
        )
    return model


def real_windows(sensor_set: SensorSet) -> npt.NDArray[np.float32]:
    """Windows of people exercising, where this machine has them and the sensors are theirs."""
    shape = (sensor_set.window_samples, sensor_set.channel_count)
    if not REAL.exists() or not set(sensor_set.letters) <= {"a", "g"}:
        return np.empty((0, *shape), np.float32)
    windows = []
    for recording in load_directory(REAL)[::4]:
        together = np.concatenate([recording.values[letter] for letter in sensor_set.letters], axis=1)
        thinned = together[:: round(recording.rate_hz / sensor_set.rate_hz)]
        windows += [thinned[start : start + shape[0]] for start in range(0, len(thinned) - shape[0], 250)]
    return np.stack(windows)


@pytest.mark.parametrize("sensors", ["a,g@50", "a@50", "u,l@10"])
def test_int8_inference_equals_tensorflow_lites_reference_bit_for_bit(sensors: str) -> None:
    sensor_set = SensorSet.parse(sensors)
    random = np.random.default_rng(len(sensors))
    shape = (sensor_set.window_samples, sensor_set.channel_count)
    inputs = (shape[0], shape[1] + len(sensor_set.three_axis_channels))
    model = randomised(build(*inputs, 7), random)
    samples = random.normal(0, 1, (100, *shape)).astype(np.float32)
    normalisation = Normalisation.of(samples, sensor_set)
    flatbuffers: list[bytes] = []

    def convert_and_keep(*arguments: npt.NDArray[np.float32]) -> bytes:
        flatbuffers.append(convert(*arguments))  # type: ignore[arg-type]
        return flatbuffers[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "convert", convert_and_keep)
        artefact = export(
            model,
            normalisation=normalisation,
            samples=samples,
            model_id=ModelId("random"),
            sensor_set=sensor_set,
            classes=tuple("ABCDEFG"),
            metadata={},
        )
    noise = random.integers(-128, 128, (200, *inputs), dtype=np.int8)
    extremes = random.choice(np.array([-128, 127], np.int8), (50, *inputs))
    real = real_windows(sensor_set)
    windows = np.concatenate([noise, extremes, to_int8(samples, artefact), to_int8(real, artefact)])
    outputs = Int8Network(artefact).run(windows)
    np.testing.assert_array_equal(outputs, run_reference(flatbuffers[0], windows))
    assert len(np.unique(outputs)) > 50


def test_an_export_that_differs_from_the_reference_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (20, 2)
    monkeypatch.setattr(
        exporting, "run_reference", lambda _, windows: np.full((len(windows), 2), 99, np.int8)
    )
    samples = np.random.default_rng(0).normal(0, 1, (10, *shape)).astype(np.float32)
    with pytest.raises(ProcessFailed, match="differs from TensorFlow Lite's on 10 of 10 windows"):
        export(
            build(*shape, 2),
            normalisation=Normalisation.of(samples, SensorSet.parse("u,l@10")),
            samples=samples,
            model_id=ModelId("broken"),
            sensor_set=SensorSet.parse("u,l@10"),
            classes=("A", "B"),
            metadata={},
        )


@pytest.mark.parametrize("sensors", ["a,g@50", "a@100", "h@1", "u,l@10"])
def test_the_network_is_small_whatever_the_sensors(sensors: str) -> None:
    sensor_set = SensorSet.parse(sensors)
    model = build(sensor_set.window_samples, sensor_set.channel_count, 40)
    assert model.output_shape == (None, 1, 1, 40)
    assert model.count_params() <= PARAMETERS_MAX


@pytest.mark.parametrize(
    ("real", "expected"),
    [(0.5, (2**30, 0)), (0.25, (2**30, -1)), (3.0, (3 * 2**29, 2)), (0.0, (0, 0)), (2**-40, (0, 0))],
)
def test_multipliers_are_mantissa_and_exponent(real: float, expected: tuple[int, int]) -> None:
    assert quantize_multiplier(real) == expected


def test_a_mantissa_that_rounds_up_to_one_moves_the_exponent() -> None:
    assert quantize_multiplier(float(np.nextafter(1.0, 0.0))) == (2**30, 1)


def test_the_temperature_undoes_overconfidence() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 1, (4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (chances.cumsum(axis=1) > random.uniform(0, 1, (4000, 1))).argmax(axis=1)
    assert temperature((4 * logits).astype(np.float32), labels) == pytest.approx(4, rel=0.15)


def test_importing_training_does_not_import_tensorflow() -> None:
    program = "import sys, training.program; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
