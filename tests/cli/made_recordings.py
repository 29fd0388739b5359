"""Directories of recordings of nobody: two exercises and rest that a small training tells apart."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

HEADER = "file,subject,session,label,reps,weight_kg,rate_hz,device,location"
RATE_HZ = 50
HERTZ = {"curl": 0.5, "press": 1.25, "twist": 0.8, "rest": 0.0}  # repetitions a second
SET_SECONDS = 16
REST_SECONDS = 12


def make(
    directory: Path,
    *,
    sessions: tuple[tuple[str, str], ...] = (("ann", "mon"), ("ann", "tue"), ("bob", "mon"), ("bob", "tue")),
    labels: tuple[str, ...] = ("rest", "curl", "rest", "press", "rest"),
    sensors: str = "a",
    seconds: float | None = None,
) -> Path:
    """Write sessions (subject, day) in which `labels` follow each other; returns `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    lines = [HEADER]
    for subject, day in sessions:
        for number, label in enumerate(labels):
            name = f"{subject}-{day}-{label}-{number}.csv.gz"
            length = seconds or (REST_SECONDS if label == "rest" else SET_SECONDS)
            repetitions = round(length * HERTZ[label])
            lines.append(f"{name},{subject},{day},{label},{repetitions},,{RATE_HZ},watch,left_wrist")
            (directory / name).write_bytes(gzip.compress(_rows(label, length, sensors, random).encode(), 1))
    (directory / "index.csv").write_text("\n".join(lines) + "\n")
    return directory


def _rows(label: str, seconds: float, sensors: str, random: np.random.Generator) -> str:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = np.sin(2 * np.pi * HERTZ[label] * time)
    axes = {"curl": (0.9, 0.1, 0.3), "press": (0.1, 0.8, -0.5), "twist": (-0.6, 0.6, 0.1), "rest": (0, 0, 0)}
    moved = wave[:, None] * np.array(axes[label]) + np.array([0.2, 0.1, 0.9])
    if "g" in sensors:
        moved = np.concatenate([moved, 2 * wave[:, None] * np.array(axes[label][::-1])], axis=1)
    moved = moved + random.normal(0, 0.03, moved.shape)
    header = "t,ax,ay,az" + (",gx,gy,gz" if "g" in sensors else "")
    rows = (",".join([f"{at:.3f}", *(f"{value:.4f}" for value in row)])
            for at, row in zip(time, moved, strict=True))  # fmt: skip
    return "\n".join([header, *rows]) + "\n"
