"""The model file: everything a device needs to classify a window, in one checked and optionally signed file.

    magic "MUVRMODL" | u16 version | u16 flags | u32 header bytes | u32 tensor bytes
    header (MessagePack) | tensors (raw, little-endian, in the layers' order: kernel, bias, multiplier, shift)
    Ed25519 signature of all of the above, 64 bytes, when flag 1 is set | SHA-256 of all of the above

Integers are little-endian. A decoded artefact is safe to run: shapes agree from window to classes, sizes are
bounded and no accumulator can leave int32. See docs/decisions/0005-int8-artefact.md.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from domain.errors import ConfigurationError, InvalidArtefact, InvalidInput
from domain.identifiers import ModelId, check_identifier
from domain.sensors import SensorSet
from edge.layers import (
    Byte,
    Convolution,
    Layer,
    LayerHeader,
    check_shapes,
    header_of,
    invalid,
    read_layers,
    tensor_bytes,
)

MAGIC = b"MUVRMODL"
FORMAT_VERSION = 2  # files without magnitudes are as they were in 1, and still say so
FILE_BYTES_MAX = 1 << 20
HEADER_BYTES_MAX = 1 << 16
LAYERS_MAX = 32
CLASSES_MAX = 256
SCALE_MIN = 1e-6

_PRELUDE = struct.Struct("<8sHHII")
_SIGNED = 1
_SIGNATURE_BYTES = 64
_CHECKSUM_BYTES = 32
_KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Artefact:
    """A quantised network with what turns a window into its input and its output into probabilities.

    The network's channels are those of the sensors and, with `magnitudes`, after them the length of each
    three-axis sensor's vector. A sample x of channel c becomes the int8
    round((x - channel_mean[c]) / channel_scale[c] / input_scale) + input_zero_point; edge.preprocessing has
    the exact order of operations. The last layer's int8 y becomes the logit (y - output_zero_point) *
    output_scale, divided by `temperature` before the softmax.
    `metadata` is for people: when and on what the model was trained.
    """

    model_id: ModelId
    sensor_set: SensorSet
    classes: tuple[str, ...]
    channel_mean: tuple[float, ...]
    channel_scale: tuple[float, ...]
    input_scale: float
    input_zero_point: int
    layers: tuple[Layer, ...]
    output_scale: float
    output_zero_point: int
    temperature: float = 1.0
    magnitudes: bool = False
    metadata: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def input_channels(self) -> int:
        """Channels of the network's input."""
        lengths = len(self.sensor_set.three_axis_channels) if self.magnitudes else 0
        return self.sensor_set.channel_count + lengths

    @property
    def parameter_count(self) -> int:
        """Weights and biases."""
        return sum(
            layer.kernel.size + layer.bias.size for layer in self.layers if isinstance(layer, Convolution)
        )


def encode(artefact: Artefact, signing_key: bytes | None = None) -> bytes:
    """The file's bytes, signed if `signing_key` (Ed25519 private key, 32 raw bytes) is given.

    Raises InvalidArtefact if a device would refuse the artefact; ConfigurationError for a malformed key.
    """
    header = msgspec.msgpack.encode(_to_header(artefact))
    tensors = b"".join(map(tensor_bytes, artefact.layers))
    flags = 0 if signing_key is None else _SIGNED
    version = FORMAT_VERSION if artefact.magnitudes else 1
    body = _PRELUDE.pack(MAGIC, version, flags, len(header), len(tensors)) + header + tensors
    if signing_key is not None:
        body += _sign(body, signing_key)
    data = body + hashlib.sha256(body).digest()
    decode(data)
    return data


def decode(data: bytes, verify_key: bytes | None = None) -> Artefact:
    """The artefact in `data`; with `verify_key` (Ed25519 public key, 32 raw bytes) only if signed by it.

    Raises InvalidArtefact, whatever the bytes; ConfigurationError for a malformed key.
    """
    header_section, tensor_section = _open(data, verify_key)
    try:
        header = msgspec.msgpack.decode(header_section, type=_Header)
        sensor_set = SensorSet.parse(header.sensor_set)
        model_id = ModelId(check_identifier("model", header.model_id))
    except (msgspec.MsgspecError, InvalidInput, UnicodeDecodeError, RecursionError) as error:
        raise invalid(
            f"the header does not parse: {error}", f"a header of format 1 to {FORMAT_VERSION}"
        ) from error
    artefact = Artefact(
        model_id=model_id,
        sensor_set=sensor_set,
        classes=header.classes,
        channel_mean=header.channel_mean,
        channel_scale=header.channel_scale,
        input_scale=header.input_scale,
        input_zero_point=header.input_zero_point,
        layers=read_layers(header.layers, tensor_section),
        output_scale=header.output_scale,
        output_zero_point=header.output_zero_point,
        temperature=header.temperature,
        magnitudes=header.magnitudes,
        metadata=header.metadata,
    )
    _check_values(artefact)
    check_shapes(artefact.layers, sensor_set.window_samples, artefact.input_channels, len(artefact.classes))
    return artefact


