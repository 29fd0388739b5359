"""What the API answers. Times are in ms since 1970 UTC, shares and confidences from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class UserItem:
    user: str
    last_session_ms: int


@dataclass(frozen=True, kw_only=True)
class UserPage:
    """`next_cursor` gets the page that follows; None on the last one."""

    items: list[UserItem]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class SessionItem:
    """`ended_ms` is None while the session runs, or if its device never closed it."""

    session: str
    device: str
    started_ms: int
    ended_ms: int | None


@dataclass(frozen=True, kw_only=True)
class SessionPage:
    """Newest first. `next_cursor` gets the page that follows; None on the last one."""

    items: list[SessionItem]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class RecognisedSet:
    """`source` is `server` or `device`: whose recogniser found it."""

    start_ms: int
    end_ms: int
    exercise: str
    confidence: float
    repetitions: int
    source: str
    model_id: str


@dataclass(frozen=True, kw_only=True)
class ConfirmedSet:
    """What the user said was done."""

    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int | None
    weight_kg: float | None


@dataclass(frozen=True, kw_only=True)
class SuggestedSet:
    """`taken` is None until the user's next confirmed set answers it."""

    suggested_ms: int
    exercise: str
    weight_kg: float | None
    repetitions: int
    reason: str
    taken: bool | None


@dataclass(frozen=True, kw_only=True)
class SessionDetail:
    """A session with its sets, each list oldest first."""

    user: str
    session: str
    device: str
    started_ms: int
    ended_ms: int | None
    recognised: list[RecognisedSet]
    confirmed: list[ConfirmedSet]
    suggested: list[SuggestedSet]


@dataclass(frozen=True, kw_only=True)
class EvaluationItem:
    """Precision and recall are means over classes; `window_count` is None where it was not recorded."""

    evaluated_ms: int
    data_set: str
    accuracy: float
    precision: float
    recall: float
    f1_macro: float
    window_count: int | None


@dataclass(frozen=True, kw_only=True)
class EvaluationDetail(EvaluationItem):
    """`confusion[i][j]` counts windows of class i taken for class j, in the order of the model's classes."""

    confusion: list[list[int]]
    f1_by_class: dict[str, float]
    f1_worst_subject: float | None
    calibration_error: float | None


@dataclass(frozen=True, kw_only=True)
class ModelItem:
    """`current` if devices are offered it; `scope` is everyone, cluster:ID or user:ID."""

    model_id: str
    scope: str
    sensor_set: str
    current: bool
    created_ms: int
    classes: list[str]
    parameter_count: int
    byte_count: int
    train_seconds: float
    digest: str
    evaluations: list[EvaluationItem]


@dataclass(frozen=True, kw_only=True)
class ModelList:
    """Newest first. `next_cursor` gets the page that follows; None on the last one."""

    items: list[ModelItem]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class ModelDetail(ModelItem):
    """`lineage` names the sessions it learned from, as JSON; for operators only."""

    evaluations: list[EvaluationDetail]  # type: ignore[assignment]
    lineage: str | None


@dataclass(frozen=True, kw_only=True)
class StepItem:
    """A step of a night, and its latest run: its number `attempt`, when it is tried again, its last output.

    `state` is waiting, running, succeeded, failed, skipped or cancelled.
    """

    name: str
    state: str
    progress: float
    message: str
    attempt: int
    run_id: str
    started_ms: int | None
    finished_ms: int | None
    retry_ms: int | None
    log_tail: str


@dataclass(frozen=True, kw_only=True)
class NightItem:
    """`state` is waiting, running, succeeded, failed or cancelled. `asked`: somebody wanted it then."""

    night: str
    state: str
    due_ms: int
    asked: bool
    started_ms: int | None
    finished_ms: int | None
    steps: list[StepItem]


@dataclass(frozen=True, kw_only=True)
class NightList:
    """Newest first. `next_cursor` gets the page that follows; None on the last one."""

    items: list[NightItem]
    next_cursor: str | None


@dataclass(frozen=True)
class Health:
    status: str
