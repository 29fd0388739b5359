"""What muvr talks about: identifiers, sensors, frames, windows, commands, events and the pure rules of a user.

Nothing here does I/O, knows a database or an actor, or imports another package of the project.
"""
