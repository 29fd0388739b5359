"""The Thespian system: a node's processes, shard hosts with one session actor per user, and the scheduler.

A node's few processes are actors of `multiprocTCPBase`; the session actors of a shard host live in a nested
`simpleSystemBase`, where creating and asking one costs microseconds.
"""
