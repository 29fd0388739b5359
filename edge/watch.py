"""A watch: streams a session's frames, and names the exercises itself when it has a model to do so."""

from __future__ import annotations

import numpy as np

from domain.commands import RecogniserSite
from domain.frames import SensorFrame
from edge.artefact import Artefact
from edge.client import DeviceClient
from edge.int8 import Int8Network
from edge.recogniser import Observation, Recogniser, SetEnded

ADVICE_PROBABILITY = 0.5  # suggestions are taken about as often as not


class Watch:
    """One exercise session at a time through `client`."""

    def __init__(self, client: DeviceClient) -> None:
        self._client = client
        self._session = ""
        self._recogniser: Recogniser | None = None
        self._network: Int8Network | None = None
        self._model_id = ""

    def open_session(
        self, session: str, at_ms: int, recogniser: RecogniserSite, streams: list[tuple[str, str, str]]
    ) -> None:
        """`streams` are (name, sensor letter, location). To recognise itself, the watch needs their model."""
        model = self._client.model
        fits = model is not None and set(model.sensor_set.letters) <= {letter for _, letter, _ in streams}
        site: RecogniserSite = "device" if recogniser == "device" and fits else "server"
        self._client.open_session(session, at_ms, site, streams)
        self._session, self._recogniser, self._network = session, None, None
        if site == "device" and model is not None:
            self._use(model)

    def frame(self, frame: SensorFrame) -> list[Observation]:
        """Record a frame; return what the watch's own recogniser makes of it."""
        self._client.frame(frame)
        if self._recogniser is None or self._network is None:
            return []
        windows = self._recogniser.push(frame)
        if not windows:
            return []
        probabilities = self._network.probabilities(np.stack([window.samples for window in windows]))
        return self._recorded(self._recogniser.classified(windows, probabilities))

    def advised(self, exercise: str) -> None:
        """The server suggests what to do next; advice helps the watch's recogniser when it is unsure."""
        if self._recogniser is not None:
            self._recogniser.expect({exercise: ADVICE_PROBABILITY})

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
        return observations
