"""`tornproof check` judges group commit and the audit index: wrong ones are caught."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import pytest
from attrs import define, field, frozen
from tornproof.errors import Closed, Invalid, TornproofError
from tornproof.filesystem import Filesystem
from tornproof.journal import GroupCommitBuffer
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import BatchCase, Problem, decode_case, encode_case, try_case
from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.audit_index import AUDITS
from tornproof_conformance.checks.catalogue import CHECKS
from tornproof_conformance.checks.deferred_queues import DRAINER_MACHINE
from tornproof_conformance.checks.group_commits import GROUP_COMMIT
from tornproof_conformance.checks.machine import MACHINE
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.run.runner import check_subject, checks_of
from tornproof_conformance.scenarios import audit_indexes, shared_batches
from tornproof_conformance.scenarios.scenario import Scenario
from tornproof_conformance.search.hunts import hunts_of
from tornproof_conformance.stream.run_events import RequirementJudged, RunFinished, ViolationFound
from tornproof_conformance.subjects.group_commits import PATIENCE, Group
from tornproof_conformance.subjects.reference import ReferenceSubject, find_subject
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.miniatures.group_commit_miniatures import MINIATURES
from tornproof_models.miniatures.journal_miniatures import SMALL

from tests.conformance.finished import finished

GROUPS = {each.name: each for each in vars(shared_batches).values() if isinstance(each, Scenario)}
INDEXES = {each.name: each for each in vars(audit_indexes).values() if isinstance(each, Scenario)}
SMALL_BUDGET = Budget(examples=20)

# Who is judged


def test_every_requirement_of_both_is_looked_at() -> None:
    """By some check of the default run."""
    asked = {f"GRP-{n}" for n in range(1, 8)} | {f"AUD-{n}" for n in range(1, 17)}
    looked_at = {name for check in CHECKS for name in check.covers(ReferenceSubject())}

    assert asked <= looked_at


@pytest.mark.parametrize("name", [*GROUPS, *INDEXES])
def test_the_reference_comes_out_of_every_situation(name: str) -> None:
    """Nothing is violated; and a journal that has neither hears nothing of them."""
    scenario = {**GROUPS, **INDEXES}[name]

    assert scenario.applies(ReferenceSubject())
    assert scenario.judge(ReferenceSubject()) == []
    assert not scenario.applies(SMALL)


def test_which_checks_a_miniature_is_put_through() -> None:
    """An index those of indexes, a batcher those of group commit."""
    index, batcher = find_subject("unstable-ties"), find_subject("one-sync-each")

    assert [check.name for check in checks_of(index)] == ["scenarios", "audits"]
    assert [check.name for check in checks_of(batcher)] == ["scenarios", "group-commit"]
    for subject in (index, batcher):
        with pytest.raises(Invalid, match="no journal"):
            subject.open(ModelFilesystem(), Options())


def test_a_fuzzer_has_nothing_to_do_with_a_batcher() -> None:
    """No machine judges one, and as a journal it would fail in every program."""
    with pytest.raises(Invalid, match="one-sync-each is not a journal"):
        hunts_of("one-sync-each")


def test_no_random_programs_are_none() -> None:
    """The rest of a check goes on without them."""
    for check in (MACHINE, AUDITS, DRAINER_MACHINE):
        problems = check.run(ReferenceSubject(), Budget(examples=0))
        assert not [each for each in problems if isinstance(each, Problem)]


# Group commit with threads


@define
class Wrapped:
    """The reference's group commit, to be got wrong."""

    buffer: GroupCommitBuffer
    futures: "list[Future[int]]" = field(factory=list)

    def append(self, payload: bytes) -> "Future[int]":
        self.futures.append(self.buffer.append(payload))
        return self.futures[-1]

    def close(self, timeout: float | None = PATIENCE) -> None:
        self.buffer.close(timeout)


