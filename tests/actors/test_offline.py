"""Two devices of one user train without a network and come back in any order, with breaks, to a real host."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.messages import Envelope
from domain.commands import Suggest
from domain.events import LabelConfirmed, LabelWithdrawn, SuggestionAnswered, TrainingSet
from domain.identifiers import UserId
from domain.replies import Overridden, RecordBroken, SessionPlanned, SessionSummed
from domain.training import Place, Training
from domain.user import User, evolve
from edge.client import DeviceClient, is_retry
from edge.offline import OfflineCoach, Said
from gateway.auth import Tokens
from gateway.devices import protocol
from gateway.devices.connection import Connection
from gateway.devices.offers import Offers
from gateway.devices.replies import message_of
from persistence.models import ModelStore
from persistence.sqlite import SqliteStore
from persistence.tables import LABEL
from tests.actors.checker import journal
from tests.actors.driving import DrivenHost
from tests.actors.stub_models import T0_MS, StubShelf

ADA = UserId("ada")
DAY_MS = 86_400_000
SET_MS = 30_000
LEGS = (("back-squat", 8, 60.0), ("back-squat", 8, 60.0), ("leg-press", 10, 100.0))
CHEST = (("bench-press", 8, 50.0), ("bench-press", 8, 50.0))


class Device:
    """A device with its own coach; what it hears once it is back is in `heard`."""

    def __init__(self, name: str) -> None:
        self.client = DeviceClient(TOKENS.issue(ADA, "device", 3600), name)
        self.coach = OfflineCoach(self.client, name)
        self.name = name
        self.heard: list[dict[str, object]] = []
        self.connection: Connection | None = None

    def workout(self, day: int, *sets: tuple[str, int, float], minute: int = 0) -> list[Said]:
        at_ms = T0_MS + day * DAY_MS + minute * 60_000
        said = self.coach.open(f"{self.name}-{day}-{minute}", at_ms)
        for exercise, repetitions, weight_kg in sets:
            said += self.coach.recognised(at_ms, at_ms + SET_MS, exercise, 0.9, repetitions, "m")
            said += self.coach.label(at_ms, at_ms + SET_MS, exercise, repetitions, weight_kg)
            at_ms += 4 * SET_MS
        return said + self.coach.close(at_ms)

    def exchange(self, host: DrivenHost, offers: Offers, devices: list[Device], number: int) -> None:
        """Send what may be sent, and hear what comes back to all who are connected."""
        if self.connection is None:
            self.connection = Connection(TOKENS, offers)
            self._hear(self.connection.receive(self.client.hello()).send)
        forwarded = []
        for data in self.client.to_send():
            forwarded += self.connection.receive(data).forward
        for addressed in host.process([Envelope(number, *each) for each in forwarded]):
            message = message_of(addressed.user, addressed.reply)
            for other, device in enumerate(devices):
                if device.connection is not None and addressed.connection in (None, other):
                    device._hear([message])
        for user, _ in forwarded:
            self.connection.answered(user, 1)

    def _hear(self, messages: list[protocol.ServerMessage]) -> None:
        for message in messages:
            told = self.client.receive(protocol.encode(message))
            assert told is None or not is_retry(told)
            if told is not None:
                self.heard.append(told)


TOKENS = Tokens(b"t" * 32, lambda: T0_MS / 1000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def recorded_offline() -> list[Device]:
    """A week: each trains alone, both record one session, and disagree about its second set and the place."""
    watch, phone = Device("watch"), Device("phone")
    watch.workout(0, *LEGS)
    phone.workout(2, *CHEST)
    watch.workout(4, *LEGS)
    phone.workout(4, LEGS[0], ("front-squat", 8, 60.0), LEGS[2])
    phone.coach.open("phone-later", T0_MS + 5 * DAY_MS)
    second_ms = T0_MS + 4 * DAY_MS + 4 * SET_MS
    phone.coach.label(second_ms, second_ms + SET_MS, *LEGS[1], said_ms=T0_MS + 5 * DAY_MS)
    phone.coach.train(Training(at_ms=T0_MS + 5 * DAY_MS, goal="muscle", place=Place(name="home")))
    phone.coach.refuse(T0_MS + 5 * DAY_MS + 1, "leg-press")
    watch.coach.open("watch-later", T0_MS + 5 * DAY_MS)
    watch.coach.train(Training(at_ms=T0_MS + 6 * DAY_MS, goal="strength", place=Place(name="gym")))
    third_ms = second_ms + 4 * SET_MS
    watch.coach.withdraw(third_ms, third_ms + SET_MS, T0_MS + 6 * DAY_MS)
    return [watch, phone]


def returned(store: SqliteStore, seed: int) -> tuple[User, list[Device]]:
    """Both are back, in an order that `seed` decides; the state that the journal tells, and the devices."""
    rng, devices = random.Random(seed), recorded_offline()
    shelf, offers = StubShelf(None), Offers(ModelStore(store))
    host = DrivenHost(store, shelf, lambda: T0_MS + 7 * DAY_MS)
    while not all(device.client.is_idle for device in devices):
        number = rng.randrange(len(devices))
        if rng.random() < 0.3:
            devices[number].connection = None  # it breaks: everything unacknowledged comes again
        devices[number].exchange(host, offers, devices, number)
    assert not any(device.client.refusals for device in devices)
    user = User()
    for event in journal(store, ADA):
        user = evolve(user, event)
    return user, devices


@pytest.mark.parametrize("seed", range(6))
def test_what_two_devices_did_offline_merges_whatever_comes_first(tmp_path: Path, seed: int) -> None:
    stores = [SqliteStore(tmp_path / str(nr)) for nr in range(2)]
    (one, devices), (other, _) = (returned(store, 2 * seed + nr) for nr, store in enumerate(stores))
    for name in ("history", "aside", "training", "declined", "bests"):
        assert getattr(one, name) == getattr(other, name), name
    done = Counter((past.exercise, past.weight_kg) for past in one.history)
    assert done == {("back-squat", 60.0): 4, ("leg-press", 100.0): 1, ("bench-press", 50.0): 2}
    assert one.training.place == Place(name="gym")
    said = [e for e in journal(stores[0], ADA) if isinstance(e, LabelConfirmed | LabelWithdrawn)]
    assert len(said) == 13 == len(one.history) + len(one.aside), "nothing is lost or doubled"
    rows = [row for store in stores for row in store.scan(LABEL)]
    assert len(rows) == 2 * len(one.history)
    assert {row.exercise for row in rows} == {"back-squat", "leg-press", "bench-press"}
    assert devices[0].coach.user.history != one.history, "it did not know of the other"
    for store in stores:
        store.close()


def test_what_was_overridden_is_told(store: SqliteStore) -> None:
    _, devices = returned(store, 1)
    told = [each for device in devices for each in device.heard if each["type"] == "overridden"]
    assert {each["what"] for each in told} >= {"label"}
    by_nothing = [each for each in told if each.get("by_exercise") is None and each["what"] == "label"]
    assert {each["exercise"] for each in by_nothing} == {"leg-press"}


def test_a_device_plans_coaches_and_counts_without_a_network() -> None:
    watch = Device("watch")
    watch.coach.open("first", T0_MS - DAY_MS)
    watch.coach.train(Training(at_ms=1, utc_offset_min=60))
    watch.coach.close(T0_MS - DAY_MS + 1)
    for day in (0, 2, 4):
        watch.workout(day, *LEGS)
    said = watch.workout(7, ("back-squat", 8, 65.0), *LEGS[1:])
    plan = next(each for each in said if isinstance(each, SessionPlanned))
    assert [each.exercise for each in plan.sets] == [name for name, _, _ in LEGS]
    assert plan.week
    advice = [each for each in said if isinstance(each, Suggest)]
    assert advice[0].exercise == "back-squat"
    assert [each.kind for each in said if isinstance(each, RecordBroken)] == ["weight", "maximum"]
    assert [each.set_count for each in said if isinstance(each, SessionSummed)] == [3]
    assert watch.coach.user.history[-1].utc_offset_min == 60
    assert not watch.client.to_send(), "there is no network"
    assert len(watch.client.outbox) > 30


def test_the_server_learns_the_answers_to_what_the_device_suggested(store: SqliteStore) -> None:
    watch = Device("watch")
    for day in (0, 2, 4):
        watch.workout(day, *LEGS)
    at_ms = T0_MS + 7 * DAY_MS
    watch.coach.open("changed", at_ms)
    watch.coach.recognised(at_ms, at_ms + SET_MS, "back-squat", 0.9, 8, "m")
    watch.coach.label(at_ms + SET_MS, at_ms + 2 * SET_MS, "back-squat", 8, 80.0)
    host, offers = DrivenHost(store, StubShelf(None), lambda: at_ms), Offers(ModelStore(store))
    while not watch.client.is_idle:
        watch.exchange(host, offers, [watch], 0)
    events = journal(store, ADA)
    answers = [e.answer for e in events if isinstance(e, SuggestionAnswered)]
    assert answers[-1] == "changed"
    assert not [each for each in watch.heard if each["type"] == "plan"], "it is its own coach"
    assert not any(isinstance(each, Overridden | TrainingSet) for each in events)
    user = User()
    for event in events:
        user = evolve(user, event)
    assert user == watch.coach.user
