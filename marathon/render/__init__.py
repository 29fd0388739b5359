"""A description becomes definitions: a group of Marathon and jobs of Metronome."""
