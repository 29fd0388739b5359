"""A Cassandra that asks for certificates and passwords, set up as an operator does it."""

from __future__ import annotations

from pathlib import Path

from cli.main import main
from tests.containers.ring import ALONE, RingNode, image_environ, ports

HOST = "127.0.0.1"
KEYSPACE = "muvr"
HEAP = {"MAX_HEAP_SIZE": "256M", "HEAP_NEWSIZE": "48M"}


class Secured:
    """One node with TLS, roles and tables, in `directory`; `up` starts it and makes the rest."""

    def __init__(self, directory: Path) -> None:
        self.certificates = directory / "certificates"
        self.passwords = directory / "passwords"
        self._first_password = directory / "first"
        said = {**image_environ(), **ports([HOST]), **HEAP, "CASSANDRA_JAVA_OPTIONS": ALONE}
        said |= {"CASSANDRA_TLS": str(self.certificates / "node"), "CASSANDRA_AUTHENTICATION": "on"}
        self.node = RingNode(directory / "node", HOST, said)
        self.port = int(said["CASSANDRA_CQL_PORT"])

    def up(self) -> None:
        out = ["--out", str(self.certificates)]
        assert main(["cassandra", "certificates", *out, "--node", f"node={HOST}", "--client", "muvr"]) == 0
        self.node.up()
        self._first_password.write_text("cassandra\n")  # of every new cluster
        first = self.location("cassandra", password=self._first_password)
        assert main(["schema", "apply", "--store", first]) == 0
        roles = ["schema", "roles", "--store", first, "--passwords", str(self.passwords), "--superuser"]
        assert main(roles) == 0

    def location(
        self, user: str | None, *, password: Path | None = None, tls: Path | None = None, has_tls: bool = True
    ) -> str:
        options = ["replication=1", "datacenter=muvr", "retry-seconds=60"]
        if has_tls:
            options.append(f"tls={tls or self.certificates / 'muvr'}")
        if password is not None:
            options.append(f"password-file={password}")
        who = f"{user}@" if user else ""
        return f"cassandra://{who}{HOST}:{self.port}/{KEYSPACE}?{'&'.join(options)}"

    def of_role(self, role: str) -> str:
        return self.location(f"{KEYSPACE}_{role}", password=self.passwords / role)

    @property
    def superuser(self) -> str:
        return self.location("cassandra", password=self.passwords / "superuser")

    @property
    def first_superuser(self) -> str:
        return self.location("cassandra", password=self._first_password)
