"""`tornproof check` judges queues and chains: the reference passes, the wrong ones are caught."""

from pathlib import Path

import pytest
from attrs import frozen
from tornproof.errors import Invalid
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import (
    DeliveryCase,
    Problem,
    ScheduleCase,
    decode_case,
    encode_case,
    try_case,
)
from tornproof_conformance.checks import Budget
from tornproof_conformance.checks.catalogue import CHECKS, JOURNAL_CHECKS
from tornproof_conformance.checks.deferred_queues import DRAINER, SCHEDULES
from tornproof_conformance.run.runner import check_subject, checks_of
from tornproof_conformance.scenarios import chain_verification, pairwise, queue_delivery
from tornproof_conformance.scenarios.scenario import Scenario
from tornproof_conformance.stream.run_events import RequirementJudged, RunFinished, ViolationFound
from tornproof_conformance.subjects.reference import QUEUES, ReferenceSubject, find_subject
from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.journal import Violation
from tornproof_models.contract.journal import Violation as Lost
from tornproof_models.crash.subject import JournalUnderTest, Options, Subject
from tornproof_models.database_faults import Kind, Strike, When
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.miniatures.journal_miniatures import SMALL
from tornproof_models.queues import schedules
from tornproof_models.queues.delivery_program import (
    Arm,
    AskDrain,
    Close,
    FailDisk,
    Hold,
    Kill,
    Move,
    Replay,
    Sibling,
    Submit,
    Watch,
)

CHAIN = {
    each.name: each for each in vars(chain_verification).values() if isinstance(each, Scenario)
}
PAIRWISE = {each.name: each for each in vars(pairwise).values() if isinstance(each, Scenario)}
DELIVERY = {each.name: each for each in vars(queue_delivery).values() if isinstance(each, Scenario)}
SMALL_BUDGET = Budget(examples=10)

EVERY_STEP = (
    Submit(),
    Submit(encodable=False),
    Arm(Strike(Kind.BUSY, When.AFTER, "commit", nth=2, times=3)),
    Arm(Strike(Kind.PANIC)),
    FailDisk(3, Fault.SHORT_WRITE),
    Move(9),
    Sibling(),
    Kill(),
    Kill(7),
    Watch(),
    AskDrain(),
    Close(),
    Hold(),
    Replay(),
)

# Scenarios


@pytest.mark.parametrize("name", [*CHAIN, *PAIRWISE, *DELIVERY])
def test_the_reference_comes_out_of_every_situation(name: str) -> None:
    """Nothing is violated, and each scenario applies to it."""
    scenario = {**CHAIN, **PAIRWISE, **DELIVERY}[name]

    assert scenario.applies(ReferenceSubject())
    assert scenario.judge(ReferenceSubject()) == []


@pytest.mark.parametrize("name", [*CHAIN, *PAIRWISE, *DELIVERY])
def test_a_journal_hears_nothing_of_them(name: str) -> None:
    """What has no queue and no chain is not judged on them."""
    assert not {**CHAIN, **PAIRWISE, **DELIVERY}[name].applies(SMALL)


@pytest.mark.parametrize(
    ("name", "caught"),
    [
        ("acknowledges-before-spooling", {"DRN-3", "DRN-16"}),
        ("dead-letters-without-looking", {"DRN-7"}),
        ("drops-what-the-dead-letter-queue-refuses", {"DRN-10", "DRN-13"}),
        ("encodes-in-the-drainer", {"EVT-1", "EVT-2", "EVT-5"}),
        ("mints-an-id-for-each-attempt", {"DRN-7", "EVT-6"}),
    ],
)
def test_wrong_queues_are_caught_by_situations(name: str, caught: set[str]) -> None:
    """Requirements whose breach the contract would report as another's."""
    subject = find_subject(name)
    found = {
        each.requirement
        for scenario in DELIVERY.values()
        if scenario.applies(subject)
        for each in scenario.judge(subject)
    }
    assert found == caught


# Checks


def verdicts(subject: Subject, directory: Path, *checks: str) -> dict[str, str]:
    """Run checks and return the verdict on each requirement."""
    chosen = [check for check in CHECKS if check.name in checks] or checks_of(subject)
    stream = check_subject(subject, budget=SMALL_BUDGET, reproducers=directory, checks=chosen)
    return {e.requirement: e.verdict for e in stream if isinstance(e, RequirementJudged)}


def test_the_reference_is_judged_on_events_chain_and_drainer(tmp_path: Path) -> None:
    """Every MUST of the three families is looked at by some check, and gets a verdict."""
    asked = {f"EVT-{n}" for n in range(1, 7)} | {f"CHN-{n}" for n in range(1, 9)}
    asked |= {f"DRN-{n}" for n in range(1, 19)} | {"SYS-1", "SYS-2"}
    looked_at = {name for check in CHECKS for name in check.covers(ReferenceSubject())}
    assert asked <= looked_at

    found = verdicts(ReferenceSubject(), tmp_path, "drainer-machine")
    assert {name: found.get(name) for name in DRAINER.requirements} == dict.fromkeys(
        DRAINER.requirements, "holds"
    )


