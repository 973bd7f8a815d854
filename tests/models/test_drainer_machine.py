"""The drainer's machine passes the reference and the twin, and convicts what the hunt convicts."""

from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from tornproof.drainer import core, supervisor
from tornproof.drainer.sink import ChainSink
from tornproof.drainer.supervisor import State
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.delivery import Mode, Outcome
from tornproof_models.database_faults import Kind, Strike, When
from tornproof_models.disk.faults import Fault as DiskFault
from tornproof_models.machines.drainer_machine import machine
from tornproof_models.machines.reference_queue import ReferenceQueue
from tornproof_models.machines.threaded_queue import play_threads
from tornproof_models.machines.violated import Violated
from tornproof_models.miniatures.deferred_audit_v07 import DeferredAuditV07
from tornproof_models.miniatures.drainer_miniatures import MINIATURES
from tornproof_models.miniatures.small_drainer import SmallDrainer
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
    Step,
    Submit,
    Watch,
    event_of,
    payload_of,
)
from tornproof_models.queues.delivery_run import Run, run

from tests.models.rows import watched

THREAD_DIES = range(5, 120, 6)
"""Seeds of orders of threads in which the drainer's own is killed."""

DRN = [f"DRN-{number}" for number in range(1, 19) if number != 14]
REJECTED = Arm(Strike(Kind.NO_SUCH_COLUMN, point="insert"))


def play(judged: type[RuleBasedStateMachine], examples: int) -> None:
    """Run a machine on so many programs, the same ones every time."""
    run_state_machine_as_test(
        judged,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=[Phase.generate],  # what is found is judged by its kind, not by its size
            suppress_health_check=list(HealthCheck),
        ),
    )


def reference(*steps: Step, mode: Mode = Mode.DURABLE) -> tuple[Run, ReferenceQueue]:
    """Take a few steps with the reference; whoever asks must let go of it."""
    subject = ReferenceQueue(mode)
    running = Run(subject, mode)
    running.open()
    for step in steps:
        running.take(step)
    return running, subject


@requirement(*DRN)
def test_the_reference_is_acquitted() -> None:
    """In both modes, with every kind of failure, death and power cut; each row is taken."""
    with watched(core) as landing, watched(supervisor) as life:
        for mode in Mode:
            play(machine(partial(ReferenceQueue, mode), mode), examples=30)
        assert [play_threads(seed) for seed in THREAD_DIES] == [[]] * len(THREAD_DIES)

    assert landing.left == []
    assert life.left == []


@requirement("DRN-1")
def test_the_twin_is_acquitted() -> None:
    """What the miniatures were made of is right."""
    play(machine(SmallDrainer, Mode.DURABLE), examples=10)


@requirement("DRN-1")
def test_the_v07_design_is_convicted() -> None:
    """Judged by what the durable mode promises, some program is enough."""
    with pytest.raises(Violated):
        play(machine(DeferredAuditV07, Mode.DURABLE), examples=10)


@requirement("DRN-18")
def test_the_v07_design_keeps_what_little_it_promises() -> None:
    """Judged as volatile, in order and exactly once, whatever dies, while no statement fails."""
    steps = frozenset({Kill, Watch, Sibling})
    limits = {"steps": steps, "requirements": frozenset({"DRN-1", "DRN-9", "CHN-1"})}
    play(machine(DeferredAuditV07, Mode.VOLATILE, **limits), examples=15)


@requirement("DRN-1")
@pytest.mark.parametrize(
    "name",
    [
        "drops-what-the-dead-letter-queue-refuses",
        "loses-the-buffer-on-a-panic",
        "lets-others-overtake-a-retry",
        "moves-the-cursor-before-the-commit",
        "does-not-re-read-the-head",
        "believes-an-ambiguous-commit",
    ],
)
def test_miniatures_are_convicted(name: str) -> None:
    """One of each family; the hunt's kill table has all of them."""
    with pytest.raises(Violated) as found:
        play(machine(MINIATURES[name], Mode.DURABLE), examples=100)
    assert found.value.violations


# What the machine stands on


