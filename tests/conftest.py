"""What every test shares: no test of a property depends on how fast this machine is."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("muvr", deadline=None)
settings.load_profile("muvr")
