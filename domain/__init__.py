"""What muvr talks about: identifiers, sensors, frames, windows, commands, events, a user's pure rules.

Nothing here does I/O, knows a database or an actor, or imports another package of the project.
"""