@requirement("DRN-1", "DRN-3")
@pytest.mark.parametrize("power", [None, 0, 1, 7, 1_000_003])
def test_what_was_admitted_is_there_after_a_death(power: int | None) -> None:
    """After SIGKILL and after a power cut, in whichever image, and it lands."""
    running, subject = reference(Submit(), Submit(), Kill(power))

    running.settle()

    assert running.violations == []
    assert [row.event_id for row in subject.look().state.chain] == ["e1", "e2"]
    subject.database.close()


@requirement("DRN-3")
@pytest.mark.parametrize("fault", DiskFault)
def test_a_disk_that_fails_under_a_submit_is_seen_by_it(fault: DiskFault) -> None:
    """At each of the first dozen operations: admitted and there, or not admitted."""
    outcomes = set()
    for nth in range(1, 13):
        running, subject = reference(Submit(), FailDisk(nth, fault), Submit(), Submit(), Kill(0))
        running.settle()
        assert running.violations == []
        outcomes |= {fact.outcome for fact in running.history if hasattr(fact, "outcome")}
        subject.database.close()
    assert {Outcome.ADMITTED, Outcome.UNKNOWN} <= outcomes | {Outcome.REFUSED}


@requirement("DRN-8")
def test_giving_up_is_seen() -> None:
    """Two restarts are allowed, so the third panic in a row ends it; and that is no violation."""
    panics = Arm(Strike(Kind.PANIC, point="begin", times=3))
    running, subject = reference(Submit(), panics, Move(9))

    assert subject.queue.state is State.FAILED
    assert subject.look().hopeless
    running.settle()
    assert running.violations == []
    subject.database.close()


@requirement("DRN-8")
def test_a_panic_of_its_own_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody injected is a defect, whatever becomes of the event."""

    def broken(_: ChainSink, position: int) -> None:
        raise KeyError(f"a defect at {position}")

    monkeypatch.setattr(ChainSink, "_move_cursor", broken)
    running, subject = reference(Submit(), Move(3))

    found = {each.requirement: each.message for each in running.violations}
    assert "a panic of its own: KeyError" in found["DRN-8"]
    subject.database.close()


@requirement("DRN-6")
@pytest.mark.parametrize("when", When)
def test_facts_are_noted_as_they_strike(when: When) -> None:
    """A BUSY commit is transient however far it came, and the event lands once."""
    strike = Strike(Kind.BUSY, when, "commit")
    running, subject = reference(Arm(strike), Submit(), Move(9))

    assert subject.database.plan.strikes == []
    assert any(getattr(fact, "fault", None) == "transient" for fact in running.history)
    assert [row.event_id for row in subject.look().state.chain] == ["e1"]
    subject.database.close()


@requirement("DRN-15")
def test_a_replay_is_noted() -> None:
    """It moves the dead letter to the chain, with its bytes."""
    running, subject = reference(REJECTED, Submit(), Move(9), Submit(), Move(9), Replay(), Replay())

    running.settle()

    assert running.violations == []
    state = subject.look().state
    assert [row.event_id for row in state.chain] == ["e2", "e1"]
    assert state.dead_letters == ()
    subject.database.close()


@requirement("DRN-4")
def test_a_sibling_appends_a_row_of_its_own() -> None:
    """Its row takes the next number, and its bytes are nobody's business."""
    running, subject = reference(Submit(), Move(9), Sibling(), Submit(), Move(9))

    assert [row.event_id for row in subject.look().state.chain] == ["e1", "s1", "e2"]
    assert running.violations == []
    subject.database.close()


@pytest.mark.parametrize(
    "program",
    [
        [Submit(encodable=False), AskDrain(), Close(), Submit()],
        [Hold(), Submit(), Close(), Close(), Watch(), Kill(), Watch()],
    ],
)
def test_ends_are_judged_and_hold(program: Sequence[Step]) -> None:
    """Drains, closes twice, submits to a closed queue, begins anew."""
    subject = ReferenceQueue(Mode.DURABLE)
    assert run(program, subject).violations == []
    subject.database.close()


@requirement("EVT-5")
def test_events_are_those_that_the_oracle_writes_down() -> None:
    """The oracle's bytes are made without the reference; the chain has the same."""
    running, subject = reference(Submit(), Move(9))
    assert [row.payload for row in subject.look().state.chain] == [payload_of(1)]
    assert event_of(1)["event_id"] == "e1"
    assert running.violations == []
    subject.database.close()
