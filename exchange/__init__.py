"""Reads and writes the files of other programs about training, without I/O and without a store."""
