"""Arbitrary values of the domain for properties: within their limits, and whatever msgspec lets in."""

from __future__ import annotations

from hypothesis import strategies as st

from domain.bests import Best
from domain.care_commands import AskAdherence, RecordForm, SetProgramme
from domain.commands import (
    WEIGHT_KG_MAX,
    AcceptFrame,
    CloseSession,
    Command,
    ConfirmLabel,
    ContributeExercise,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    SetPlan,
    SetTraining,
    Stream,
    SuggestHere,
    TellProfile,
    WithdrawLabel,
)
from domain.contributed import Contributed
from domain.events import (
    BodyMeasured,
    ConsentGiven,
    ExerciseContributed,
    ExerciseSuggested,
    LabelConfirmed,
    LabelWithdrawn,
    PlanSet,
    ProfileChanged,
    ProfileEvent,
    ProfileTold,
    SessionClosed,
    SessionDeleted,
    SessionEvent,
    SessionOpened,
    SetMeasured,
    SetRecognised,
    SuggestionAnswered,
    TipGiven,
    TrainingSet,
)
from domain.frames import SensorFrame
from domain.plans import PlannedExercise, PlanSession, TrainingPlan
from domain.profile_commands import (
    BIRTH_YEARS,
    HEIGHTS_CM,
    VALUES,
    MeasureBody,
    ProfileCommand,
    SetConsent,
    SetProfile,
)
from domain.sensors import SENSORS, SensorSet
from domain.training import EQUIPMENT, MUSCLES, Place, Training
from tests.domain.care_strategies import forms, kept_forms, programmes, tips
from tests.domain.names import identifiers, repetitions, times_ms

numbers = st.integers(0, 2**31 - 1)
_LOADS_KG = st.floats(0.05, 500)
weights_kg = st.none() | st.floats(0, WEIGHT_KG_MAX)
sensor_sets = st.builds(
    lambda letters, rate_hz: SensorSet(tuple(letters), rate_hz),
    st.lists(st.sampled_from(sorted(SENSORS)), min_size=1, unique=True),
    st.integers(1, 1000),
)
streams = st.lists(
    st.builds(Stream, stream=identifiers, sensor=st.sampled_from(sorted(SENSORS)), location=identifiers),
    max_size=4,
    unique_by=lambda stream: stream.stream,
).map(tuple)


def profile_events() -> st.SearchStrategy[ProfileEvent | ConsentGiven]:
    """Profiles, measurements and consents within their limits."""
    return st.one_of(
        st.builds(
            ProfileChanged,
            at_ms=times_ms,
            birth_year=st.none() | st.integers(*BIRTH_YEARS),
            height_cm=st.none() | st.floats(*HEIGHTS_CM),
        ),
        st.builds(ConsentGiven, at_ms=times_ms),
        st.builds(
            BodyMeasured,
            at_ms=times_ms,
            value=st.floats(*VALUES["body_weight_kg"]),
        ),
    )


def deletions() -> st.SearchStrategy[SessionDeleted]:
    """Sessions that users deleted, with bests of some exercises."""
    bests = st.builds(Best, weight_kg=_LOADS_KG, repetitions=repetitions, maximum_kg=_LOADS_KG)
    return st.builds(
        SessionDeleted,
        session=identifiers,
        at_ms=times_ms,
        opened_ms=times_ms,
        streams=st.lists(identifiers, max_size=3).map(tuple),
        bests=st.dictionaries(identifiers, bests, max_size=3),
    )


def profile_commands() -> st.SearchStrategy[SetProfile | MeasureBody]:
    """Profile commands within their limits."""
    weights = st.floats(*VALUES["body_weight_kg"])
    quantity = st.just("body_weight_kg")
    return st.one_of(
        st.builds(
            SetProfile,
            at_ms=times_ms,
            birth_year=st.none() | st.integers(*BIRTH_YEARS),
            height_cm=st.none() | st.floats(*HEIGHTS_CM),
        ),
        st.builds(MeasureBody, at_ms=times_ms, quantity=quantity, value=weights),
    )