class ToldAtOnce(Wrapped):
    """Acknowledges what has been handed over."""

    def append(self, payload: bytes) -> "Future[int]":
        self.buffer.append(payload)
        told: Future[int] = Future()
        told.set_result(0)
        return told


class FailureSwallowed(Wrapped):
    """Tells everybody that it went well."""

    def append(self, payload: bytes) -> "Future[int]":
        told: Future[int] = Future()
        waiter = super().append(payload)
        waiter.add_done_callback(lambda done: told.set_result(0 if done.exception() else 1))
        return told


class Leaving(Future[int]):
    """A future that takes its neighbour along."""

    neighbour: "Future[int]"
    own: "Future[int]"

    def cancel(self) -> bool:
        self.neighbour.cancel()
        return self.own.cancel()


class NeighbourTaken(Wrapped):
    """Cancelling takes the record in front along."""

    def append(self, payload: bytes) -> "Future[int]":
        own = super().append(payload)
        if payload != b"gone":
            return own
        leaving = Leaving()
        leaving.neighbour, leaving.own = self.futures[-2], own
        return leaving


class DoorLeftOpen(Wrapped):
    """After the close it answers as before."""

    def append(self, payload: bytes) -> "Future[int]":
        with suppress(Closed):
            return super().append(payload)
        told: Future[int] = Future()
        told.set_result(0)
        return told


@frozen
class WrongGroup(ReferenceSubject):
    """The reference with another group commit."""

    make: Callable[[GroupCommitBuffer], Group] = Wrapped
    most: int | None = None
    """How many records a batch has at most, whatever was asked for; none to do as asked."""

    places: int | None = None

    def open_group(  # type: ignore[override]
        self,
        filesystem: Filesystem,
        *,
        max_records: int,
        queue_records: int,
        block: bool,
        wait: float = PATIENCE,
    ) -> Group:
        buffer = super().open_group(
            filesystem,
            max_records=self.most or max_records,
            queue_records=self.places or queue_records,
            block=block,
            wait=wait,
        )
        return self.make(buffer)


@requirement(*(f"GRP-{number}" for number in range(1, 8)))
@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (WrongGroup(), set()),
        (WrongGroup(make=ToldAtOnce), {"GRP-1", "GRP-3"}),
        (WrongGroup(most=1), {"GRP-2"}),
        (WrongGroup(make=FailureSwallowed), {"GRP-3"}),
        (WrongGroup(most=100), {"GRP-5"}),
        (WrongGroup(places=100), {"GRP-5"}),
        (WrongGroup(make=NeighbourTaken), {"GRP-6"}),
        (WrongGroup(make=DoorLeftOpen), {"GRP-7"}),
    ],
    ids=["right", "early", "one each", "swallowed", "batch", "queue", "neighbour", "door"],
)
def test_a_wrong_group_is_caught(subject: WrongGroup, expected: set[str]) -> None:
    """By the situations of its threads."""
    found = {each.requirement for scenario in GROUPS.values() for each in scenario.judge(subject)}

    assert expected <= found
    assert bool(expected) == bool(found)


def test_what_the_verdict_rests_on() -> None:
    """Interleavings, states and random programs are counted; the specification names them."""
    problems, covered = finished(GROUP_COMMIT.run(ReferenceSubject(), Budget(examples=0)))

    assert problems == []
    figures = {"interleavings": 805_005, "states": 4_543, "random_programs": 0}
    assert covered.counts == figures


@pytest.mark.parametrize("name", MINIATURES)
def test_small_situations_are_enough(name: str) -> None:
    """Every miniature is convicted within the usual budget."""
    subject, breaks = find_subject(f"group-commit/{name}"), MINIATURES[name].breaks
    problems = (
        each for each in GROUP_COMMIT.run(subject, SMALL_BUDGET) if isinstance(each, Problem)
    )

    assert any(each.violation.requirement in breaks for each in problems)


