"""What every field of a command has to be, before an actor is given it."""

from __future__ import annotations

import math

from domain.care_commands import CareCommand, RecordForm, check_care
from domain.checks import check
from domain.commands import (
    NO_SESSION,
    REASON_MAX,
    REPETITIONS_MAX,
    REST_S_MAX,
    STREAMS_MAX,
    WEIGHT_KG_MAX,
    AcceptFrame,
    CloseSession,
    Command,
    ConfirmLabel,
    ContributeExercise,
    DeleteSession,
    DirectCommand,
    OpenSession,
    RecordSet,
    RefuseSuggestion,
    Replace,
    SetPlan,
    SetTraining,
    Statement,
    Stream,
    SuggestHere,
    TellProfile,
    WithdrawLabel,
    is_said,
    session_of,
)
from domain.contributed import check_contributed
from domain.form import SetForm, check_form, check_tip
from domain.frames import EPOCH_MS_MAX, check_frame
from domain.identifiers import check_identifier
from domain.plans import check_plan
from domain.profile_commands import ProfileCommand, check_profile_command
from domain.sensors import SENSORS
from domain.sets import SET_MS_MAX
from domain.training import check_training

OfSession = Statement | RefuseSuggestion  # also when they are said through the API


def check_command(command: Command) -> Command:
    """Return `command` if every field keeps its limits, else raise InvalidInput naming one that does not."""
    if isinstance(command, AcceptFrame):  # most are
        check_identifier("session", command.frame.session)
        check_identifier("stream", command.frame.stream)
        check_frame(command.frame)
        return command
    if isinstance(command, CareCommand):
        return check_care(command)
    if isinstance(command, DirectCommand):
        return _check_direct(command)
    if session_of(command) != NO_SESSION or not is_said(command) or isinstance(command, OfSession):
        check_identifier("session", session_of(command))
    if command.command_nr is not None:
        check(0 <= command.command_nr < 2**31, f"command number {command.command_nr}", "0 to 2147483647")
    if isinstance(command, OpenSession | CloseSession):
        _check_time("at_ms", command.at_ms)
        if isinstance(command, OpenSession):
            check_identifier("device", command.device)
            check(command.command_nr == 0, f"open is command {command.command_nr}", "command 0")
            _check_streams(command.streams)
    elif isinstance(command, SetTraining):
        check_training(command.training)
    elif isinstance(command, SetPlan):
        check_plan(command.plan)
    elif isinstance(command, ContributeExercise):
        check_contributed(command.exercise)
    elif isinstance(command, TellProfile):
        check_profile_command(command.told)
    elif isinstance(command, RefuseSuggestion | SuggestHere):
        _check_time("at_ms", command.at_ms)
        check_identifier("exercise", command.exercise)
        if isinstance(command, SuggestHere):
            _check_suggestion(command)
    elif isinstance(command, WithdrawLabel):
        _check_span(command)
    elif isinstance(command, RecordForm):
        _check_form(command)
    else:
        _check_set(command)
    return command


def _check_direct(command: DirectCommand) -> DirectCommand:
    if isinstance(command, ProfileCommand):
        check_profile_command(command)
    elif isinstance(command, Replace):
        check_command(command.command)
        _check_time("seen_ms", command.seen_ms)
    elif isinstance(command, DeleteSession):
        _check_deletion(command)
    return command


def _check_deletion(command: DeleteSession) -> None:
    check_identifier("session", command.session)
    for name in ("at_ms", "opened_ms", "settled_ms"):
        _check_time(name, getattr(command, name))
    for stream in command.streams:
        check_identifier("stream", stream)
    for exercise, best in command.bests.items():
        check_identifier("exercise", exercise)
        _check_weight(best.weight_kg)
        _check_repetitions(best.repetitions)


def _check_streams(streams: tuple[Stream, ...]) -> None:
    check(len(streams) <= STREAMS_MAX, f"{len(streams)} streams", f"at most {STREAMS_MAX}")
    check(len({s.stream for s in streams}) == len(streams), "two streams of one name", "different names")
    for stream in streams:
        check_identifier("stream", stream.stream)
        check_identifier("location", stream.location)
        check(
            stream.sensor in SENSORS, f"unknown sensor {stream.sensor[:16]!r}", f"one of {', '.join(SENSORS)}"
        )


def _check_form(command: RecordForm) -> None:
    form = command.form
    check_identifier("exercise", form.exercise)
    _check_span(form)
    _check_repetitions(form.repetitions)
    check_form(form)
    if command.tip is not None:
        check_identifier("exercise", command.tip.exercise)
        check_tip(command.tip)


def _check_set(command: ConfirmLabel | RecordSet) -> None:
    check_identifier("exercise", command.exercise)
    _check_span(command)
    _check_repetitions(command.repetitions)
    if isinstance(command, ConfirmLabel):
        _check_weight(command.weight_kg)
    else:
        check(0 <= command.confidence <= 1, f"confidence {command.confidence}", "0 to 1")
        check_identifier("model", command.model_id)


def _check_span(command: ConfirmLabel | RecordSet | WithdrawLabel | SetForm) -> None:
    _check_time("start_ms", command.start_ms)
    _check_time("end_ms", command.end_ms)
    length_ms = command.end_ms - command.start_ms
    check(0 < length_ms <= SET_MS_MAX, f"a set of {length_ms} ms", f"1 to {SET_MS_MAX} ms")
    if isinstance(command, Statement):
        is_right = command.said_ms is not None or command.command_nr is not None
        check(is_right, "a statement without a number or a time", "said_ms")
        if command.said_ms is not None:
            _check_time("said_ms", command.said_ms)


def _check_suggestion(command: SuggestHere) -> None:
    _check_weight(command.weight_kg)
    _check_repetitions(command.repetitions)
    rest_s, length = command.rest_s, len(command.reason)
    check(rest_s is None or 0 <= rest_s <= REST_S_MAX, f"{rest_s} s of rest", f"0 to {REST_S_MAX} s")
    check(length <= REASON_MAX, f"a reason of {length} characters", f"at most {REASON_MAX}")


def _check_repetitions(repetitions: int | None) -> None:
    is_right = repetitions is None or 0 <= repetitions <= REPETITIONS_MAX
    check(is_right, f"{repetitions} repetitions", f"0 to {REPETITIONS_MAX}")


def _check_weight(weight: float | None) -> None:
    is_right = weight is None or (math.isfinite(weight) and 0 <= weight <= WEIGHT_KG_MAX)
    check(is_right, f"weight {weight} kg", f"0 to {WEIGHT_KG_MAX:g} kg")


def _check_time(name: str, value_ms: int) -> None:
    check(0 <= value_ms <= EPOCH_MS_MAX, f"{name} {value_ms}", "ms since 1970, before 2100")
