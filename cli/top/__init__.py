"""`muvr top`: a running node in the terminal, from its metrics."""