def test_a_story_of_a_group_commit_repeats(tmp_path: Path) -> None:
    """What was saved holds the story, and shows the same again on the miniature alone."""
    subject = find_subject("waiter-lost-on-close")
    checks = (GROUP_COMMIT,)
    stream = check_subject(subject, budget=SMALL_BUDGET, reproducers=tmp_path, checks=checks)
    events = list(stream)

    told = [event for event in events if isinstance(event, ViolationFound)][-1]
    assert told.requirement == "GRP-7"
    assert told.program[0] == "record 1 arrives (1 bytes) → commit 1"
    assert "the owner closes" in told.program
    saved = reproducer.load(Path(told.reproducer))
    assert isinstance(saved.case, BatchCase)
    assert decode_case(encode_case(saved.case)) == saved.case
    assert [each.violation.requirement for each in try_case(saved.case, subject)] == ["GRP-7"]
    assert try_case(saved.case, ReferenceSubject()) == []
    with pytest.raises(Invalid, match="no group commit"):
        try_case(saved.case, SMALL)


def test_a_situation_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """In a file that somebody has edited."""
    path = reproducer.save(
        Problem(Violation("GRP-1", "early"), BatchCase("slow", ())), "reference", tmp_path
    )
    path.write_text(path.read_text().replace('"slow"', '"very slow"'))

    with pytest.raises(Invalid, match="very slow"):
        reproducer.load(path)


# The audit index


@requirement("AUD-10", "AUD-12")
@pytest.mark.parametrize(
    ("name", "scenario", "expected"),
    [
        ("record-without-index", "an-audit-is-there-whole-or-not-at-all", "AUD-10"),
        ("index-without-record", "an-audit-is-there-whole-or-not-at-all", "AUD-10"),
        ("acknowledged-before-commit", "an-audit-is-there-whole-or-not-at-all", "AUD-13"),
        ("recent-by-full-scan", "the-recent-cost-no-scan", "AUD-12"),
    ],
)
def test_a_wrong_index_is_caught_by_a_situation(name: str, scenario: str, expected: str) -> None:
    """By every death there is, and by what a question reads."""
    found = INDEXES[scenario].judge(find_subject(name))

    assert {each.requirement for each in found} == {expected}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unstable-ties", {"AUD-7"}),
        ("insertion-order", {"AUD-16"}),
        ("hexadecimal-agents", {"AUD-1"}),
        ("zero-limit-means-all", {"AUD-15"}),
    ],
)
def test_a_wrong_index_does_not_conform(name: str, expected: set[str], tmp_path: Path) -> None:
    """By frozen vectors, which repeat, or by random programs, which do as well."""
    subject = find_subject(name)
    stream = check_subject(subject, budget=SMALL_BUDGET, reproducers=tmp_path, checks=(AUDITS,))
    events = list(stream)

    judged = [event for event in events if isinstance(event, RequirementJudged)]
    violated = {each.requirement for each in judged if each.verdict == "violated"}
    assert expected <= violated
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert not finished.conforms
    told = next(e for e in events if isinstance(e, ViolationFound) and e.requirement in expected)
    case = reproducer.load(Path(told.reproducer)).case
    assert told.requirement in {each.violation.requirement for each in try_case(case, subject)}


def test_an_index_that_is_right_conforms(tmp_path: Path) -> None:
    """Every MUST of the family holds."""
    checks = (AUDITS,)
    stream = check_subject(
        ReferenceSubject(), budget=SMALL_BUDGET, reproducers=tmp_path, checks=checks
    )
    verdicts = {e.requirement: e.verdict for e in stream if isinstance(e, RequirementJudged)}

    assert {verdicts[name] for name in AUDITS.requirements} == {"holds"}


def test_what_has_no_index_is_told_so() -> None:
    """The error names the subject."""
    with pytest.raises(TornproofError, match=SMALL.name):
        list(AUDITS.run(SMALL, SMALL_BUDGET))