def wild_profile_commands() -> st.SearchStrategy[ProfileCommand]:
    """Profile commands whose fields have the right types and any values at all."""
    integers = st.integers(-(2**63), 2**64 - 1) | times_ms
    numbers_or_none = st.none() | st.floats() | st.floats(0, 300)
    return st.one_of(
        st.builds(SetProfile, at_ms=integers, birth_year=st.none() | integers, height_cm=numbers_or_none),
        st.builds(MeasureBody, at_ms=integers, value=st.floats() | st.floats(0, 300)),
    )


def events() -> st.SearchStrategy[SessionEvent]:
    """Every kind of event of a session, its fields within the limits of the commands behind it."""
    names = {"session": identifiers, "exercise": identifiers}
    span = {"start_ms": times_ms, "end_ms": times_ms}
    numbered = {"session": identifiers, "command_nr": numbers}
    return st.one_of(
        st.builds(SessionOpened, **numbered, at_ms=times_ms, device=identifiers, streams=streams),
        st.builds(
            LabelConfirmed,
            **numbered,
            **span,
            repetitions=st.none() | repetitions,
            weight_kg=weights_kg,
            said_ms=st.none() | times_ms,
        ),
        st.builds(LabelWithdrawn, **numbered, **span, said_ms=times_ms),
        st.builds(
            SetRecognised,
            **names,
            **span,
            command_nr=st.none() | numbers,
            confidence=st.floats(0, 1),
            repetitions=repetitions,
            model_id=identifiers,
        ),
        st.builds(
            ExerciseSuggested,
            **names,
            at_ms=times_ms,
            weight_kg=weights_kg,
            repetitions=repetitions,
            command_nr=st.none() | numbers,
        ),
        st.builds(
            SuggestionAnswered,
            session=identifiers,
            suggested_ms=st.none() | times_ms,
            command_nr=st.none() | numbers,
            exercise=identifiers,
            at_ms=times_ms,
        ),
        st.builds(TrainingSet, **numbered, training=trainings()),
        st.builds(PlanSet, **numbered, plan=plans()),
        st.builds(ProfileTold, **numbered, told=profile_commands()),
        st.builds(ExerciseContributed, **numbered, exercise=contributions()),
        st.builds(
            SetMeasured,
            session=identifiers,
            command_nr=st.none() | numbers,
            form=forms(),
            kept=st.none() | kept_forms(),
        ),
        st.builds(TipGiven, session=identifiers, at_ms=times_ms, tip=tips()),
        st.builds(SessionClosed, **numbered, at_ms=times_ms),
    )


def wild_commands() -> st.SearchStrategy[Command]:
    """Commands whose fields have the right types and any values at all, as a hostile device sends them."""
    integers = st.integers(-(2**63), 2**64 - 1) | st.integers(-2, 2**31)
    text = st.text(max_size=80) | identifiers
    floats = st.floats() | st.floats(0, 2000)
    stream = st.builds(Stream, stream=text, sensor=text | st.sampled_from("aghul"), location=text)
    frame = st.builds(
        SensorFrame,
        session=text,
        stream=text,
        sequence_nr=integers,
        sensor=text | st.sampled_from("aghul"),
        start_ms=integers | times_ms,
        rate_hz=floats,
        scale=floats,
        samples=st.binary(max_size=64) | st.integers(0, 9000).map(bytes),
    )
    span = {"session": text, "command_nr": integers, "start_ms": integers, "end_ms": integers}
    return st.one_of(
        st.builds(AcceptFrame, frame=frame),
        st.builds(
            OpenSession,
            session=text,
            command_nr=integers,
            at_ms=integers,
            device=text,
            streams=st.lists(stream, max_size=20).map(tuple),
        ),
        st.builds(
            ConfirmLabel,
            **span,
            exercise=text,
            repetitions=st.none() | integers,
            weight_kg=st.none() | floats,
            said_ms=st.none() | integers,
        ),
        st.builds(WithdrawLabel, **span, said_ms=integers),
        st.builds(
            SuggestHere,
            session=text,
            command_nr=integers,
            at_ms=integers,
            exercise=text,
            weight_kg=st.none() | floats,
            repetitions=integers,
            reason=st.text(),
            rest_s=st.none() | integers,
        ),
        st.builds(RecordSet, **span, exercise=text, confidence=floats, repetitions=integers, model_id=text),
        st.builds(CloseSession, session=text, command_nr=integers, at_ms=integers),
        st.builds(RefuseSuggestion, session=text, command_nr=integers, at_ms=integers, exercise=text),
        st.builds(
            ContributeExercise, session=text, command_nr=integers, exercise=contributions(text, integers)
        ),
        st.builds(TellProfile, session=text, command_nr=integers, told=wild_profile_commands()),
        st.builds(SetPlan, session=text, command_nr=integers, plan=plans(text, floats, integers)),
        st.builds(SetTraining, session=text, command_nr=integers, training=trainings(text, floats, integers)),
        st.builds(
            RecordForm,
            session=text,
            command_nr=integers,
            form=forms(text, floats, integers),
            tip=st.none() | tips(text, floats),
        ),
        st.builds(SetProgramme, device=text, programme=programmes(text, floats, integers)),
        st.builds(AskAdherence, at_ms=integers),
        st.builds(SetConsent, at_ms=integers),
    )


