"""The `muvr` command: parses, wires and starts. The only place where concrete classes are chosen."""
