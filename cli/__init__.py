"""The `muvr` command: parses, wires and starts. The only place where concrete classes are chosen."""

import os

# A shard host multiplies small matrices: OpenBLAS threads would wait for each other (120 to 225 µs a window
# instead of 2 on two busy cores). Read when NumPy is first imported, which everything below does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
