"""What muvr asks of a Mesos cluster: programs run once by Metronome, and what they print.

It knows `domain` alone.
"""
