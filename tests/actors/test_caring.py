"""Tips, programmes and adherence of a user whose watch only streams: the server measures every set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from actors.recognition import Model
from domain.care_commands import AskAdherence, SetProgramme
from domain.commands import AcceptFrame, Command, ConfirmLabel, OpenSession, Stream
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import DeviceId, ModelId, SessionId, StreamId
from domain.programme import Prescription, Programme, Span
from domain.recording import REST
from domain.replies import (
    AdherenceTold,
    ExerciseAdvised,
    ProgrammeHeld,
    Reply,
    SessionPlanned,
    SetFound,
    TipTold,
)
from domain.sensors import SensorSet
from persistence.sqlite import SqliteStore
from tests.actors.stub_models import T0_MS, StubShelf
from tests.actors.test_user_entity import Entity, of

RATE_HZ = 50
NAME = SessionId("s")
CURLS = Prescription(exercise="curl", set_count=2, repetitions=8, days_per_week=3)


class MovingIsCurling:
    def probabilities(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        works = np.where(windows.std(axis=1).max(axis=1) > 0.1, 0.97, 0.03)
        return np.stack([1 - works, works], axis=1).astype(np.float32)


class Patient:
    """Someone who rests and curls; each call returns what everybody is told."""

    def __init__(self, store: SqliteStore) -> None:
        model = Model(ModelId("m"), SensorSet(("a",), RATE_HZ), (REST, "curl"), cast(Any, MovingIsCurling()))
        self.entity = Entity(store, StubShelf(model))
        self.right_share: float | None = None  # how far the right arm goes, if it wears a sensor
        self._second = 0

    def open(self) -> list[tuple[int | None, Reply]]:
        streams = (
            Stream(stream=StreamId("a"), sensor="a", location="left-wrist"),
            Stream(stream=StreamId("h"), sensor="h", location="chest"),
        )
        if self.right_share is not None:
            streams += (Stream(stream=StreamId("r"), sensor="a", location="right-wrist"),)
        opened = OpenSession(
            session=NAME,
            command_nr=0,
            at_ms=T0_MS,
            device=DeviceId("w"),
            recogniser="server",
            streams=streams,
        )
        return self.entity.take(opened)

    def prescribe(self, *prescriptions: Prescription, at_ms: int = T0_MS, heart: int | None = None) -> Any:
        programme = Programme(at_ms=at_ms, prescriptions=prescriptions, heart_rate_limit=heart)
        return self.entity.take(SetProgramme(device=DeviceId("practice"), programme=programme), connection=7)

    def rest(self, seconds: int = 15) -> list[tuple[int | None, Reply]]:
        return self._moves(np.zeros(seconds * RATE_HZ))

    def curls(self, *reaches: float, tempo_s: float = 3.0) -> list[tuple[int | None, Reply]]:
        """A repetition of each reach, and the rest after it."""
        phase = np.arange(round(tempo_s * RATE_HZ)) / (tempo_s * RATE_HZ)
        angle = np.concatenate([reach * (1 - np.cos(2 * np.pi * phase)) / 2 for reach in reaches])
        missing = -len(angle) % RATE_HZ
        return [*self._moves(np.pad(angle, (0, missing))), *self.rest()]

    def label(self, number: int, found: SetFound) -> list[tuple[int | None, Reply]]:
        confirmed = ConfirmLabel(
            session=NAME,
            command_nr=number,
            start_ms=found.start_ms - 500,
            end_ms=found.end_ms,
            exercise="curl",
            repetitions=8,
            weight_kg=5.0,
        )
        return self.entity.take(confirmed)

    def heart(self, number: int, beats: float) -> list[tuple[int | None, Reply]]:
        values = np.full((4, 1), beats)
        return self.entity.take(self._frame("h", number, self._second, values, 4.0))

    def _moves(self, angle: npt.NDArray[np.float64]) -> list[tuple[int | None, Reply]]:
        """The wrists' tilt over time, in radians, as an accelerometer sees it."""
        shares = {"a": 1.0} if self.right_share is None else {"a": 1.0, "r": self.right_share}
        sides = {stream: self._seen(share * angle) for stream, share in shares.items()}
        frames: list[Command] = []
        for second in range(len(angle) // RATE_HZ):
            for stream, parts in sides.items():
                frames.append(self._frame(stream, self._second, self._second, parts[second], RATE_HZ))
            self._second += 1
        return self.entity.take(*frames)

    def _seen(self, angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        random = np.random.default_rng(self._second)
        values = np.stack([np.sin(angle), np.zeros(len(angle)), np.cos(angle)], axis=1)
        values += 0.005 * random.standard_normal(values.shape)
        return values.reshape(-1, RATE_HZ, 3)

    def _frame(
        self, stream: str, number: int, second: int, values: npt.NDArray[np.float64], rate_hz: float
    ) -> AcceptFrame:
        sensor = "h" if stream == "h" else "a"
        frame = SensorFrame(
            session=NAME,
            stream=StreamId(stream),
            sequence_nr=number,
            sensor=sensor,
            start_ms=T0_MS + 1000 * second,
            rate_hz=rate_hz,
            scale=scale_for(sensor),
            samples=pack_samples(values, scale_for(sensor)),
        )
        return AcceptFrame(frame=frame)


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    store = SqliteStore(tmp_path)
    yield Patient(store)
    store.close()


def test_a_set_that_goes_as_it_began_is_followed_by_no_tip(patient: Patient) -> None:
    patient.open()
    patient.rest()
    replies = patient.curls(*[1.5] * 8)
    assert of(SetFound, replies)
    assert of(TipTold, replies) == []
    assert "curl" in patient.entity.entity.state.care.forms, "it is the best so far"


def test_a_set_that_gets_shorter_is_followed_by_one_tip_with_its_figure(patient: Patient) -> None:
    patient.open()
    patient.rest()
    replies = patient.curls(*[1.5] * 6, *[0.8] * 4)
    (tip,) = of(TipTold, replies)
    assert (tip.exercise, tip.kind, tip.stop) == ("curl", "shorter", False)
    assert "last four repetitions" in tip.text
    assert f"{100 * tip.figure:.0f} %" in tip.text
    assert patient.entity.entity.state.sessions[NAME].tip_ms == tip.at_ms
    assert patient.entity.entity.state.care.forms == {}


def test_a_side_that_goes_less_far_is_told(patient: Patient) -> None:
    patient.right_share = 0.5
    patient.open()
    patient.rest()
    (tip,) = of(TipTold, patient.curls(*[1.5] * 8))
    assert tip.kind == "sides"
    assert tip.text.startswith("The right side went")


def test_more_repetitions_than_the_limit_are_stopped_while_the_set_goes_on(patient: Patient) -> None:
    patient.prescribe(Prescription(**{**_fields(CURLS), "repetitions_limit": 9}))
    patient.open()
    patient.rest()
    replies = patient.curls(*[1.5] * 14)
    (tip,) = of(TipTold, replies)
    (found,) = of(SetFound, replies)
    assert (tip.kind, tip.stop) == ("repetitions", True)
    assert tip.at_ms < found.end_ms
    assert [reply for _, reply in replies].index(tip) < [reply for _, reply in replies].index(found)


def test_a_heart_that_beats_too_fast_is_told_once_a_minute(patient: Patient) -> None:
    patient.prescribe(CURLS, heart=140)
    patient.open()
    assert of(TipTold, patient.heart(0, 139.0)) == []
    (tip,) = of(TipTold, patient.heart(1, 151.0))
    assert (tip.kind, tip.figure, tip.stop) == ("heart-rate", pytest.approx(151, abs=0.1), True)
    assert of(TipTold, patient.heart(2, 152.0)) == []
    patient.rest(60)
    assert len(of(TipTold, patient.heart(3, 150.0))) == 1


def test_a_programme_is_told_to_who_prescribed_it_and_to_the_users_devices(patient: Patient) -> None:
    told = patient.prescribe(CURLS)
    assert [(to, reply.programme.prescriptions) for to, reply in told] == [(None, (CURLS,))]
    again = patient.prescribe(CURLS, at_ms=T0_MS - 5)
    assert [(to, reply.programme.at_ms) for to, reply in again] == [(7, T0_MS)], "it was overtaken"
    assert len(of(ProgrammeHeld, patient.open())) == 1


def test_what_is_prescribed_comes_first_and_is_counted_once(patient: Patient) -> None:
    patient.prescribe(
        Prescription(**{**_fields(CURLS), "tempo_s": Span(least=2.0), "reach": Span(least=0.8)})
    )
    (plan,) = of(SessionPlanned, patient.open())
    assert [(each.exercise, each.repetitions) for each in plan.sets] == [("curl", 8)] * 2
    patient.rest()
    replies = patient.curls(*[1.5] * 8)
    (found,) = of(SetFound, replies)
    (advice,) = of(ExerciseAdvised, replies)
    assert (advice.exercise, advice.reason) == ("curl", "prescribed")
    patient.label(1, found)
    after = of(ExerciseAdvised, patient.curls(*[1.5] * 8))
    assert "prescribed" not in [each.reason for each in after], "both sets are done"
    (told,) = of(AdherenceTold, patient.entity.take(AskAdherence(at_ms=T0_MS)))
    (week,) = told.weeks
    assert (week.exercise, week.prescribed, week.done, week.days) == ("curl", 6, 2, 1)
    assert week.within == week.measured == week.repetitions
    assert week.reach_share == pytest.approx(1.0, abs=0.05)


def test_programme_and_form_outlive_a_restart(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    patient = Patient(store)
    patient.prescribe(CURLS)
    patient.open()
    patient.rest()
    patient.curls(*[1.5] * 6, *[0.8] * 4)
    before = patient.entity.entity.state
    assert Patient(store).entity.entity.state.care == before.care
    assert before.care.progress.sets
    store.close()


def _fields(prescription: Prescription) -> dict[str, Any]:
    return {name: getattr(prescription, name) for name in prescription.__struct_fields__}
