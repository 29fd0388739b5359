"""The model file: what is encoded comes back, and nothing else is ever accepted or crashes."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError, InvalidArtefact
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from edge.artefact import FILE_BYTES_MAX, Artefact, decode, digest, encode
from edge.layers import Convolution, GlobalAverage, MaxPool

SIGNING_KEY = bytes(range(32))
VERIFY_KEY = Ed25519PrivateKey.from_private_bytes(SIGNING_KEY).public_key().public_bytes_raw()


def convolution(
    random: np.random.Generator, outputs: int, taps: int, inputs: int, **changes: object
) -> Convolution:
    fields: dict[str, object] = {
        "kernel": random.integers(-127, 128, (outputs, taps, inputs), dtype=np.int8),
        "bias": random.integers(-9999, 9999, outputs, dtype=np.int32),
        "multiplier": random.integers(2**30, 2**31 - 1, outputs, dtype=np.int32),
        "shift": np.full(outputs, -8, np.int32),
        "stride": 1,
        "padding": (0, 0),
        "input_zero_point": -3,
        "output_zero_point": -128,
        "activation_min": -128,
        "activation_max": 127,
    }
    return Convolution(**(fields | changes))  # type: ignore[arg-type]


def artefact(seed: int = 0) -> Artefact:
    random = np.random.default_rng(seed)
    return Artefact(
        model_id=ModelId("gym-1"),
        sensor_set=SensorSet.parse("a@50"),
        classes=("curl", "rest"),
        channel_mean=(0.1, -0.2, 0.9),
        channel_scale=(0.5, 0.6, 0.7),
        input_scale=0.05,
        input_zero_point=-3,
        layers=(
            convolution(random, 4, 5, 3, stride=2, padding=(1, 2)),
            MaxPool(size=2, stride=2),
            GlobalAverage(size=25),
            convolution(random, 2, 1, 4, output_zero_point=7),
        ),
        output_scale=0.1,
        output_zero_point=7,
        temperature=1.3,
        metadata={"epochs": 12, "loss": 0.25, "made": "in a test"},
    )


def with_magnitudes() -> Artefact:
    """One more channel than the sensor has axes."""
    layers = artefact().layers
    first = convolution(np.random.default_rng(1), 4, 5, 4, stride=2, padding=(1, 2))
    return replace(
        artefact(),
        magnitudes=True,
        channel_mean=(0.1, -0.2, 0.9, 1.1),
        channel_scale=(0.5, 0.6, 0.7, 0.2),
        layers=(first, *layers[1:]),
    )


def sealed(data: bytes) -> bytes:
    """`data` with its checksum made right, as someone who alters a file on purpose would."""
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


def with_header(**changes: object) -> bytes:
    """A well-formed file whose header says something else."""
    data = encode(artefact())
    header_bytes, tensor_bytes = struct.unpack_from("<II", data, 12)
    header = msgspec.msgpack.decode(data[20 : 20 + header_bytes]) | changes
    raw = msgspec.msgpack.encode(header)
    prelude = data[:12] + struct.pack("<II", len(raw), tensor_bytes)
    return sealed(prelude + raw + data[20 + header_bytes :])


def test_what_is_encoded_comes_back() -> None:
    before = artefact()
    after = decode(encode(before))
    assert after.classes == before.classes
    assert after.sensor_set == before.sensor_set
    assert (after.channel_mean, after.channel_scale) == (before.channel_mean, before.channel_scale)
    assert (after.temperature, dict(after.metadata)) == (1.3, before.metadata)
    assert after.layers[1:3] == before.layers[1:3]
    for old, new in zip(before.layers, after.layers, strict=True):
        if isinstance(old, Convolution) and isinstance(new, Convolution):
            for name in ("kernel", "bias", "multiplier", "shift"):
                np.testing.assert_array_equal(getattr(new, name), getattr(old, name), strict=True)
            assert (new.stride, new.padding) == (old.stride, old.padding)
            assert (new.input_zero_point, new.output_zero_point) == (
                old.input_zero_point,
                old.output_zero_point,
            )
    assert after.parameter_count == 4 * 5 * 3 + 4 + 2 * 4 + 2


def test_the_same_artefact_gives_the_same_bytes() -> None:
    assert encode(decode(encode(artefact()))) == encode(artefact())
    assert digest(encode(artefact())) == hashlib.sha256(encode(artefact())).hexdigest()


def test_a_decoded_tensor_cannot_be_changed() -> None:
    layer = decode(encode(artefact())).layers[0]
    assert isinstance(layer, Convolution)
    with pytest.raises(ValueError, match="read-only"):
        layer.kernel[0, 0, 0] = 1


def test_a_signed_file_is_accepted_with_and_without_its_key() -> None:
    data = encode(artefact(), SIGNING_KEY)
    assert decode(data, VERIFY_KEY).model_id == decode(data).model_id == "gym-1"


@pytest.mark.parametrize("signing_key", [None, bytes(32)])
def test_an_unsigned_or_otherwise_signed_file_is_refused_when_a_key_is_given(
    signing_key: bytes | None,
) -> None:
    with pytest.raises(InvalidArtefact, match="sign"):
        decode(encode(artefact(), signing_key), VERIFY_KEY)


def test_a_signature_covers_every_byte() -> None:
    data = bytearray(encode(artefact(), SIGNING_KEY))
    data[-97] ^= 1  # the last byte of the tensors
    with pytest.raises(InvalidArtefact, match="signature does not match"):
        decode(sealed(bytes(data)), VERIFY_KEY)


def test_a_malformed_key_is_the_operators_error() -> None:
    with pytest.raises(ConfigurationError, match="31 bytes"):
        encode(artefact(), bytes(31))
    with pytest.raises(ConfigurationError, match="33 bytes"):
        decode(encode(artefact(), SIGNING_KEY), bytes(33))


def test_a_newer_format_says_what_to_do() -> None:
    data = bytearray(encode(artefact()))
    data[8] = 3
    with pytest.raises(InvalidArtefact, match="format 3; expected format 1 to 2; update this program"):
        decode(sealed(bytes(data)))


def test_a_file_without_magnitudes_is_of_format_1_and_one_with_them_of_format_2() -> None:
    plain, lengths = encode(artefact()), encode(with_magnitudes())
    assert (plain[8], lengths[8]) == (1, 2)
    assert not decode(plain).magnitudes
    assert decode(lengths).magnitudes
    assert decode(lengths).channel_mean == (0.1, -0.2, 0.9, 1.1)


def test_layers_and_normalisation_must_have_the_magnitudes_channels() -> None:
    with pytest.raises(InvalidArtefact, match="expected 4 means and scales"):
        encode(replace(artefact(), magnitudes=True))
    with pytest.raises(InvalidArtefact, match="expected 3 means and scales"):
        encode(replace(with_magnitudes(), magnitudes=False))
    with pytest.raises(InvalidArtefact, match="layer 0"):
        encode(replace(with_magnitudes(), layers=artefact().layers))


@given(st.data())
def test_any_altered_bit_is_refused(data: st.DataObject) -> None:
    encoded = bytearray(encode(artefact(), SIGNING_KEY))
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidArtefact):
        decode(bytes(encoded))


@given(st.data())
def test_an_altered_byte_under_a_right_checksum_is_an_artefact_or_refused(data: st.DataObject) -> None:
    encoded = bytearray(encode(artefact()))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 33))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode(sealed(bytes(encoded)))
    except InvalidArtefact:
        return
    assert encode(decoded)


@given(st.integers(0, 10_000))
def test_any_truncated_file_is_refused(size: int) -> None:
    encoded = encode(artefact(), SIGNING_KEY)
    with pytest.raises(InvalidArtefact):
        decode(encoded[: size % len(encoded)])


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    for candidate in (data, sealed(b"MUVRMODL\x01\x00\x00\x00" + data + bytes(32))):
        with pytest.raises(InvalidArtefact):
            decode(candidate)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_id", "../model"),
        ("sensor_set", "a,a@50"),
        ("sensor_set", "a,g@50"),
        ("sensor_set", "a@1000"),
        ("classes", ["curl"]),
        ("classes", ["rest", "rest"]),
        ("classes", ["curl", "rest", "row"]),
        ("channel_mean", [0.0, 0.0]),
        ("channel_mean", [0.0, 0.0, float("nan")]),
        ("channel_scale", [1.0, 1.0, 0.0]),
        ("channel_scale", [1.0, 1.0, float("inf")]),
        ("input_scale", float("nan")),
        ("input_scale", -1.0),
        ("output_scale", 0),
        ("temperature", 1e300),
        ("input_zero_point", 128),
        ("layers", []),
        ("layers", [{"type": "global_average", "size": 100}]),
        ("layers", [{"type": "max_pool", "size": 4096, "stride": 1}]),
        ("layers", [{"type": "softmax"}]),
        ("layers", [{"type": "global_average", "size": 1}] * 33),
        ("metadata", {"nested": [[[[]]]]}),
        ("surprise", 1),
    ],
)
def test_a_header_of_nonsense_is_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidArtefact):
        decode(with_header(**{field: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {"shift": np.full(4, 25, np.int32)},
        {"bias": np.full(4, 2**31 - 1, np.int32)},
        {"multiplier": np.full(4, -5, np.int32)},
        {"shift": np.full(4, -32, np.int32)},
        {"activation_min": 5, "activation_max": 4},
        {"stride": 0},
        {"padding": (0, 500)},
    ],
)
def test_arithmetic_that_could_leave_its_integers_is_refused(changes: dict[str, object]) -> None:
    whole = artefact()
    broken = convolution(np.random.default_rng(0), 4, 5, 3, **({"stride": 2, "padding": (1, 2)} | changes))
    with pytest.raises(InvalidArtefact):
        encode(replace(whole, layers=(broken, *whole.layers[1:])))


def test_work_and_size_are_bounded() -> None:
    random = np.random.default_rng(0)
    first = convolution(random, 512, 1, 3, shift=np.full(512, -9, np.int32))
    heavy = convolution(random, 512, 1, 512, shift=np.full(512, -9, np.int32))
    last = convolution(random, 2, 1, 512)
    layers = (first, heavy, GlobalAverage(size=100), last)
    with pytest.raises(InvalidArtefact, match="multiplications a window"):
        encode(replace(artefact(), layers=layers))
    with pytest.raises(InvalidArtefact, match="at most"):
        decode(bytes(FILE_BYTES_MAX + 1))
    with pytest.raises(InvalidArtefact, match="values"):
        encode(replace(artefact(), sensor_set=SensorSet.parse("a@1000"), layers=layers))
