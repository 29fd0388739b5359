"""How a deployment is waited for: whatever Marathon says, in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marathon.api import DeploymentState
from marathon.rollout import FAILURES_MAX, Rollout, Seen

PATIENCE_S = 100.0
BEGUN = Rollout(deployment_id="one", patience_s=PATIENCE_S, moved_s=0.0)


def seen(
    step: int | None, failures: dict[str, tuple[str, str]] | None = None, progress: str = "", waits: str = ""
) -> Seen:
    deployment = None if step is None else DeploymentState("one", step, 3, ("StartApplication /a",))
    return Seen(
        deployment=deployment,
        failures=failures or {},
        waiting={"/a": waits} if waits else {},
        progress={"/a": progress},
    )


SEEN = st.builds(
    seen,
    st.none() | st.integers(1, 3),
    st.dictionaries(st.sampled_from(["/a", "/b"]), st.tuples(st.sampled_from("123456"), st.just("exit 1"))),
    st.sampled_from(["", "1 runs"]),
)


def test_one_that_is_gone_is_done() -> None:
    assert BEGUN.see(seen(1), 1.0).see(seen(None), 2.0).state == "done"


def test_one_that_goes_on_is_waited_for_however_long() -> None:
    rollout = BEGUN
    for second in range(1, 1000, 50):
        rollout = rollout.see(seen(1, progress=f"{second} run"), second)
        assert rollout.state == "deploying"
        assert not rollout.wants_rollback


def test_one_in_which_nothing_changes_goes_back_and_says_what_waited() -> None:
    rollout = BEGUN.see(seen(1), 1.0).see(seen(1, waits="InsufficientMemory (3)"), PATIENCE_S + 1.0)
    assert rollout.wants_rollback
    assert "nothing has changed for 100 s; /a waits: InsufficientMemory (3)" in rollout.reason
    back = rollout.rolling_back("two", PATIENCE_S + 2.0)
    assert (back.deployment_id, back.state) == ("two", "rolling back")
    assert back.see(seen(None), PATIENCE_S + 3.0).state == "rolled back"
    assert back.see(seen(1), PATIENCE_S + 3.0).see(seen(1), 3 * PATIENCE_S).state == "stuck"


def test_tasks_that_keep_failing_make_it_go_back() -> None:
    rollout = BEGUN
    for number in range(FAILURES_MAX):
        assert not rollout.wants_rollback
        for _ in range(3):
            rollout = rollout.see(seen(1, {"/a": (str(number), "exit 3")}), 1.0)
    assert rollout.reason == "the tasks of /a keep failing: exit 3"


@given(st.lists(SEEN, max_size=30), st.booleans())
def test_whatever_is_seen_it_ends_as_it_should(moments: list[Seen], goes_back: bool) -> None:
    rollout, has_gone_back = BEGUN, False
    for second, moment in enumerate(moments):
        before = rollout
        rollout = rollout.see(moment, 10.0 * second)
        if before.is_over:
            assert rollout == before
        if rollout.wants_rollback:
            assert rollout.reason
            if goes_back:
                rollout, has_gone_back = rollout.rolling_back("two", 10.0 * second), True
    assert rollout.state != "done" or not has_gone_back
    assert rollout.state not in ("rolled back", "stuck", "rolling back") or has_gone_back
    assert rollout.state != "stuck" or rollout.reason
