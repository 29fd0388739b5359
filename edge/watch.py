"""A watch: streams a session's frames, and names the exercises itself when it has a model to do so."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from coach.tips import Judge
from domain.care import Care
from domain.commands import RecogniserSite, Stream
from domain.form import Tip
from domain.frames import SensorFrame
from domain.identifiers import StreamId
from domain.programme import Programme
from edge.artefact import Artefact
from edge.client import DeviceClient
from edge.int8 import Int8Network
from edge.recogniser import Exercising, Observation, Recogniser, SetEnded
from edge.sides import SideMemory

ADVICE_PROBABILITY = 0.5  # suggestions are taken about as often as not


class Watch:
    """One exercise session at a time through `client`.

    What it recognises itself it also measures: `take_tip` gives what there is to say, without any network.
    """

    def __init__(self, client: DeviceClient) -> None:
        self._client = client
        self._session = ""
        self._recogniser: Recogniser | None = None
        self._network: Int8Network | None = None
        self._model_id = ""
        self._care = Care()
        self._sides: SideMemory | None = None
        self._tip: Tip | None = None
        self._has_told = False  # something during the set that is under way

    def open_session(
        self, session: str, at_ms: int, recogniser: RecogniserSite, streams: list[tuple[str, str, str]]
    ) -> None:
        """`streams` are (name, sensor letter, location). To recognise itself, the watch needs their model."""
        model = self._client.model
        fits = model is not None and set(model.sensor_set.letters) <= {letter for _, letter, _ in streams}
        site: RecogniserSite = "device" if recogniser == "device" and fits else "server"
        self._client.open_session(session, at_ms, site, streams)
        self._session, self._recogniser, self._network = session, None, None
        self._sides, self._has_told = None, False
        if site == "device" and model is not None:
            self._use(model)
            self._sides = SideMemory.of(
                Stream(stream=StreamId(name), sensor=letter, location=location)
                for name, letter, location in streams
            )

    def frame(self, frame: SensorFrame) -> list[Observation]:
        """Record a frame; return what the watch's own recogniser makes of it."""
        self._client.frame(frame)
        if self._recogniser is None or self._network is None:
            return []
        if self._sides is not None:
            self._sides.push(frame)
        windows = self._recogniser.push(frame)
        if not windows:
            return []
        probabilities = self._network.probabilities(np.stack([window.samples for window in windows]))
        return self._recorded(self._recogniser.classified(windows, probabilities))

    def advised(self, exercise: str) -> None:
        """The server suggests what to do next; advice helps the watch's recogniser when it is unsure."""
        if self._recogniser is not None:
            self._recogniser.expect({exercise: ADVICE_PROBABILITY})

    def prescribed(self, programme: Programme) -> None:
        """The programme to keep to from now on; an earlier one than is known changes nothing."""
        if programme.at_ms > self._care.programme.at_ms:
            self._care = replace(self._care, programme=programme)

    def take_tip(self) -> Tip | None:
        """What is to be told the user now about the set that ended or goes on; each tip once."""
        tip, self._tip = self._tip, None
        return tip

    def close_session(self, at_ms: int) -> list[Observation]:
        """End the session; a set that is open ends with it."""
        observations = self._recorded(self._recogniser.finish()) if self._recogniser else []
        self._client.close_session(self._session, at_ms)
        return observations

    def _use(self, model: Artefact) -> None:
        self._recogniser = Recogniser(model.sensor_set, model.classes)
        self._network = Int8Network(model)
        self._model_id = model.model_id

    def _recorded(self, observations: list[Observation]) -> list[Observation]:
        for found in observations:
            if isinstance(found, SetEnded):
                self._client.record_set(
                    self._session,
                    found.start_ms,
                    found.end_ms,
                    found.exercise,
                    found.confidence,
                    found.repetitions,
                    self._model_id,
                )
                self._judge_ended(found)
            elif isinstance(found, Exercising):
                self._judge_under_way(found)
        return observations

    def _judge_under_way(self, found: Exercising) -> None:
        if found.movement is None or self._has_told:
            return
        judge = Judge(care=self._care)
        if (tip := judge.during(found.movement, found.exercise, found.repetitions_so_far)) is not None:
            self._tip, self._has_told = tip, True

    def _judge_ended(self, found: SetEnded) -> None:
        has_told, self._has_told = self._has_told, False
        if found.movement is None:
            return
        judge = Judge(care=self._care)
        sides = None if self._sides is None else self._sides.between(found.start_ms, found.end_ms)
        judged = judge.after(
            found.movement, found.exercise, found.repetitions, found.start_ms, found.end_ms, sides=sides
        )
        if judged is None:
            return
        if judged.kept is not None:
            forms = {**self._care.forms, found.exercise: judged.kept}
            self._care = replace(self._care, forms=forms)
        tip = None if has_told else judged.tip
        self._tip = tip or self._tip
        self._client.record_form(self._session, judged.form, tip)
