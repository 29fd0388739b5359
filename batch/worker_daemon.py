"""What Spark's Python workers are forked from, in place of `pyspark.daemon`: `spark.python.daemon.module`.

Spark puts archives of itself on the workers' import path, and before each task pyspark has Python look at all
of it again, which reads their directories: 0.1 s of CPU a task, more than most tasks take. pyspark is
installed as a package, so nothing is missed without them. And what tasks need is imported once, before the
fork.
"""

from __future__ import annotations

import sys

sys.path[:] = [path for path in sys.path if not path.endswith((".zip", ".jar"))]
sys.path_importer_cache.clear()

from pyspark.daemon import manager  # noqa: E402 (from the package, not from an archive)

import batch.embedded  # noqa: E402
import batch.slicing  # noqa: E402, F401

if __name__ == "__main__":
    manager()
