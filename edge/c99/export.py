"""Writes the C99 of a model: the sources that are the same for all, its tables, and test vectors."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidInput
from edge.artefact import Artefact
from edge.c99.tables import header, source
from edge.c99.vectors import vectors

LIBRARY = (
    "muvr.h",
    "muvr_dot.h",
    "muvr_layers.h",
    "muvr_network.c",
    "muvr_repetitions.c",
    "muvr_resampler.c",
    "muvr_windows.c",
)
TEST = (
    "Makefile",
    "README.md",
    "muvr_board.h",
    "muvr_board_cortex_m4.c",
    "muvr_board_host.c",
    "muvr_cortex_m4.ld",
    "muvr_test.c",
)
TEST_WINDOWS_MAX = 64


def export(artefact: Artefact, directory: Path, test_windows: npt.NDArray[np.float32]) -> None:
    """Write `artefact` as C99 into `directory`, made if need be; files of an earlier export are replaced.

    `test_windows` [n, window_samples, channels], in the sensors' units, 1 to TEST_WINDOWS_MAX of them, become
    test vectors: best are windows that were recorded. Raises InvalidInput for other shapes, InvalidArtefact
    for a network whose sums may not fit into C's int32.
    """
    expected = (artefact.sensor_set.window_samples, artefact.sensor_set.channel_count)
    if test_windows.shape[1:] != expected or not 1 <= len(test_windows) <= TEST_WINDOWS_MAX:
        raise InvalidInput(
            f"test windows of shape {test_windows.shape}",
            expected=f"1 to {TEST_WINDOWS_MAX} of {expected}",
            remedy="give windows of the model's sensors",
        )
    generated = {
        "muvr_model.h": header(artefact),
        "muvr_model.c": source(artefact),
        "muvr_test_vectors.h": vectors(artefact, test_windows.astype(np.float32)),
    }
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in generated.items():
        (directory / name).write_text(text, encoding="utf-8")
    for name in LIBRARY + TEST:
        (directory / name).write_bytes((resources.files("edge.c99") / "sources" / name).read_bytes())
