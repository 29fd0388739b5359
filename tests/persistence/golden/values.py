"""The values of the golden files: every kind of event and each optional field both ways, and states."""

from __future__ import annotations

from msgspec.structs import replace

from domain.bests import Best
from domain.commands import COMMANDS, NO_SESSION, Stream
from domain.consent import Consent
from domain.contributed import Contributed
from domain.events import (
    BodyMeasured,
    ConsentGiven,
    ExerciseContributed,
    ExerciseSuggested,
    JournalEvent,
    LabelConfirmed,
    LabelWithdrawn,
    PlanSet,
    ProfileChanged,
    ProfileTold,
    SessionClosed,
    SessionDeleted,
    SessionOpened,
    SetRecognised,
    SuggestionAnswered,
    TrainingSet,
)
from domain.identifiers import DeviceId, SessionId, StreamId
from domain.plans import PlannedExercise, PlanSession, TrainingPlan
from domain.profile import Measurement, Profile
from domain.profile_commands import MeasureBody, SetProfile
from domain.sets import PastSet
from domain.training import Place, Training
from domain.user import Declined, Session, User
from tests.persistence.golden.care_values import CARE_EVENTS, CARE_STATES

_S1, _S2 = SessionId("session-1"), SessionId("session-2")
_WATCH = DeviceId("watch-1")
_STREAMS = (
    Stream(stream=StreamId("a.wrist"), sensor="a", location="wrist"),
    Stream(stream=StreamId("h"), sensor="h", location="chest"),
)
_SUGGESTED = ExerciseSuggested(
    session=_S2,
    at_ms=1_700_000_100_000,
    exercise="row",
    weight_kg=22.5,
    repetitions=8,
    reason="habit",
    rest_s=90,
)
_WITHOUT_WEIGHT = ExerciseSuggested(
    session=SessionId("session-3"), at_ms=1, exercise="Liegestütz", weight_kg=None, repetitions=0, reason=""
)

_TRAINING = Training(
    at_ms=1_700_000_000_000,
    goal="strength",
    excluded_exercises=("deadlift",),
    excluded_muscles=("back",),
    place=Place(
        name="cellar",
        equipment=("barbell", "rack"),
        bar_kg=15.0,
        plates_kg=(10.0, 2.5),
        dumbbells_kg=(5.0,),
        stacks_kg=(7.5, 15.0),
    ),
    utc_offset_min=-90,
)

_PLAN = TrainingPlan(
    at_ms=1_700_000_000_000,
    author="anna",
    sessions=(
        PlanSession(
            name="legs",
            weekday=0,
            exercises=(
                PlannedExercise(exercise="squat", set_count=3, repetitions=5, weight_kg=100.0, rest_s=180),
                PlannedExercise(exercise="lunge", set_count=2, repetitions=10, share=0.5),
            ),
        ),
        PlanSession(name="any", exercises=(PlannedExercise(exercise="plank", set_count=1, repetitions=1),)),
    ),
)

_SLED = Contributed(
    name="sled-push",
    at_ms=1_700_000_000_000,
    primary=("quadriceps", "glutes"),
    movement="carry",
    secondary=("core",),
    equipment=("machine",),
    kind="isolation",
    sides="one",
)