def contributions(
    text: st.SearchStrategy[str] = identifiers, integers: st.SearchStrategy[int] = times_ms
) -> st.SearchStrategy[Contributed]:
    """Exercises that users made up; the muscles and pieces of equipment may be known ones."""
    muscles, equipment = (
        st.lists(st.sampled_from(sorted(names)) | text, max_size=3).map(tuple)
        for names in (MUSCLES, EQUIPMENT)
    )
    return st.builds(
        Contributed, name=text, at_ms=integers, primary=muscles, secondary=muscles, equipment=equipment
    )


def plans(
    text: st.SearchStrategy[str] = identifiers,
    loads: st.SearchStrategy[float] = _LOADS_KG,
    integers: st.SearchStrategy[int] = times_ms,
) -> st.SearchStrategy[TrainingPlan]:
    """Plans of these names and numbers."""
    exercise = st.builds(
        PlannedExercise,
        exercise=text,
        set_count=st.integers(1, 5) | integers,
        repetitions=st.integers(1, 20) | integers,
        weight_kg=st.none() | loads,
        share=st.none() | st.floats(0, 1.2) | loads,
        rest_s=st.none() | st.integers(0, 300) | integers,
    )
    session = st.builds(
        PlanSession,
        name=text,
        exercises=st.lists(exercise, max_size=3).map(tuple),
        weekday=st.none() | st.integers(0, 6) | integers,
    )
    return st.builds(
        TrainingPlan, at_ms=integers, author=text, sessions=st.lists(session, max_size=3).map(tuple)
    )


def trainings(
    text: st.SearchStrategy[str] = identifiers,
    loads: st.SearchStrategy[float] = _LOADS_KG,
    integers: st.SearchStrategy[int] = times_ms,
) -> st.SearchStrategy[Training]:
    """Wishes of these names and numbers; the muscles and pieces of equipment may be known ones."""
    muscles, equipment = (
        st.lists(st.sampled_from(sorted(names)) | text, max_size=3) for names in (MUSCLES, EQUIPMENT)
    )
    kilograms = st.lists(loads, max_size=4).map(tuple)
    place = st.builds(
        Place,
        name=text,
        equipment=st.none() | equipment.map(tuple),
        bar_kg=loads,
        plates_kg=kilograms,
        dumbbells_kg=kilograms,
        stacks_kg=kilograms,
    )
    return st.builds(
        Training,
        at_ms=integers,
        excluded_exercises=st.lists(text, max_size=3).map(tuple),
        excluded_muscles=muscles.map(tuple),
        place=st.none() | place,
        utc_offset_min=st.integers(-900, 900) | integers,
    )
