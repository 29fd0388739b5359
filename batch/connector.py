"""Cassandra through spark-cassandra-connector: executors read token ranges beside the nodes that hold them.

The connector is fetched once, through Spark's Ivy, and kept where Cassandra's jars are. It remembers the
schema of a keyspace, so tables must be there before its session starts.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from domain.errors import ConfigurationError
from persistence.cassandra.settings import (
    AUTHORITY_P12,
    IDENTITY_P12,
    P12_PASSWORD,
    SCHEME,
    CassandraSettings,
    keyspace_name,
    parse_location,
)
from persistence.schema import Table, Timestamp

PACKAGE = "com.datastax.spark:spark-cassandra-connector_2.12:3.5.1"
RECONNECT_MS_MAX = 5_000  # a minute by default, for which a node that is back would not be used
# By default the connector offers two of RSA's key exchange, which our certificates cannot be used with.
CIPHERS = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
)
_FORMAT = "org.apache.spark.sql.cassandra"


def is_cassandra(location: str) -> bool:
    return location.startswith(SCHEME)


def session_settings(cache: Path) -> dict[str, str]:
    """What a Spark session needs before it starts; the jars are kept in `cache`."""
    return {
        "spark.jars.packages": PACKAGE,
        "spark.jars.ivy": str(cache),
        "spark.sql.extensions": "com.datastax.spark.connector.CassandraSparkExtensions",
    }


@contextmanager
def alone_with(cache: Path) -> Iterator[None]:
    """Ivy's cache breaks when two programs fill it at once."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise ConfigurationError(
            f"the connector of Spark and Cassandra cannot be kept in {cache}: {error.strerror}",
            expected="a directory that can be written",
            remedy="choose another with MUVR_CACHE",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class CassandraSource:
    """See `batch.job.Source`."""

    def __init__(self, session: SparkSession, location: str) -> None:
        self.session = session
        self._settings = parse_location(location)
        # Not in the configuration that Java is started with: a command line is seen by everyone.
        for name, value in _connection(self._settings).items():
            session.conf.set(name, value)

    def scan(self, table: Table[Any]) -> DataFrame:
        return self._declared(self._frame(table), table)

    def lookup(self, keys: DataFrame, table: Table[Any]) -> DataFrame:
        """As the port says: each of Spark's tasks asks for the partitions of its keys."""
        frame = self._frame(table)
        joined = keys.select(*table.partition).join(frame, list(table.partition))
        return self._declared(joined, table)

    def write(self, frame: DataFrame, table: Table[Any]) -> None:
        columns = [_stored(name, kind) for name, kind in table.types.items()]
        writer = frame.select(*columns).write.format(_FORMAT).mode("append")
        ttl_seconds = self._settings.ttl_seconds.get(table.name)
        options = {
            **self._place(table),
            "spark.cassandra.output.consistency.level": self._settings.consistency_of(table),
            "spark.cassandra.output.ignoreNulls": "true",  # else each null is a tombstone
            **({"spark.cassandra.output.ttl": str(ttl_seconds)} if ttl_seconds else {}),
        }
        writer.options(**options).save()

    def _frame(self, table: Table[Any]) -> DataFrame:
        level = self._settings.consistency_of(table)
        return (
            self.session.read.format(_FORMAT)
            .options(**self._place(table))
            .option("spark.cassandra.input.consistency.level", level)
            .option("directJoinSetting", "on")
            .load()
        )

    def _declared(self, frame: DataFrame, table: Table[Any]) -> DataFrame:
        return frame.select(*(_read(name, kind) for name, kind in table.types.items()))

    def _place(self, table: Table[Any]) -> dict[str, str]:
        return {"keyspace": keyspace_name(table.keyspace, self._settings.keyspace), "table": table.name}


def _read(name: str, kind: Any) -> Column:
    return F.unix_millis(name).alias(name) if kind is Timestamp else F.col(name)


def _stored(name: str, kind: Any) -> Column:
    return F.timestamp_millis(name).alias(name) if kind is Timestamp else F.col(name)


def _connection(settings: CassandraSettings) -> dict[str, str]:
    found = {
        "spark.cassandra.connection.host": ",".join(f"{host}:{port}" for host, port in settings.hosts),
        "spark.cassandra.connection.port": str(settings.hosts[0][1]),
        "spark.cassandra.connection.reconnectionDelayMS.max": str(RECONNECT_MS_MAX),
    }
    if settings.datacenter is not None:
        found["spark.cassandra.connection.localDC"] = settings.datacenter
    if settings.user is not None:
        found["spark.cassandra.auth.username"] = settings.user
        found["spark.cassandra.auth.password"] = settings.password()
    if settings.tls is not None:
        found |= _encryption(settings.tls)
    return found


def _encryption(tls: Path) -> dict[str, str]:
    """Java's form of what Python reads from ca.pem and identity.pem; every executor has them at that place.

    What protects the key is its file's mode, as in the other form: the password is the same everywhere.
    """
    prefix = "spark.cassandra.connection.ssl"
    found = {f"{prefix}.enabled": "true", f"{prefix}.clientAuth.enabled": "true"}
    found[f"{prefix}.enabledAlgorithms"] = ",".join(CIPHERS)
    for store, file in (("trustStore", AUTHORITY_P12), ("keyStore", IDENTITY_P12)):
        found |= {
            f"{prefix}.{store}.path": str(tls.absolute() / file),
            f"{prefix}.{store}.type": "PKCS12",
            f"{prefix}.{store}.password": P12_PASSWORD,
        }
    return found
