"""A fake Marathon and a fake Metronome: their HTTP APIs over processes of this machine.

They are fakes. Marathon and Metronome themselves come in no package that a test, or a laptop, could start.
These answer as their API references and types say, start, check, upgrade and stop as Marathon's documentation
and sources describe it, and run each task's command as a local process, on agents that do not exist. Clients
that others wrote check them. What they do not have: containers (an image is not run; its app's `cmd` is),
authentication, several frameworks, elections, pods, limits of what a process may use.
"""
