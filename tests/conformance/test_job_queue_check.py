"""The check of job queues convicts a queue with one wrong statement, and not the right one."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tornproof_conformance.adapter import job_queue_processes
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.opened_job_queue import JobQueueRun
from tornproof_conformance.adapter.speaking.process import LineProcess
from tornproof_conformance.adapter.waiting import wait_out
from tornproof_conformance.cases.case import ExerciseCase, Problem, try_case
from tornproof_conformance.cases.shrinking import shrink_problem
from tornproof_conformance.checks.job_queue_io_errors import calls_of, injections
from tornproof_conformance.checks.job_queue_power_loss import power_cuts
from tornproof_conformance.checks.job_queue_programs import deaths, programs_for, random_program
from tornproof_conformance.checks.job_queues import playing
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.specification.claims import CLAIMS
from tornproof_models.contract.job_queue import REQUIREMENTS, Asked, Claim, Died, Took
from tornproof_models.contract.violations import Violation

from tests.recorders import needs_recorder

ROOT = Path(__file__).parents[2]
WRONG = Path(__file__).parent / "wrong_job_queues.py"


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> Iterator[object]:
    """A queue behind an adapter, with the mistake that the test names."""
    with AdapterSubject.running([sys.executable, str(WRONG), request.param]) as running:
        yield running


@requirement("QUE-1", "QUE-2", "QUE-4", "QUE-5", "QUE-6", "QUE-10", "QUE-15", "QUE-16")
@pytest.mark.parametrize("subject", ["nothing"], indirect=True)
def test_a_right_queue_comes_through(subject: AdapterSubject) -> None:
    """Nothing is held against it, and its dead letters, its order and its outbox were seen."""
    programs = [
        ["enqueue j1 A", "take A", "pause A", "ok A", "ok B"],
        ["bad j1 fails", "enqueue j1 A", "enqueue j2 B"],
        ["enqueue j1 A transaction", "enqueue j2 A rollback", "enqueue j2 B", "take A", "ok A"],
        ["enqueue j1 A", "enqueue j1 B", "race 2"],
    ]
    played = [wait_out(playing(subject, steps)) for steps in programs]

    assert [found for _, found, _ in played] == [[], [], [], []]
    assert set().union(*(near for *_, near in played)) >= {
        Claim.FENCED,
        Claim.RETRIES,
        Claim.PROGRESS,
        Claim.OUTBOX,
        Claim.DEDUPLICATES,
    }


@pytest.mark.parametrize(
    ("subject", "steps", "violates"),
    [
        (
            "forgets-the-lease-number",
            ("enqueue j1 A", "take A", "pause A", "ok A"),
            "QUE-7",
        ),
        ("locks-for-ever", ("enqueue j1 A", "take A", "die A"), "QUE-8"),
        ("retries-for-ever", ("bad j1 fails", "enqueue j1 A"), "QUE-10"),
        ("takes-what-runs", ("enqueue j1 A", "take A", "take B"), "QUE-6"),
    ],
    indirect=["subject"],
)
def test_a_wrong_statement_is_found(
    subject: AdapterSubject, steps: tuple[str, ...], violates: str
) -> None:
    """A case that a reproducer can hold shows the requirement that it breaks."""
    problems = try_case(ExerciseCase("job-queue", steps), subject)
    found = {each.violation.requirement for each in problems}

    assert violates in found


@pytest.mark.parametrize("subject", ["takes-what-runs"], indirect=True)
def test_steps_that_a_finding_does_not_need_are_left_out(subject: AdapterSubject) -> None:
    """Of six, two show that a running job is given to another worker, too: the drain takes it."""
    steps = ("enqueue j1 A", "enqueue j2 B", "wait", "take A", "take B", "ok A")
    problem = Problem(Violation("QUE-6", ""), ExerciseCase("job-queue", steps))

    smallest = shrink_problem(problem, subject)

    assert smallest.violation.requirement == "QUE-6"
    assert isinstance(smallest.case, ExerciseCase)
    assert len(smallest.case.arguments) == 2


def test_what_is_not_claimed_is_not_provoked() -> None:
    """No job is handed in twice, in a transaction, or bad, unless its end was promised."""
    few = frozenset({Claim.CORE, Claim.AT_LEAST_ONCE})
    programs = [*programs_for(few), *(random_program(seed, few) for seed in range(50))]
    words = {word for steps in programs for step in steps for word in step.split()}

    assert not words & {"bad", "transaction", "rollback"}
    assert {word for word in words if word.startswith("j")} > {"j1", "j2"}


def test_the_table_of_claims_has_the_sentences_of_the_contract() -> None:
    """Each claim of a job queue brings its own requirement, and no other."""
    table = {name: claim.alone for name, claim in CLAIMS.items() if name.startswith("queue/")}

    assert table == {claim.value: (number,) for claim, number in REQUIREMENTS.items()}


SERVED = """
from job_queue import adapter
adapter.more["queue"]["server"] = ["sleep", "1000"]
adapter.serve()
"""


def test_a_server_is_started_once_and_again_when_it_is_bounced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between calls and in the middle of one; both workers have the same one."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "conformance" / "adapters" / "python"))
    started: list[LineProcess] = []

    def start(command: Sequence[str], disk: DirectoryDisk) -> LineProcess:
        started.append(LineProcess.start(command, directory=disk.directory))
        return started[-1]

    monkeypatch.setattr(job_queue_processes, "start_server", start)
    with AdapterSubject.running([sys.executable, "-c", SERVED]) as subject:
        run = JobQueueRun(subject, subject.new_disk())
        try:
            run.play(["enqueue j1 A", "bounce", "bounce A 100 take", "ok A", "take B"])
            living = [each for each in started if not each.is_released]
        finally:
            run.stop()

    assert len(started) == 3
    assert living == started[-1:]
    assert all(each.is_released for each in started)
    assert [fact.job for fact in run.history if isinstance(fact, Took)] == ["j1", None]


@pytest.mark.parametrize("subject", ["nothing"], indirect=True)
def test_a_worker_dies_while_the_other_is_in_a_call(subject: AdapterSubject) -> None:
    """One is killed, and what the other had begun is answered."""
    run = JobQueueRun(subject, subject.new_disk())
    try:
        run.play(["enqueue j1 B", "take A", "die A 10000 work beside work"])
    finally:
        run.stop()

    assert [type(fact) for fact in run.history[-4:]] == [Asked, Asked, Died, Took]


def test_deaths_are_thirty() -> None:
    """Whatever the seed."""
    for seed in range(3):
        assert sum(step.startswith("die") for step in deaths(seed)) == 30


@needs_recorder
@requirement("QUE-2")
@pytest.mark.parametrize(
    ("subject", "violates"),
    [("nothing", set()), ("swallows-errors", {"QUE-2"})],
    indirect=["subject"],
)
def test_a_queue_that_swallows_an_error_is_found_out(
    subject: AdapterSubject, violates: set[str]
) -> None:
    """The write of the first job fails, and the right queue says so."""
    nth, fault = next(iter(injections(calls_of(subject))))
    case = ExerciseCase("job-queue-io-errors", (str(nth), fault.value))

    assert {each.violation.requirement for each in try_case(case, subject)} == violates


@needs_recorder
@requirement("QUE-17")
@pytest.mark.parametrize(
    ("subject", "violates"),
    [("nothing", set()), ("does-not-sync", {"QUE-17"})],
    indirect=["subject"],
)
def test_a_queue_that_does_not_sync_is_found_out(
    subject: AdapterSubject, violates: set[str]
) -> None:
    """By cutting the power after what it has acknowledged, where the crash model is harsh."""
    cuts = power_cuts(subject, time.monotonic() + 60)

    found = list(cuts.violations("ext4", 1)) + list(cuts.violations("ext4", 2))

    assert cuts.images > 5
    assert {each.requirement for each in found} == violates
