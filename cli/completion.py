"""`muvr completion`: what makes a shell complete commands, options and their values."""

from __future__ import annotations

import argparse
import json

from cli.parsing import explain

SHELLS = ("bash", "zsh", "fish")

_EXAMPLES = """
muvr completion bash   for bash: add `eval "$(muvr completion bash)"` to ~/.bashrc
muvr completion zsh    for zsh: the same, with zsh, in ~/.zshrc after compinit
muvr completion fish   for fish: `muvr completion fish | source` in config.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="for which the text is printed")
    parser.add_argument("--json", action="store_true", help="the text as one JSON object")
    explain(parser, _EXAMPLES)


def run(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    code = shellcode(["muvr"], shell=options.shell)
    print(json.dumps({"shell": options.shell, "code": code}) if options.json else code)
    return 0
