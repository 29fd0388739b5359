"""From a Keras model to an artefact, through TensorFlow Lite's int8 converter and its own file."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import ProcessFailed
from domain.identifiers import ModelId
from domain.sensors import SensorSet
from edge.artefact import Artefact
from edge.int8 import Int8Network
from edge.layers import Convolution, GlobalAverage, Layer, MaxPool
from edge.preprocessing import to_int8
from training.network import import_tensorflow
from training.train import Normalisation

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]

REPRESENTATIVE_MAX = 400  # windows that the converter measures activations on
VERIFIED_MAX = 128  # windows on which the artefact is compared with the reference interpreter


def export(
    model: Any,
    *,
    normalisation: Normalisation,
    samples: FloatArray,
    model_id: ModelId,
    sensor_set: SensorSet,
    classes: tuple[str, ...],
    metadata: Mapping[str, str | int | float],
) -> Artefact:
    """The int8 artefact of `model`, not yet calibrated (its temperature is 1).

    `samples` [n, window_samples, channels] are training windows in the sensors' units. Raises ProcessFailed
    if TensorFlow Lite's reference interpreter and edge.int8 differ in one bit on some of them.
    """
    chosen = samples[np.linspace(0, len(samples) - 1, min(len(samples), REPRESENTATIVE_MAX)).astype(np.int64)]
    flatbuffer = convert(model, normalisation.apply(chosen))
    reader = _Reader(flatbuffer)
    input_scale, input_zero_point = reader.quantisation(reader.inputs[0])
    output_scale, output_zero_point = reader.quantisation(reader.outputs[0])
    artefact = Artefact(
        model_id=model_id,
        sensor_set=sensor_set,
        classes=classes,
        channel_mean=normalisation.mean,
        channel_scale=normalisation.scale,
        input_scale=input_scale,
        input_zero_point=input_zero_point,
        layers=tuple(reader.layers()),
        output_scale=output_scale,
        output_zero_point=output_zero_point,
        magnitudes=bool(sensor_set.three_axis_channels),
        metadata=metadata,
    )
    _verify(artefact, flatbuffer, to_int8(chosen[:VERIFIED_MAX], artefact))
    return artefact


def convert(model: Any, representative: FloatArray) -> bytes:
    """TensorFlow Lite's flatbuffer: int8 in and out, batch size 1, measured on [n, 1, samples, channels]."""
    tf = import_tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = tf.TensorSpec((1, *representative.shape[1:]), tf.float32)
    function = tf.function(lambda inputs: model(inputs, training=False)).get_concrete_function(signature)
    # Frozen, the function needs no SavedModel on disk, which is what makes other ways take seconds.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _rows(representative)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that inputs have no statistics: they come from the windows
        return bytes(converter.convert())


def run_reference(flatbuffer: bytes, windows: Int8Array) -> Int8Array:
    """TensorFlow Lite's reference kernels on [n, window_samples, channels]; int8 [n, classes]."""
    tf = import_tensorflow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the interpreter will move to another package
        interpreter = tf.lite.Interpreter(
            model_content=flatbuffer,
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
            num_threads=1,
        )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    outputs = []
    for window in windows:
        interpreter.set_tensor(source, window[None, None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target).reshape(-1))
    return np.stack(outputs)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """`real` as multiplier * 2**(shift - 31), as TensorFlow Lite's QuantizeMultiplier rounds it."""
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def _rows(representative: FloatArray) -> Iterator[list[FloatArray]]:
    for row in representative:
        yield [row[None]]


def _verify(artefact: Artefact, flatbuffer: bytes, windows: Int8Array) -> None:
    differing = int(
        (Int8Network(artefact).run(windows) != run_reference(flatbuffer, windows)).any(axis=1).sum()
    )
    if differing:
        raise ProcessFailed(
            f"the exported model differs from TensorFlow Lite's on {differing} of {len(windows)} windows",
            expected="equal integers",
            remedy="keep the previous model and report the TensorFlow version",
        )


