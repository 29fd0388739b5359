"""Where muvr keeps things: ports, the declared tables, and stores written once over every backend.

`ports.Store` is the small port that a backend implements: `sqlite`, which is embedded, and `cassandra`, for
many nodes; `location` knows which is meant. Journal, snapshots, sensor rows, labels, models and the rest are
written over the port and know no backend.
"""
