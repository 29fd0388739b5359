"""Arbitrary figures of sets, tips and programmes; see strategies.py."""

from __future__ import annotations

from hypothesis import strategies as st

from domain.form import KeptForm, SetForm, Tip
from domain.programme import Prescription, Programme, Span
from tests.domain.names import identifiers, repetitions, times_ms

_FIGURES = st.floats(0, 500)


def forms(
    text: st.SearchStrategy[str] = identifiers,
    floats: st.SearchStrategy[float] = _FIGURES,
    integers: st.SearchStrategy[int] = times_ms,
) -> st.SearchStrategy[SetForm]:
    """Figures of sets; the repetitions may be any number."""
    return st.builds(
        SetForm,
        start_ms=integers,
        end_ms=integers,
        exercise=text,
        repetitions=repetitions | integers,
        tempo_s=floats,
        reach=floats,
        reach_share=st.none() | floats,
        within=st.none() | st.integers(0, 20) | integers,
    )


def kept_forms() -> st.SearchStrategy[KeptForm]:
    names = ("scale", "tempo_s", "tempo_s_deviation", "range", "range_deviation", "likeness", "distance")
    return st.builds(KeptForm, course=st.binary(min_size=96, max_size=96), **dict.fromkeys(names, _FIGURES))


def tips(
    text: st.SearchStrategy[str] = identifiers, floats: st.SearchStrategy[float] = _FIGURES
) -> st.SearchStrategy[Tip]:
    return st.builds(Tip, exercise=text, text=text, figure=floats)


def programmes(
    text: st.SearchStrategy[str] = identifiers,
    floats: st.SearchStrategy[float] = _FIGURES,
    integers: st.SearchStrategy[int] = times_ms,
) -> st.SearchStrategy[Programme]:
    """Programmes of these names and numbers, many of them within the limits."""
    few = st.integers(1, 7)
    span = st.just(Span()) | st.builds(Span, least=st.none() | floats, most=st.none() | floats)
    prescription = st.builds(
        Prescription,
        exercise=text,
        set_count=few | integers,
        repetitions=few | integers,
        days_per_week=few | integers,
        tempo_s=span,
        reach=span,
        repetitions_limit=st.none() | st.integers(7, 20) | integers,
    )
    return st.builds(
        Programme,
        at_ms=integers,
        prescriptions=st.lists(prescription, max_size=3).map(tuple),
        heart_rate_limit=st.none() | st.integers(40, 250) | integers,
    )
