"""`muvr users export` and `import`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import msgspec

from cli.parsing import explain
from cli.privacy import audited, now_ms, secrets_of, settings_of, told_progress, user_of
from cli.upkeep import add_place_arguments, opened
from domain.errors import ConfigurationError
from persistence.archive import BYTES_MAX
from persistence.export import Exporter
from persistence.importing import Importer

EXPORT_EXAMPLES = """
muvr users export anna                            all about anna, to anna.zip
muvr users export anna --to -                     to another program
muvr users export anna --why "she asked for it"   the reason, for the audit log
"""
IMPORT_EXAMPLES = """
muvr users import anna.zip                        as the user that it is of
muvr users import anna.zip --as anna-2 --data D   under another name
"""


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER")
    parser.add_argument("--to", metavar="FILE", help="- for standard output (default: USER.zip)")
    parser.add_argument("--why", default="", help="the reason, for the audit log that the user can read")
    add_place_arguments(parser)
    explain(parser, EXPORT_EXAMPLES)


def export(options: argparse.Namespace) -> int:
    user = user_of(options)
    target = options.to or f"{user}.zip"
    with opened(options) as (store, keys):
        key = secrets_of(settings_of(options)).pseudonym_key
        audited(store, user, "users export", options.why)
        exporter = Exporter(store, keys, key, now_ms, progress=told_progress(options))
        if target == "-":
            exporter.export(user, sys.stdout.buffer)
            return 0
        temporary = Path(f"{target}.new")
        try:
            with temporary.open("xb") as file:
                manifest = exporter.export(user, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except FileExistsError as error:
            raise ConfigurationError(f"there is a {temporary}", remedy="remove it, or use --to") from error
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    if options.json:
        print(json.dumps({"file": target, **msgspec.to_builtins(manifest)}))
    else:
        rows = sum(file.rows for file in manifest.files)
        print(f"{target}: {manifest.event_count} events, {len(manifest.files)} files with {rows} rows")
    return 0


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--as", dest="name", metavar="USER", help="under this name (default: as exported)")
    parser.add_argument(
        "--bytes-max",
        type=int,
        default=BYTES_MAX,
        metavar="N",
        help="what the files may have together, unpacked (default: %(default)s)",
    )
    add_place_arguments(parser)
    explain(parser, IMPORT_EXAMPLES)


def load(options: argparse.Namespace) -> int:
    with opened(options) as (store, keys), options.file.open("rb") as file:
        importer = Importer(store, keys, now_ms, bytes_max=options.bytes_max, progress=told_progress(options))
        manifest = importer.load(file, name=options.name)
    user = options.name or manifest.user
    if options.json:
        print(json.dumps({"user": user, "events": manifest.event_count, "exported_ms": manifest.exported_ms}))
    else:
        print(f"{user} is here: {manifest.event_count} events, as exported at {manifest.exported_ms}")
    return 0
