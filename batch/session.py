"""A Spark session that lives and dies with the program that opens it.

The JVM reads from a pipe that only this process holds open, so it ends when this process ends in whatever
way, and Spark's Python workers end with the JVM.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import site
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyspark
from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

import domain
from batch import connector
from batch.arrow import ROWS_PER_BATCH
from batch.java import cache_directory, find_java
from persistence.location import sqlite_directory

LOG_NAME = "spark.log"
DAEMON = "batch.worker_daemon"
PARTITIONS_PER_CORE = 4  # so that a core which is done early finds more to do
SMALL_STORE_BYTES = 64 << 20  # with less, starting costs more than computing
TASK_FAILURES_MAX = 4
STOP_SECONDS_MAX = 2.5  # then the JVM is killed
_JVM_FLAGS = "-XX:+UseSerialGC -Xshare:auto"
_QUICK_FLAGS = "-XX:TieredStopAtLevel=1"  # no second compiler: for seconds of work it starts too late


_PARTITIONS = "spark.sql.shuffle.partitions"

_java: subprocess.Popen[bytes] | None = None


@contextlib.contextmanager
def spark_session(
    work_directory: Path, *, master: str = "local[2]", memory_mb: int = 1024, location: str = ""
) -> Iterator[SparkSession]:
    """A SparkSession on `master`; what it writes, its log included, stays inside `work_directory`.

    It can work on the store at `location`.

    When the body ends in any way, Java is gone before this returns, and its Python workers follow within a
    second or two. One session at a time in a process. Raises ConfigurationError if there is no Java for it.
    """
    global _java
    for name in ("local", "tmp"):
        (work_directory / name).mkdir(parents=True, exist_ok=True)
    is_small = _is_small(location)
    conf = _configuration(work_directory, master, memory_mb, is_small=is_small)
    with_connector = connector.is_cassandra(location)
    cache = cache_directory() / "spark-ivy"
    if with_connector:
        conf.setAll(list(connector.session_settings(cache).items()))
    interrupt = signal.getsignal(signal.SIGINT)
    with (work_directory / LOG_NAME).open("ab") as log, _environment(master):
        with connector.alone_with(cache) if with_connector else contextlib.nullcontext():
            gateway = launch_gateway(conf, {"stdout": log, "stderr": log})
        _java = gateway.proc
        try:
            session = SparkSession(SparkContext(conf=conf, gateway=gateway))
            session.sparkContext.setLogLevel("ERROR")
            per_core = 1 if is_small else PARTITIONS_PER_CORE
            session.conf.set(_PARTITIONS, str(session.sparkContext.defaultParallelism * per_core))
            # It prints a traceback when Java ends first, which is no news to whoever ended it.
            session.sparkContext._accumulatorServer.handle_error = lambda *_: None
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, interrupt)  # pyspark puts its own in place
            yield session
            session.stop()
        finally:
            _end(gateway.proc)


def partition_count(session: SparkSession) -> int:
    """In how many parts the session takes a table or a shuffle."""
    return int(session.conf.get(_PARTITIONS) or 1)


def kill_java() -> None:
    """End Java at once, so that any call to Spark that is under way fails; for signal handlers.

    An exception alone does not get a program out of Spark: on its way pyspark asks Java again, which does
    not answer before the job has ended.
    """
    if _java is not None:
        _java.kill()


def _is_small(location: str) -> bool:
    """Of Cassandra nobody knows."""
    directory = sqlite_directory(location) if location else None
    if directory is None:
        return False
    return sum(file.stat().st_size for file in directory.glob("*.sqlite*")) < SMALL_STORE_BYTES


def _configuration(work_directory: Path, master: str, memory_mb: int, *, is_small: bool) -> SparkConf:
    flags = f"{_JVM_FLAGS} {_QUICK_FLAGS}" if is_small else _JVM_FLAGS
    settings = {
        "spark.master": _with_retries(master),
        "spark.app.name": "muvr batch",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": f"{memory_mb}m",
        "spark.driver.extraJavaOptions": f"{flags} -Djava.io.tmpdir={work_directory / 'tmp'} "
        f"-Dderby.system.home={work_directory}",
        "spark.local.dir": str(work_directory / "local"),
        "spark.sql.warehouse.dir": str(work_directory / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(ROWS_PER_BATCH),
        # The plans are known: planning again between stages and compiling them costs more than it saves.
        "spark.sql.adaptive.enabled": "false",
        "spark.executorEnv.PYTHONPATH": _import_path(),
        "spark.python.daemon.module": DAEMON,
        "spark.task.maxFailures": str(TASK_FAILURES_MAX),
        "spark.executor.memory": f"{memory_mb}m",
    }
    if master.startswith("local"):
        settings["spark.driver.host"] = settings["spark.driver.bindAddress"] = "127.0.0.1"
    return SparkConf(loadDefaults=False).setAll(list(settings.items()))


def _with_retries(master: str) -> str:
    """In local mode a task is tried once unless the master says otherwise."""
    found = re.fullmatch(r"local(?:\[(\d+|\*)\])?", master)
    return f"local[{found[1] or 1},{TASK_FAILURES_MAX}]" if found else master


def _import_path() -> str:
    """What the workers' Python needs to import muvr from a checkout as well as where it is installed."""
    root = str(Path(domain.__file__).resolve().parent.parent)
    own = [] if root in site.getsitepackages() else [root]
    return os.pathsep.join(own + [path for path in [os.environ.get("PYTHONPATH")] if path])


@contextlib.contextmanager
def _environment(master: str) -> Iterator[None]:
    """The environment that pyspark starts Java with, put back afterwards."""
    before = dict(os.environ)
    os.environ.update(
        JAVA_HOME=str(find_java()),
        SPARK_HOME=str(Path(pyspark.__file__).parent),
        PYSPARK_PYTHON=sys.executable,
        PYSPARK_DRIVER_PYTHON=sys.executable,
    )
    if master.startswith("local"):
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    for name in ("PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT", "SPARK_LOCAL_DIRS"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Java, by closing the pipe it reads from, else by force; forget it, so that another may start."""
    global _java
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _java = None
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None