EVENTS: dict[str, JournalEvent] = {
    "opened": SessionOpened(
        session=_S1,
        command_nr=0,
        at_ms=1_700_000_000_000,
        device=_WATCH,
        recogniser="server",
        streams=_STREAMS,
    ),
    "opened, recognised on the device, without streams": SessionOpened(
        session=_S2, command_nr=0, at_ms=0, device=_WATCH, recogniser="device", streams=()
    ),
    "label": LabelConfirmed(
        session=_S1,
        command_nr=1,
        start_ms=1_700_000_010_000,
        end_ms=1_700_000_040_000,
        exercise="bench-press",
        repetitions=12,
        weight_kg=62.5,
    ),
    "label without repetitions and weight": LabelConfirmed(
        session=_S1, command_nr=2, start_ms=1, end_ms=2, exercise="plank", repetitions=None, weight_kg=None
    ),
    "label that corrects another": LabelConfirmed(
        session=_S1,
        command_nr=3,
        start_ms=1,
        end_ms=2,
        exercise="plank",
        repetitions=None,
        weight_kg=None,
        said_ms=1_700_000_010_000,
    ),
    "label withdrawn": LabelWithdrawn(
        session=_S1, command_nr=4, start_ms=1, end_ms=2, said_ms=1_700_000_020_000
    ),
    "label through the API": LabelConfirmed(
        session=_S1,
        command_nr=None,
        start_ms=1,
        end_ms=2,
        exercise="plank",
        repetitions=None,
        weight_kg=None,
        said_ms=1_700_000_010_000,
    ),
    "label withdrawn through the API": LabelWithdrawn(
        session=_S1, command_nr=None, start_ms=1, end_ms=2, said_ms=1_700_000_020_000
    ),
    "training through the API": TrainingSet(session=NO_SESSION, command_nr=None, training=_TRAINING),
    "plan through the API": PlanSet(session=NO_SESSION, command_nr=None, plan=_PLAN),
    "exercise through the API": ExerciseContributed(session=NO_SESSION, command_nr=None, exercise=_SLED),
    "opened, with its own coach": SessionOpened(
        session=_S2, command_nr=0, at_ms=0, device=_WATCH, recogniser="device", streams=(), coach="device"
    ),
    "suggested by the device": ExerciseSuggested(
        session=_S2,
        at_ms=5,
        exercise="row",
        weight_kg=22.5,
        repetitions=8,
        reason="habit",
        rest_s=90,
        command_nr=2,
    ),
    "set of the device": SetRecognised(
        session=_S1,
        command_nr=3,
        start_ms=1_700_000_050_000,
        end_ms=1_700_000_060_000,
        exercise="curl",
        confidence=0.875,
        repetitions=0,
        model_id="model-1",
    ),
    "set of the server": SetRecognised(
        session=_S1,
        command_nr=None,
        start_ms=1_700_000_070_000,
        end_ms=1_700_000_080_000,
        exercise="curl",
        confidence=1.0,
        repetitions=10_000,
        model_id="model-2",
    ),
    "suggested": _SUGGESTED,
    "suggested without weight": _WITHOUT_WEIGHT,
    "answered, taken": SuggestionAnswered(
        session=_S2, suggested_ms=1_700_000_100_000, answer="taken", exercise="row", at_ms=1_700_000_110_000
    ),
    "answered, changed": SuggestionAnswered(
        session=_S2, suggested_ms=2**40, answer="changed", exercise="row", at_ms=2**40 + 1
    ),
    "answered, refused": SuggestionAnswered(
        session=_S2, suggested_ms=None, answer="refused", command_nr=7, exercise="curl", at_ms=2**40
    ),
    "answered, refused through the API": SuggestionAnswered(
        session=_S2, suggested_ms=1, answer="refused", exercise="curl", at_ms=2**40, is_said=True
    ),
    "training": TrainingSet(session=_S1, command_nr=2, training=_TRAINING),
    "training with nothing said": TrainingSet(session=_S1, command_nr=3, training=Training()),
    "training at a place with everything": TrainingSet(
        session=_S1, command_nr=4, training=Training(at_ms=1, goal="rehabilitation", place=Place(name="gym"))
    ),
    "plan": PlanSet(session=_S1, command_nr=5, plan=_PLAN),
    "plan, none any more": PlanSet(session=_S1, command_nr=6, plan=TrainingPlan(at_ms=1, author="anna")),
    "exercise contributed": ExerciseContributed(session=_S1, command_nr=7, exercise=_SLED),
    "profile told": ProfileTold(
        session=_S1,
        command_nr=8,
        told=SetProfile(
            at_ms=1, birth_year=1985, sex="other", height_cm=170.0, experience="novice", in_statistics=True
        ),
    ),
    "profile told, nothing": ProfileTold(
        session=_S1,
        command_nr=9,
        told=SetProfile(
            at_ms=2, birth_year=None, sex=None, height_cm=None, experience=None, in_statistics=False
        ),
    ),
    "measurement told": ProfileTold(
        session=_S1, command_nr=10, told=MeasureBody(at_ms=3, quantity="body_weight_kg", value=70.5)
    ),
    **CARE_EVENTS,
    "closed": SessionClosed(session=_S1, command_nr=2**31 - 1, at_ms=4_102_444_799_999),
    "deleted": SessionDeleted(
        session=_S1,
        at_ms=1_700_000_300_000,
        opened_ms=1_700_000_000_000,
        streams=(StreamId("a.wrist"), StreamId("h")),
        bests={"squat": Best(weight_kg=90.0, maximum_kg=105.0), "row": Best()},
    ),
    "deleted, without streams or settled sets": SessionDeleted(
        session=_S2, at_ms=1, opened_ms=0, streams=(), bests={}
    ),
    "profile": ProfileChanged(
        at_ms=1_700_000_000_000,
        birth_year=1985,
        sex="female",
        height_cm=170.5,
        experience="novice",
        in_statistics=True,
    ),
    "profile, nothing told": ProfileChanged(
        at_ms=0, birth_year=None, sex=None, height_cm=None, experience=None, in_statistics=False
    ),
    "consent": ConsentGiven(at_ms=1_700_000_000_000, recognition=False, statistics=True, training=False),
    "consent to train": ConsentGiven(at_ms=0, recognition=True, statistics=False, training=True),
    "weighed": BodyMeasured(at_ms=1_700_000_000_000, quantity="body_weight_kg", value=71.5),
    "heart rate": BodyMeasured(at_ms=1, quantity="resting_heart_rate_per_minute", value=58.0),
}

