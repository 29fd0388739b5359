"""A session as a FIT activity: file_id, titles, sets and heart rates by time, lap, session, activity.

FIT has seconds for times of records, milliseconds for the lengths of sets, and 1/16 kg for weights.
"""

from __future__ import annotations

from exchange.fit import UNKNOWN, categories
from exchange.written import Written, WrittenSet

MANUFACTURER = 255  # development: for everyone without a number of their own
NAME_BYTES = 80


def write(workout: Written) -> bytes:
    """The bytes of one activity file."""
    from fit_tool.fit_file_builder import FitFileBuilder

    builder = FitFileBuilder(auto_define=True, min_string_size=NAME_BYTES)
    keys = _keys(workout)
    builder.add(_file_id(workout))
    builder.add_all([_title(number, name, key) for number, (name, key) in enumerate(keys.items())])
    timed = [(at_ms, _record(at_ms, rate)) for at_ms, rate in workout.heart_rate]
    timed += [(done.end_ms, _set(number, done, keys)) for number, done in enumerate(workout.sets)]
    builder.add_all([message for _, message in sorted(timed, key=lambda each: each[0])])
    builder.add_all([_lap(workout), _session(workout), _activity(workout)])
    return bytes(builder.build().to_bytes())


def _keys(workout: Written) -> dict[str, tuple[int, int]]:
    """Category and name for each exercise; what the profile does not have gets a number of its own."""
    names = list(dict.fromkeys(done.exercise for done in workout.sets))
    return {name: categories().get(name, (UNKNOWN, number)) for number, name in enumerate(names)}


def _file_id(workout: Written) -> object:
    from fit_tool.profile.messages.file_id_message import FileIdMessage
    from fit_tool.profile.profile_type import FileType

    message = FileIdMessage()
    message.type = FileType.ACTIVITY
    message.manufacturer = MANUFACTURER
    message.product = 0
    message.time_created = workout.start_ms
    return message


def _title(number: int, name: str, key: tuple[int, int]) -> object:
    from fit_tool.profile.messages.exercise_title_message import ExerciseTitleMessage

    message = ExerciseTitleMessage()
    message.message_index = number
    message.exercise_category, message.exercise_name = key
    message.workout_step_name = name
    return message


def _record(at_ms: int, rate: float) -> object:
    from fit_tool.profile.messages.record_message import RecordMessage

    message = RecordMessage()
    message.timestamp = at_ms
    message.heart_rate = round(rate)
    return message


def _set(number: int, done: WrittenSet, keys: dict[str, tuple[int, int]]) -> object:
    from fit_tool.profile.messages.set_message import SetMessage

    category, name = keys[done.exercise]
    message = SetMessage()
    message.timestamp = done.end_ms
    message.start_time = done.start_ms
    message.duration = (done.end_ms - done.start_ms) / 1000
    message.set_type = 1
    message.category = [category]
    message.category_subtype = [name]
    message.message_index = number
    if done.repetitions is not None:
        message.repetitions = done.repetitions
    if done.weight_kg is not None:
        message.weight = done.weight_kg
    return message


def _lap(workout: Written) -> object:
    from fit_tool.profile.messages.lap_message import LapMessage

    message = LapMessage()
    message.timestamp = workout.end_ms
    message.start_time = workout.start_ms
    message.total_elapsed_time = message.total_timer_time = (workout.end_ms - workout.start_ms) / 1000
    return message


def _session(workout: Written) -> object:
    from fit_tool.profile.messages.session_message import SessionMessage
    from fit_tool.profile.profile_type import Sport, SubSport

    message = SessionMessage()
    message.timestamp = workout.end_ms
    message.start_time = workout.start_ms
    message.total_elapsed_time = message.total_timer_time = (workout.end_ms - workout.start_ms) / 1000
    message.sport = Sport.TRAINING
    message.sub_sport = SubSport.STRENGTH_TRAINING
    message.num_laps = 1
    return message


def _activity(workout: Written) -> object:
    from fit_tool.profile.messages.activity_message import ActivityMessage

    message = ActivityMessage()
    message.timestamp = workout.end_ms
    message.num_sessions = 1
    message.total_timer_time = (workout.end_ms - workout.start_ms) / 1000
    return message
