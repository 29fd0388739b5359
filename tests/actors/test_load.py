"""What a shard host counts for operators."""

from __future__ import annotations

from actors.load import Load


def test_batches_are_counted_between_two_reports() -> None:
    load = Load("node/shard-host-0", 10.0)
    load.came(1, 5, 10.0)
    load.came(2, 7, 11.0)
    load.answered([1], 10.5)
    load.answered([2, 99], 12.5)
    load.came(3, 1, 13.0)
    report = load.report(14.0, 1_000, users=4)
    assert (report.member, report.at_ms, report.seconds) == ("node/shard-host-0", 1_000, 4.0)
    assert (report.commands, report.users, report.unanswered) == (13, 4, 1)
    assert (report.answer_ms_mean, report.answer_ms_max) == (1_000.0, 1_500.0)

    quiet = load.report(24.0, 11_000, users=4)
    assert (quiet.seconds, quiet.commands, quiet.unanswered) == (10.0, 0, 1)
    assert (quiet.answer_ms_mean, quiet.answer_ms_max) == (None, None)
