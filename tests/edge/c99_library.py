"""An exported model compiled to a shared library, so that tests can call its C."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge.artefact import Artefact
from edge.c99.export import export

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]

needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")

FLAGS = (
    "-std=c99",
    "-O1",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pedantic",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fPIC",
    "-shared",
)


class Frame(ctypes.Structure):
    """muvr_frame of muvr.h."""

    _fields_ = (
        ("sensor", ctypes.c_uint8),
        ("start_ms", ctypes.c_int64),
        ("rate_hz", ctypes.c_double),
        ("scale", ctypes.c_float),
        ("samples", ctypes.POINTER(ctypes.c_int16)),
        ("count", ctypes.c_uint16),
    )


class Library:
    """The C of `artefact`, compiled in `directory`; the C in `extra` sees what is static in the windows."""

    def __init__(
        self, artefact: Artefact, directory: Path, extra: str = "", flags: tuple[str, ...] = ()
    ) -> None:
        sensors = artefact.sensor_set
        self._shape = (sensors.window_samples, artefact.input_channels)
        self._classes = len(artefact.classes)
        export(artefact, directory, np.zeros((1, sensors.window_samples, sensors.channel_count), np.float32))
        (directory / "extra.c").write_text(f'#include "muvr_windows.c"\n{extra}')
        sources = ("muvr_model.c", "muvr_network.c", "muvr_repetitions.c", "muvr_resampler.c", "extra.c")
        target = directory / "library.so"
        subprocess.run(["gcc", *FLAGS, *flags, "-o", target, *sources], cwd=directory, check=True)
        self.c = ctypes.CDLL(str(target))
        self.c.muvr_run.restype = ctypes.POINTER(ctypes.c_int8)
        self.c.muvr_input.restype = ctypes.POINTER(ctypes.c_uint8)

    def input(self) -> Int8Array:
        """The quantised window in the arena, [window_samples, channels]."""
        raw = np.ctypeslib.as_array(self.c.muvr_input(), self._shape)
        return (raw.astype(np.int16) - 128).astype(np.int8)

    def run(self, window: Int8Array) -> Int8Array:
        """A quantised window to [classes]."""
        raw = (window.astype(np.int16) + 128).astype(np.uint8)
        np.ctypeslib.as_array(self.c.muvr_input(), self._shape)[:] = raw
        return np.ctypeslib.as_array(self.c.muvr_run(), (self._classes,)).copy()

    def quantise(self, window: FloatArray) -> Int8Array:
        contiguous = np.ascontiguousarray(window, np.float32)
        self.c.muvr_quantise(contiguous.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
        return self.input()

    def softmax(self, outputs: Int8Array) -> FloatArray:
        probabilities = np.empty(self._classes, np.float32)
        contiguous = np.ascontiguousarray(outputs, np.int8)
        self.c.muvr_softmax(
            contiguous.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
            probabilities.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
        )
        return probabilities
