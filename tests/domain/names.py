"""Arbitrary names, times and counts within their limits, of which other strategies are made."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from domain.commands import REPETITIONS_MAX
from domain.frames import EPOCH_MS_MAX

_FIRST = string.ascii_letters + string.digits

identifiers = st.builds(
    lambda first, rest: first + rest,
    st.sampled_from(_FIRST),
    st.text(alphabet=_FIRST + "_.:@-", max_size=63),
)
times_ms = st.integers(0, EPOCH_MS_MAX)
repetitions = st.integers(0, REPETITIONS_MAX)