STATES: dict[str, User] = {
    **CARE_STATES,
    "new": User(),
    "at a place with everything": User(training=Training(at_ms=1, goal="muscle", place=Place(name="gym"))),
    "with sessions, history, forgotten and given up": User(
        sessions={
            _S1: Session(
                device=_WATCH,
                opened_ms=1_700_000_000_000,
                recogniser="device",
                streams=(),
                next_nrs={COMMANDS: 4},
                closed=True,
                last_set_end_ms=1_700_000_080_000,
            ),
            _S2: Session(
                device=DeviceId("phone"),
                opened_ms=1_700_000_090_000,
                recogniser="server",
                streams=_STREAMS,
                next_nrs={COMMANDS: 1, StreamId("a.wrist"): 3600, StreamId("h"): 0},
                suggestion=_SUGGESTED,
                refused=("squat",),
            ),
            SessionId("session-3"): Session(
                device=_WATCH,
                opened_ms=1,
                recogniser="server",
                streams=(),
                next_nrs={COMMANDS: 1},
                suggestion=replace(_WITHOUT_WEIGHT, command_nr=2),
                coach="device",
                place="hotel",
                utc_offset_min=60,
            ),
        },
        history=(
            PastSet(session=_S1, start_ms=1, end_ms=2, exercise="plank", repetitions=None, weight_kg=None),
            PastSet(
                session=SessionId("session-0"),
                start_ms=3,
                end_ms=4,
                exercise="squat",
                repetitions=5,
                weight_kg=100.0,
                place="cellar",
                said_ms=1_700_000_000_000,
                device=_WATCH,
                command_nr=5,
                utc_offset_min=-90,
            ),
        ),
        forgotten=(SessionId("session-a"), SessionId("session-b")),
        given_up=(SessionId("session-c"),),
        training=_TRAINING,
        declined=(Declined(exercise="squat", at_ms=1_700_000_095_000, answer="changed"),),
        aside=(PastSet(session=_S1, start_ms=3, end_ms=4, exercise="", repetitions=None, weight_kg=None),),
        trained_by=("phone", "session-2", 3),
        plan=_PLAN,
        planned_by=("watch-1", "session-1", 5),
        own_exercises=(_SLED,),
        bests={"squat": Best(weight_kg=100.0, maximum_kg=114.58), "pull-up": Best(repetitions=12)},
        deleted=(SessionId("session-d"),),
        settled_ms=1_600_000_000_000,
    ),
    "with a profile": User(
        profile=Profile(
            changed_ms=1_700_000_000_000,
            birth_year=1985,
            sex="male",
            height_cm=181.0,
            experience="advanced",
            in_statistics=True,
        ),
        body=(
            Measurement(at_ms=1, quantity="body_weight_kg", value=80.25),
            Measurement(at_ms=2, quantity="resting_heart_rate_per_minute", value=61.5),
        ),
    ),
    "with consent": User(consent=Consent(at_ms=5, recognition=False, statistics=True, training=True)),
    "with a profile that tells nothing": User(
        profile=Profile(
            changed_ms=0, birth_year=None, sex=None, height_cm=None, experience=None, in_statistics=False
        )
    ),
}
