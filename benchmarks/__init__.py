"""Programs that measure: each prints JSON and runs what it compares with in the same run."""
