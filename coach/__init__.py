"""Pure knowledge of training: counts repetitions, judges form, learns behaviour and suggests what comes next.

Nothing here does I/O or knows a clock; everything is a function of its arguments.
"""
