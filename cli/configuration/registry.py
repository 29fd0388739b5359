"""Every setting that may also be said in the environment or in a file.

A setting is a flag of one or several commands. In the file it has a `key`, whose part before the dot is a
table; in the environment it is called MUVR_ and the key in capitals, with `_` for the dot. Its default is the
flag's.

`muvr config show` and the tests hold this table to the commands' flags.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PREFIX = "MUVR_"
FILE_VARIABLE = "MUVR_CONFIG"
TEST_PREFIX = "MUVR_TEST_"  # what muvr's own tests are told; no setting
NOT_A_NODES = ("demo", "cassandra")  # their --data is another directory


@dataclass(frozen=True, kw_only=True)
class Setting:
    """`kind` is str, Path, int, float, bool or list (of texts).

    `commands` have the flag; empty: every command that has it, but for `not_of`. A secret's value is never
    shown. `is_passed_on` is of what programs that a command starts look up in their environment.
    """

    key: str
    flag: str
    kind: type = str
    commands: tuple[str, ...] = ()
    not_of: tuple[str, ...] = ()
    is_secret: bool = False
    is_passed_on: bool = False

    @property
    def variable(self) -> str:
        return PREFIX + self.key.upper().replace(".", "_")

    @property
    def shown_by(self) -> str:
        """The command whose default is shown."""
        return self.commands[0] if self.commands else "up"

    def is_of(self, command: str) -> bool:
        return command in self.commands if self.commands else command not in self.not_of


_UP = ("up",)

SETTINGS = (
    Setting(key="data", flag="--data", kind=Path, not_of=NOT_A_NODES),
    Setting(key="store", flag="--store", not_of=NOT_A_NODES),
    Setting(key="keys", flag="--keys", kind=Path, not_of=NOT_A_NODES),
    Setting(key="cache", flag="--cache", kind=Path, commands=("cassandra",), is_passed_on=True),
    Setting(key="node.host", flag="--host", commands=_UP),
    Setting(key="node.gateway_port", flag="--gateway-port", kind=int, commands=("up", "demo")),
    Setting(key="node.api_port", flag="--api-port", kind=int, commands=("up", "demo")),
    Setting(key="node.advertise", flag="--advertise", commands=_UP),
    Setting(key="node.lease_seconds", flag="--lease-seconds", kind=float, commands=_UP),
    Setting(key="node.metrics_host", flag="--metrics-host", commands=_UP),
    Setting(key="node.metrics_port", flag="--metrics-port", kind=int, commands=_UP),
    Setting(key="node.log_format", flag="--log-format", commands=_UP),
    Setting(key="otlp.endpoint", flag="--otlp-endpoint", commands=_UP),
    Setting(key="otlp.share", flag="--otlp-share", kind=float, commands=_UP),
    Setting(key="oidc.issuer", flag="--oidc-issuer", commands=_UP),
    Setting(key="oidc.client_id", flag="--oidc-client-id", commands=_UP),
    Setting(key="oidc.secret_file", flag="--oidc-secret-file", kind=Path, commands=_UP),
    Setting(key="oidc.page", flag="--oidc-page", commands=_UP),
    Setting(key="oidc.claim", flag="--oidc-claim", commands=_UP),
    Setting(key="oidc.operators", flag="--oidc-operators", commands=_UP),
    Setting(key="oidc.coaches", flag="--oidc-coaches", commands=_UP),
    Setting(key="oidc.name", flag="--oidc-name", commands=_UP),
    Setting(key="night.cron", flag="--night", commands=_UP),
    Setting(key="night.time_zone", flag="--time-zone", commands=_UP),
    Setting(key="night.catch_up", flag="--catch-up", kind=int, commands=_UP),
    Setting(key="night.attempts", flag="--attempts", kind=int, commands=_UP),
    Setting(key="night.spark_master", flag="--spark-master", commands=_UP),
    Setting(key="night.members_min", flag="--members-min", kind=int, commands=("up", "batch")),
    Setting(key="night.session_share", flag="--session-share", kind=float, commands=("up", "batch")),
    Setting(key="night.cluster_models", flag="--cluster-models", kind=bool, commands=_UP),
    Setting(key="metronome.url", flag="--metronome", commands=_UP),
    Setting(key="metronome.mesos", flag="--mesos", commands=_UP),
    Setting(key="metronome.run", flag="--metronome-run", kind=Path, commands=_UP),
    Setting(key="metronome.folder", flag="--metronome-folder", commands=_UP),
    Setting(key="metronome.python", flag="--metronome-python", commands=_UP),
    Setting(key="batch.master", flag="--master", commands=("batch",)),
    Setting(key="batch.sensor_sets", flag="--sensor-sets", kind=list, commands=("batch",)),
    Setting(key="batch.memory_mb", flag="--memory-mb", kind=int, commands=("batch",)),
    Setting(key="batch.runs_kept", flag="--runs-kept", kind=int, commands=("batch",)),
    Setting(key="train.sensor_set", flag="--sensor-set", commands=("train", "evaluate", "models")),
    Setting(key="train.budget_minutes", flag="--budget-minutes", kind=float, commands=("train",)),
    Setting(key="train.target_f1", flag="--target-f1", kind=float, commands=("train",)),
    Setting(key="train.seed", flag="--seed", kind=int, commands=("train",)),
    Setting(key="import.url", flag="--url", commands=("import",)),
    Setting(key="import.api", flag="--api", commands=("import",)),
    Setting(key="import.token", flag="--token", commands=("import",), is_secret=True),
    Setting(key="import.time_zone", flag="--time-zone", commands=("import", "export")),
    Setting(key="import.weight_unit", flag="--weight-unit", commands=("import",)),
    Setting(key="cassandra.data", flag="--data", kind=Path, commands=("cassandra",)),
    Setting(key="cassandra.nodes", flag="--nodes", kind=int, commands=("cassandra",)),
    Setting(key="cassandra.dev", flag="--dev", kind=bool, commands=("cassandra",)),
    Setting(key="cassandra.port", flag="--port", kind=int, commands=("cassandra",)),
    Setting(key="cassandra.storage_port", flag="--storage-port", kind=int, commands=("cassandra",)),
    Setting(key="cassandra.heap_mb", flag="--heap", kind=int, commands=("cassandra",)),
    Setting(key="cassandra.commitlog_sync", flag="--commitlog-sync", commands=("cassandra",)),
)

BY_KEY = {setting.key: setting for setting in SETTINGS}
BY_VARIABLE = {setting.variable: setting for setting in SETTINGS}


def settings_of(command: str) -> tuple[Setting, ...]:
    return tuple(setting for setting in SETTINGS if setting.is_of(command))
