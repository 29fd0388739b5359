"""What a node says of itself: declared metrics, counted in shared pages, and log lines that follow frames."""