def digest(data: bytes) -> str:
    """SHA-256 of the whole file in hexadecimal: the name by which devices ask for it."""
    return hashlib.sha256(data).hexdigest()


_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    model_id: str
    sensor_set: str
    classes: Annotated[tuple[_Name, ...], msgspec.Meta(min_length=2, max_length=CLASSES_MAX)]
    channel_mean: tuple[float, ...]
    channel_scale: tuple[float, ...]
    input_scale: float
    input_zero_point: Byte
    layers: Annotated[tuple[LayerHeader, ...], msgspec.Meta(min_length=1, max_length=LAYERS_MAX)]
    output_scale: float
    output_zero_point: Byte
    temperature: float
    metadata: dict[str, str | int | float]
    magnitudes: bool = False


def _open(data: bytes, verify_key: bytes | None) -> tuple[bytes, bytes]:
    """Check the envelope; return the header's and the tensors' bytes."""
    if not _PRELUDE.size + _CHECKSUM_BYTES <= len(data) <= FILE_BYTES_MAX:
        raise invalid(f"{len(data)} bytes", f"a model file of at most {FILE_BYTES_MAX} bytes")
    magic, version, flags, header_size, tensor_size = _PRELUDE.unpack_from(data)
    if magic != MAGIC:
        raise invalid("not a model file", f"a file that begins with {MAGIC.decode()}")
    if not 1 <= version <= FORMAT_VERSION:
        raise InvalidArtefact(
            f"a model file of format {version}",
            expected=f"format 1 to {FORMAT_VERSION}",
            remedy="update this program or export the model for it",
        )
    if flags not in (0, _SIGNED) or header_size > HEADER_BYTES_MAX:
        raise invalid(f"flags {flags}, header of {header_size} bytes", f"at most {HEADER_BYTES_MAX} bytes")
    tensors_at = _PRELUDE.size + header_size
    signature_at = tensors_at + tensor_size
    checksum_at = signature_at + (_SIGNATURE_BYTES if flags == _SIGNED else 0)
    if len(data) != checksum_at + _CHECKSUM_BYTES:
        raise invalid(f"{len(data)} bytes", f"{checksum_at + _CHECKSUM_BYTES} bytes")
    if hashlib.sha256(data[:checksum_at]).digest() != data[checksum_at:]:
        raise invalid("the checksum does not match", "an unaltered file")
    if verify_key is not None:
        _verify(data[:signature_at], data[signature_at:checksum_at], verify_key)
    return data[_PRELUDE.size : tensors_at], data[tensors_at:signature_at]


def _sign(body: bytes, signing_key: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(_checked_key(signing_key)).sign(body)


def _verify(body: bytes, signature: bytes, verify_key: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(_checked_key(verify_key))
    if not signature:
        raise invalid("the model file is not signed", "a signature of the configured key")
    try:
        key.verify(signature, body)
    except InvalidSignature as error:
        raise invalid("the signature does not match", "a signature of the configured key") from error


def _checked_key(key: bytes) -> bytes:
    if len(key) != _KEY_BYTES:
        raise ConfigurationError(
            f"an Ed25519 key of {len(key)} bytes",
            expected=f"{_KEY_BYTES} raw bytes",
            remedy="give the raw key, not its PEM form",
        )
    return key


def _to_header(artefact: Artefact) -> _Header:
    return _Header(
        model_id=artefact.model_id,
        sensor_set=str(artefact.sensor_set),
        classes=artefact.classes,
        channel_mean=artefact.channel_mean,
        channel_scale=artefact.channel_scale,
        input_scale=artefact.input_scale,
        input_zero_point=artefact.input_zero_point,
        layers=tuple(header_of(layer) for layer in artefact.layers),
        output_scale=artefact.output_scale,
        output_zero_point=artefact.output_zero_point,
        temperature=artefact.temperature,
        magnitudes=artefact.magnitudes,
        metadata=dict(artefact.metadata),
    )


def _check_values(artefact: Artefact) -> None:
    channels = artefact.input_channels
    if len(set(artefact.classes)) != len(artefact.classes):
        raise invalid("a class is named twice", "distinct classes")
    if not len(artefact.channel_mean) == len(artefact.channel_scale) == channels:
        raise invalid("the normalisation does not fit the sensors", f"{channels} means and scales")
    scales = (artefact.input_scale, artefact.output_scale, artefact.temperature, *artefact.channel_scale)
    if not all(SCALE_MIN <= scale <= 1 / SCALE_MIN for scale in scales):
        raise invalid(f"scales {scales}", f"numbers from {SCALE_MIN} to {1 / SCALE_MIN:g}")
    if not all(math.isfinite(mean) and abs(mean) <= 1 / SCALE_MIN for mean in artefact.channel_mean):
        raise invalid(f"channel means {artefact.channel_mean}", "finite numbers")
