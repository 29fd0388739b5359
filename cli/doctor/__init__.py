"""`muvr doctor`: what is wrong with a machine, its store and its keys, and what to do about it."""
