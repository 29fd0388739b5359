"""Settings from flags, environment and a file, in one order; no command reads the latter two itself."""
