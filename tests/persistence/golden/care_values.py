"""The values of the golden files that are about form and programmes; see values.py."""

from __future__ import annotations

from domain.care import Care
from domain.events import JournalEvent, ProgrammeSet, SetMeasured, TipGiven
from domain.form import KeptForm, SetForm, Tip
from domain.identifiers import DeviceId, SessionId
from domain.programme import Prescription, Programme, Span
from domain.progress import DoneSet, DoneWeek, Progress
from domain.user import User

_S1, _S2 = SessionId("session-1"), SessionId("session-2")
PROGRAMME = Programme(
    at_ms=1_700_000_000_000,
    prescriptions=(
        Prescription(
            exercise="knee-extension",
            set_count=3,
            repetitions=10,
            days_per_week=5,
            tempo_s=Span(least=2.5, most=6.0),
            reach=Span(least=0.8, most=1.25),
            repetitions_limit=12,
        ),
        Prescription(exercise="bridge", set_count=1, repetitions=8, days_per_week=7),
    ),
    heart_rate_limit=140,
)
KEPT = KeptForm(
    course=bytes(range(96)),
    scale=0.75,
    tempo_s=3.5,
    tempo_s_deviation=0.25,
    range=1.25,
    range_deviation=0.0625,
    likeness=0.96875,
    distance=0.125,
    repetition_count=10,
)
FORM = SetForm(
    start_ms=1_700_000_200_000,
    end_ms=1_700_000_235_000,
    exercise="knee-extension",
    repetitions=10,
    tempo_s=3.5,
    reach=1.25,
    reach_share=0.875,
    within=9,
)

CARE_EVENTS: dict[str, JournalEvent] = {
    "measured by the server": SetMeasured(session=_S1, command_nr=None, form=FORM, kept=KEPT),
    "measured by the device, without a reference": SetMeasured(
        session=_S1,
        command_nr=5,
        form=SetForm(start_ms=1, end_ms=2, exercise="curl", repetitions=0, tempo_s=0.0, reach=0.0),
    ),
    "tip": TipGiven(
        session=_S1,
        at_ms=1_700_000_235_000,
        tip=Tip(kind="shorter", exercise="curl", text="The last two went less far.", figure=0.375),
    ),
    "tip to stop": TipGiven(
        session=_S1,
        at_ms=1,
        tip=Tip(kind="heart-rate", exercise="any", text="Stop and rest.", figure=151.0, stop=True),
    ),
    "programme": ProgrammeSet(device=DeviceId("practice"), programme=PROGRAMME),
    "programme that ends": ProgrammeSet(device=DeviceId("practice"), programme=Programme(at_ms=2**40)),
}

CARE_STATES: dict[str, User] = {
    "with a programme, what was done of it and the best form": User(
        care=Care(
            programme=PROGRAMME,
            progress=Progress(
                sets=(
                    DoneSet(
                        session=_S1,
                        start_ms=1_700_000_200_000,
                        end_ms=1_700_000_235_000,
                        exercise="knee-extension",
                        repetitions=10,
                        is_confirmed=True,
                        within=9,
                        reach_share=0.875,
                    ),
                    DoneSet(session=_S2, start_ms=1, end_ms=2, exercise="bridge", repetitions=None),
                ),
                weeks=(
                    DoneWeek(
                        exercise="bridge",
                        week=2811,
                        prescribed=7,
                        set_count=6,
                        day_count=5,
                        repetitions=48,
                        measured=40,
                        within=32,
                        reach_share=0.9375,
                        reach_sets=4,
                    ),
                ),
            ),
            forms={"knee-extension": KEPT},
            formed_in={"knee-extension": _S1},
        )
    ),
}