def test_which_checks_a_subject_is_put_through() -> None:
    """A journal those of journals; a queue those of queues; the reference all."""
    assert checks_of(ReferenceSubject()) == CHECKS
    assert checks_of(SMALL) == JOURNAL_CHECKS
    names = [check.name for check in checks_of(find_subject("replays-twice"))]
    assert names == ["scenarios", "drainer", "drainer-machine"]


@pytest.mark.parametrize(
    ("name", "requirement"),
    [
        ("moves-the-cursor-in-its-own-transaction", "DRN-17"),
        ("deferred-audit-v07", "DRN-11"),
    ],
)
def test_a_wrong_queue_does_not_conform(tmp_path: Path, name: str, requirement: str) -> None:
    """It is caught, shrunk and told; what was saved shows the same again."""
    subject = find_subject(name)
    stream = check_subject(subject, budget=SMALL_BUDGET, reproducers=tmp_path, checks=(DRAINER,))
    events = list(stream)

    told = [e for e in events if isinstance(e, ViolationFound) and e.requirement == requirement][-1]
    assert told.program[0] == "open a queue (drainer/durable)"
    assert len(told.program) <= 6
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert not finished.conforms
    saved = reproducer.load(Path(told.reproducer))
    assert isinstance(saved.case, DeliveryCase)
    assert requirement in {p.violation.requirement for p in try_case(saved.case, subject)}
    assert try_case(saved.case, ReferenceSubject()) == []


@frozen
class WrongSchedules:
    """A subject one of whose schedules violates something."""

    name: str = "wrong"

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        raise Invalid(f"no journal on {filesystem} with {options}")

    def walk_schedules(self, *, events: int, falls: int, faults: int) -> schedules.Exploration:
        found = schedules.Counterexample(("one", "two"), (Lost("DRN-1", "lost"),))
        return schedules.Exploration(events * falls * faults, 2, 3, [found])


def test_a_violating_schedule_is_a_problem_that_repeats() -> None:
    """With the schedule in words, and its bounds to walk again."""
    subject = WrongSchedules()
    (problem,) = [each for each in SCHEDULES.run(subject, Budget()) if isinstance(each, Problem)]

    assert problem.case == ScheduleCase(2, 1, 1, ("one", "two"))
    assert decode_case(encode_case(problem.case)) == problem.case
    assert [each.violation for each in try_case(problem.case, subject)] == [problem.violation]


def test_what_has_no_queue_is_told_so() -> None:
    """The error names the subject."""
    for check in (DRAINER, SCHEDULES):
        with pytest.raises(Invalid, match=SMALL.name):
            list(check.run(SMALL, Budget()))
    for case in (DeliveryCase(Mode.DURABLE, ()), ScheduleCase(1, 1, 1, ())):
        with pytest.raises(Invalid, match=SMALL.name):
            try_case(case, SMALL)


# Programs as JSON


def test_every_step_survives_json(tmp_path: Path) -> None:
    """Through the schema of reproducers too."""
    case = DeliveryCase(Mode.VOLATILE, EVERY_STEP)
    assert decode_case(encode_case(case)) == case

    problem = Problem(Violation("DRN-1", "lost"), case)
    path = reproducer.save(problem, "reference", tmp_path)
    assert reproducer.load(path).case == case


@pytest.mark.parametrize(
    "step",
    [
        {"step": "fly"},
        {"step": "move", "many": 1},
        {"step": "arm", "kind": "rain", "when": "before"},
    ],
)
def test_a_damaged_program_is_refused(tmp_path: Path, step: dict[str, str]) -> None:
    """An unknown step, an unknown member, an unknown fault: one line, no traceback."""
    good = reproducer.reproducer_of(
        Problem(Violation("DRN-1", "lost"), DeliveryCase(Mode.DURABLE, (Submit(),))), "reference"
    )
    path = tmp_path / "damaged.json"
    document = good.encode().replace('"encodable": true,', "")
    whole = document.replace(
        '"step": "submit"', ", ".join(f'"{k}": "{v}"' for k, v in step.items())
    )
    path.write_text(whole)

    with pytest.raises(Invalid, match="damaged"):
        reproducer.load(path)


def test_every_miniature_of_a_queue_is_a_subject() -> None:
    """By its name on the command line; none of them hides one of a journal."""
    assert all(find_subject(name).name == name for name in QUEUES)
    with pytest.raises(Invalid, match="no journal"):
        find_subject("replays-twice").open(ModelFilesystem(), Options())
