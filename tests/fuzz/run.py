"""Fuzzes one target, guided by the coverage of our packages:

    python -m tests.fuzz.run TARGET [--seconds 600] [--runs N] [--seed N] [--corpus DIRECTORY]

Begins with the seeds and with what was found before. Ends with status 0, or with another after writing what
breaks something to `tests/fuzz/corpus/TARGET/`, where it stays as a test once that is mended.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import atheris

CORPUS = Path(__file__).parent / "corpus"
INPUT_BYTES_MAX = 16 * 1024
INPUT_SECONDS_MAX = 5
MEMORY_MB_MAX = 4096
# Not parsers: NumPy's comparisons, of which atheris 3 lets no result go, take 3 KB of an input.
NUMERIC = ["edge.rescaling", "edge.int8"]
OURS = ["domain", "coach", "edge", "persistence", "actors", "gateway", "exchange"]


def main() -> None:
    with atheris.instrument_imports(include=[*OURS, "jwt"], exclude=NUMERIC):
        from tests.fuzz.seeds import seeds
        from tests.fuzz.targets import TARGETS
    options = _parser(list(TARGETS)).parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="muvr-fuzz-") as made:
        begun = Path(made)
        for number, data in enumerate(seeds()[options.target]):
            (begun / f"seed-{number}").write_bytes(data)
        found = CORPUS / options.target
        kept = options.corpus or begun
        arguments = [
            f"-max_total_time={options.seconds}",
            f"-runs={options.runs}",
            f"-seed={options.seed}",
            f"-max_len={INPUT_BYTES_MAX}",
            f"-timeout={INPUT_SECONDS_MAX}",
            f"-rss_limit_mb={MEMORY_MB_MAX}",
            f"-artifact_prefix={found}/",
            *map(str, [kept, begun, *([found] if found.is_dir() else [])]),
        ]
        found.mkdir(parents=True, exist_ok=True)
        atheris.Setup([sys.argv[0], *arguments], TARGETS[options.target])
        atheris.Fuzz()


def _parser(targets: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Fuzz one parser of bytes from outside.")
    parser.add_argument("target", choices=targets)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--runs", type=int, default=-1, help="inputs; -1 is as many as there is time for")
    parser.add_argument("--seed", type=int, default=0, help="0 is a random one")
    parser.add_argument("--corpus", type=Path, help="keep here what is worth to begin with another time")
    return parser


if __name__ == "__main__":
    main()