class _Reader:
    """Reads the operations of a flatbuffer's only subgraph."""

    def __init__(self, flatbuffer: bytes) -> None:
        from tensorflow.lite.python import schema_py_generated as schema

        self._schema = schema
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
        self._graph = self._model.subgraphs[0]
        self.inputs, self.outputs = self._graph.inputs, self._graph.outputs

    def quantisation(self, tensor: int) -> tuple[float, int]:
        """Scale and zero point of a tensor quantised as a whole."""
        parameters = self._graph.tensors[tensor].quantization
        return float(parameters.scale[0]), int(parameters.zeroPoint[0])

    def layers(self) -> Iterator[Layer]:
        """The network's layers; raises ProcessFailed for an operation that edge.int8 does not have."""
        operator = self._schema.BuiltinOperator
        for operation in self._graph.operators:
            code = self._model.operatorCodes[operation.opcodeIndex]
            kind = max(code.builtinCode, code.deprecatedBuiltinCode)
            if kind == operator.CONV_2D:
                yield self._convolution(operation)
            elif kind == operator.MAX_POOL_2D:
                options = self._valid(operation)
                yield MaxPool(size=options.filterWidth, stride=options.strideW)
            elif kind == operator.AVERAGE_POOL_2D:
                yield GlobalAverage(size=self._valid(operation).filterWidth)
            elif kind != operator.RESHAPE:
                raise ProcessFailed(
                    f"operation {kind} in the exported model", expected="convolutions and pools"
                )

    def _valid(self, operation: Any) -> Any:
        """The options of a pool, which must neither pad nor clamp."""
        options = operation.builtinOptions
        samples = self._shape(operation.inputs[0])[2]
        padded = options.padding == self._schema.Padding.SAME and samples % options.strideW
        if padded or options.fusedActivationFunction != self._schema.ActivationFunctionType.NONE:
            raise ProcessFailed("a pool that pads or clamps", expected="padding 'valid'")
        return options

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(size) for size in self._graph.tensors[tensor].shape)

    def _array(self, tensor: int, kind: str) -> npt.NDArray[Any]:
        data = self._model.buffers[self._graph.tensors[tensor].buffer].data
        return np.frombuffer(bytes(data), kind).reshape(self._shape(tensor))

    def _convolution(self, operation: Any) -> Convolution:
        source, kernel, bias = operation.inputs
        input_scale, input_zero_point = self.quantisation(source)
        output_scale, output_zero_point = self.quantisation(operation.outputs[0])
        # A float32 per output; the products are taken in float64, as TensorFlow Lite does.
        kernel_scales = np.asarray(self._graph.tensors[kernel].quantization.scale, np.float64)
        rescaling = [quantize_multiplier(input_scale * scale / output_scale) for scale in kernel_scales]
        weights = self._array(kernel, "<i1")[:, 0]
        options = operation.builtinOptions
        low, high = self._activation_range(options.fusedActivationFunction, output_scale, output_zero_point)
        return Convolution(
            kernel=weights,
            bias=self._array(bias, "<i4"),
            multiplier=np.array([multiplier for multiplier, _ in rescaling], np.int32),
            shift=np.array([shift for _, shift in rescaling], np.int32),
            stride=int(options.strideW),
            padding=self._padding(operation, weights.shape[1]),
            input_zero_point=input_zero_point,
            output_zero_point=output_zero_point,
            activation_min=low,
            activation_max=high,
        )

    def _activation_range(self, function: int, scale: float, zero_point: int) -> tuple[int, int]:
        """The output's clamp, as TensorFlow Lite's CalculateActivationRangeQuantized computes it."""
        known = self._schema.ActivationFunctionType
        limits = {known.NONE: (-math.inf, math.inf), known.RELU: (0, math.inf), known.RELU6: (0, 6)}
        if function not in limits:
            raise ProcessFailed(
                f"activation {function} in the exported model", expected="none, ReLU or ReLU6"
            )
        low, high = limits[function]
        lowest = -128 if low == -math.inf else max(-128, zero_point)
        # std::round takes halves away from zero; 6 / scale is positive.
        highest = 127 if high == math.inf else min(127, zero_point + math.floor(high / scale + 0.5))
        return lowest, highest

    def _padding(self, operation: Any, taps: int) -> tuple[int, int]:
        options = operation.builtinOptions
        if options.padding == self._schema.Padding.VALID:
            return 0, 0
        samples, length = self._shape(operation.inputs[0])[2], self._shape(operation.outputs[0])[2]
        total = max(0, (length - 1) * options.strideW + taps - samples)
        return total // 2, total - total // 2
