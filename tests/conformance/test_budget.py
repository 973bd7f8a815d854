"""A run of an adapter keeps to its time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, SHARES
from tornproof_conformance.run.runner import check_subject
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.crash.subject import Subject


@pytest.mark.parametrize(
    ("spent", "shares", "seconds"),
    [
        (0, 1, 51),  # nothing is spent: the whole, but for what is begun late
        (20, 1, 31),  # situations took a third: each search gets less
        (41, 0.5, 20),  # half of the searches are over, and took more than their part
        (30, 0.2, 105),  # most do not run: those that do have all that is left
        (59, 1, 0),  # late: nothing, and what is looked at is starved
        (99, 0, 60),  # no search is ahead
    ],
)
def test_searches_share_what_time_is_left(spent: float, shares: float, seconds: float) -> None:
    """Of sixty seconds."""
    assert Budget(seconds=60).left(spent, shares).seconds == seconds


def test_the_shares_are_parts_of_one_whole() -> None:
    """Each of a check that there is; together the time that there is, and little more."""
    assert SHARES.keys() <= ADAPTER_CHECKS.keys()
    journals = {name: share for name, share in SHARES.items() if not name.startswith("job-queue")}
    assert 0.9 < sum(journals.values()) < 1.1


def test_a_check_that_took_long_shortens_the_others(tmp_path: Path) -> None:
    """The budget that a check is given says what is left of the run's."""
    given: dict[str, float] = {}
    now = [0.0]

    def check(name: str, takes: float) -> Check:
        def run(_: Subject, budget: Budget) -> Findings:
            given[name] = budget.seconds
            now[0] += takes
            yield from ()
            return Covered("nothing")

        return Check(name, name, frozenset(), run)

    def clock() -> Iterator[float]:
        while True:
            yield now[0]

    events = check_subject(
        find_subject("reference"),
        budget=Budget(seconds=60),
        reproducers=tmp_path,
        checks=[check("situations", 12), check("first", 30), check("last", 1)],
        shares={"first": 0.5, "last": 0.5},
        clock=clock().__next__,
    )
    assert list(events)
    assert given == {"situations": 51, "first": 39, "last": 18}
