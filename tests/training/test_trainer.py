"""Training: the same weights for the same seed, and a documented result for data hardly fit for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from domain.errors import InvalidInput
from domain.sensors import SensorSet
from domain.windows import LabelledWindow
from edge.preprocessing import normalise
from training.dataset import Dataset, collect, split
from training.network import PARAMETERS_MAX, build, gravity_taps, import_tensorflow, motion
from training.train import INPUT_STEP, Limits, Normalisation, Trainer

SENSORS = SensorSet.parse("a@50")
ONE_EPOCH = Limits(epochs_max=1, seconds_max=60, target_f1=2.0)
Change = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def dataset(change: Change = lambda samples: samples, labels: tuple[str, ...] = ("curl", "press")) -> Dataset:
    random = np.random.default_rng(7)
    time = np.linspace(0, 2 * np.pi, 100)[:, None]
    windows = [
        LabelledWindow(
            sensor_set=SENSORS,
            subject="S1",
            session=f"day-{session}",
            start_ms=1000 * second,
            label=label,
            samples=change(
                (np.sin((1 + cycles) * time + random.uniform(0, 6)) + np.float32([0.0, 1.0, 0.2])).astype(
                    np.float32
                )
            ),
        )
        for session in range(3)
        for cycles, label in enumerate(labels)
        for second in range(20)
    ]
    return collect(windows, SENSORS)


def weights_after(data: Dataset, seed: int) -> list[npt.NDArray[np.float32]]:
    parts = split(data, 0)
    trainer = Trainer(parts.training, parts.validation, seed)
    trainer.fit(ONE_EPOCH, lambda step: None)
    trainer.refit(data, ONE_EPOCH, lambda step: None)
    return [np.asarray(weights) for weights in trainer.model.get_weights()]


def test_two_trainings_from_one_seed_end_at_equal_weights() -> None:
    first, again, other = (weights_after(dataset(), seed) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any(not np.array_equal(one, two) for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(np.zeros_like, id="nothing"),
        pytest.param(lambda samples: np.full_like(samples, 16.0), id="stuck at full scale"),
        pytest.param(lambda samples: np.clip(100 * samples, -16, 16), id="saturated"),
        pytest.param(lambda samples: samples * np.float32([1, 1, 0]), id="one axis dead"),
    ],
)
def test_broken_sensors_train_to_finite_weights(change: Change) -> None:
    assert all(np.isfinite(weights).all() for weights in weights_after(dataset(change), 0))


def test_sessions_of_rest_alone_train_without_negatives() -> None:
    data = dataset(labels=("rest", "curl"))
    only_rest = data.take(data.labels == data.classes.index("rest"))
    trainer = Trainer(only_rest, data, 0)
    trainer.refit(only_rest, ONE_EPOCH, lambda step: None)
    assert all(np.isfinite(weights).all() for weights in trainer.model.get_weights())


def test_a_class_without_windows_in_training_is_kept_and_costs_nothing() -> None:
    data = dataset(labels=("curl", "press", "row"))
    trainer = Trainer(data.take(data.labels != 1), data, 0)
    (step,) = trainer.fit(ONE_EPOCH, lambda step: None)
    assert trainer.model.output_shape[-1] == 4
    assert step.f1_validation is not None
    assert 0 <= step.f1_validation <= 1
    assert np.isfinite(step.loss)


@pytest.mark.parametrize("limits", [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_no_time_for_an_epoch_is_refused(limits: tuple[int, float]) -> None:
    with pytest.raises(InvalidInput, match="epochs in"):
        Limits(epochs_max=limits[0], seconds_max=limits[1], target_f1=1.0)


@pytest.mark.parametrize("sensors", ["a@50", "a,g@50", "u,l@10", "a@10", "h@1", "a,g@100", "a,g,h@25"])
def test_every_sensor_set_has_a_network_within_the_bound(sensors: str) -> None:
    sensor_set = SensorSet.parse(sensors)
    model = build(sensor_set.window_samples, sensor_set.channel_count, 30)
    assert model.output_shape[1:] == (1, 1, 30)
    assert model.count_params() <= PARAMETERS_MAX


def test_the_first_layer_parts_gravity_from_motion() -> None:
    tf = import_tensorflow()
    model = build(100, 3, 2)
    first = tf.keras.Model(model.inputs[0], model.layers[2].output)
    held = np.tile(np.float32([0.5, -1.0, 2.0]), (1, 1, 100, 1))
    np.testing.assert_allclose(first(held)[0, 0, :, :3], np.tile(3 + 0.75 * held[0, 0, :38], 1), atol=1e-4)
    np.testing.assert_allclose(first(held)[0, 0, :, 3:], 3.0, atol=1e-4)
    shaken = held + 0.5 * np.sin(np.arange(100) * 2 * np.pi * 4 / 50)[:, None].astype(np.float32)
    assert np.std(first(shaken)[0, 0, :, 3:]) > 4 * np.std(first(shaken)[0, 0, :, :3], axis=0).max()


def test_motion_is_what_the_mean_over_half_a_second_leaves() -> None:
    taps = gravity_taps(100)
    steady = np.full((2, 100, 3), 5.0, np.float32)
    assert motion(steady, taps).shape == (2, 100 - taps, 3)
    np.testing.assert_allclose(motion(steady, taps), 0, atol=1e-6)


def test_the_network_learns_from_inputs_as_coarse_as_int8() -> None:
    samples = np.random.default_rng(0).normal(3, 2, (20, 10, 2)).astype(np.float32)
    normalisation = Normalisation.of(samples, SensorSet.parse("u,l@5"))
    inputs = normalisation.apply(samples)[:, 0]
    exact = normalise(samples, normalisation.mean, normalisation.scale)
    assert abs(inputs - exact).max() <= INPUT_STEP / 2 + 1e-6
    assert len(np.unique(inputs)) < 256


def test_normalisation_spares_flat_channels() -> None:
    assert Normalisation.of(np.full((4, 10, 2), 3.0, np.float32), SensorSet.parse("u,l@5")).scale == (
        1.0,
        1.0,
    )
