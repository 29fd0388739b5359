"""What muvr asks of a Mesos cluster: a group of Marathon and jobs of Metronome, made from one description.

It knows `domain` alone.
"""
