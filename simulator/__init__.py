"""Seeded simulated people who exercise: recordings for tests, demos and load, made from moving arms.

`people.people(seed, count)` makes them, `routines.plan(person, session_nr)` says what they do in a session
and `sessions.record(person, session_nr)` lets them do it with a watch on the left wrist. The same seed gives
the same samples.
"""
