"""
The judging of group commit: in full where it is small, at random where it is large.

The exploration is shown to convict every miniature, and to let the twin pass that
decides differently from the reference and is right as well.
"""

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tornproof.journal import batching
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.group_commit import (
    Arrive,
    Bounds,
    Break,
    Cancel,
    Close,
    Commit,
    Effect,
    Fail,
    Input,
    Ledger,
    Pass,
    Refuse,
    Resolve,
    Succeed,
)
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Crash
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.machines.batcher_machine import batcher_machine
from tornproof_models.machines.batching_situations import (
    SITUATIONS,
    BatcherFactory,
    Exploration,
    Finding,
    ReferenceBatcher,
)
from tornproof_models.machines.group_commit_machine import (
    OPTIONS,
    GroupCommitMachine,
    GroupRun,
    GroupSubject,
)
from tornproof_models.machines.violated import Violated
from tornproof_models.miniatures.group_commit_miniatures import MINIATURES
from tornproof_models.miniatures.small_batcher import SmallBatcher

from tests.models.rows import watched

# Every interleaving


@requirement("GRP-1", "GRP-2", "GRP-3", "GRP-4", "GRP-5", "GRP-6", "GRP-7")
def test_the_reference_holds_in_every_interleaving(capsys: pytest.CaptureFixture[str]) -> None:
    """Three writers of three records, every sync either way, a crash in every state."""
    with watched(batching) as rows:
        for name, situation in SITUATIONS.items():
            exploration = Exploration(ReferenceBatcher.of, situation)
            assert exploration.run() == []
            with capsys.disabled():
                print(f"\n{name}: {exploration.coverage}", end="")

    assert rows.left == []


def test_the_twin_passes() -> None:
    """Another policy, right as well: the judge asks for nothing but the requirements."""
    for name, situation in SITUATIONS.items():
        if name != "many":
            assert Exploration(SmallBatcher, situation).run() == []


def convict(make: BatcherFactory) -> list[Finding]:
    """Explore the situations, the small ones first, until something is found."""
    for situation in SITUATIONS.values():
        if found := Exploration(make, situation).run():
            return found
    return []


@pytest.fixture(scope="module")
def kill_table() -> Iterator[dict[str, str]]:
    """What convicted each miniature; printed when all are through."""
    table: dict[str, str] = {}
    yield table
    width = max(map(len, table), default=0)
    print("\n" + "\n".join(f"{name:{width}}  {verdict}" for name, verdict in table.items()))


@pytest.mark.parametrize("name", MINIATURES)
def test_every_miniature_is_caught(name: str, kill_table: dict[str, str]) -> None:
    """The finding names a requirement that the miniature is known to break."""
    found = convict(MINIATURES[name])

    kill_table[name] = str(found[0].violation.requirement) if found else "SURVIVED"
    assert {each.violation.requirement for each in found} & MINIATURES[name].breaks


def test_a_story_is_the_shortest_and_says_what_happened() -> None:
    """The waiter lost on close: a record arrives, and the owner closes."""
    miniature = MINIATURES["waiter-lost-on-close"]

    [finding] = Exploration(miniature, SITUATIONS["slow"]).run()

    assert finding.story == ("record 1 arrives (1 bytes)", "the owner closes")


# The ledger alone


BOUNDS = Bounds(max_records=2, max_bytes=10, max_delay=3)


@pytest.mark.parametrize(
    ("steps", "requirement_broken"),
    [
        ([(Arrive(1, 1), [Resolve((1,))])], "GRP-1"),
        (
            [
                (Arrive(1, 1), [Commit((1,))]),
                (Succeed(), [Resolve((1,))]),
                (Pass(1), [Resolve((1,))]),
            ],
            "GRP-1",
        ),
        ([(Arrive(1, 1), [Commit((1,))]), (Arrive(2, 1), [Commit((2,))])], "GRP-1"),
        ([(Arrive(1, 1), [Commit((1,))]), (Succeed(), [])], "GRP-2"),
        ([(Arrive(1, 1), [Commit((1,))]), (Break(), [])], "GRP-3"),
        ([(Arrive(1, 1), [Commit((1,))]), (Break(), [Commit((1,))])], "GRP-3"),
        ([(Arrive(1, 1), [Fail((1,))])], "GRP-3"),
        ([(Arrive(1, 1), []), (Arrive(2, 1), [Commit((2,))])], "GRP-4"),
        ([(Arrive(1, 1), []), (Arrive(2, 1), [Commit((2, 1))])], "GRP-4"),
        ([(Arrive(1, 1), [Commit((2,))])], "GRP-4"),
        ([(Arrive(1, 5), []), (Arrive(2, 6), [Commit((1, 2))])], "GRP-5"),
        ([(Arrive(1, 1), []), (Pass(2), []), (Pass(1), [])], "GRP-5"),
        ([(Arrive(1, 1), []), (Arrive(2, 1), []), (Cancel(1), []), (Pass(3), [])], "GRP-6"),
        ([(Arrive(1, 1), []), (Close(), [])], "GRP-7"),
        ([(Close(), []), (Arrive(1, 1), [])], "GRP-7"),
        ([(Arrive(1, 1), [Refuse(1)])], "GRP-7"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_ledger_names_what_is_wrong(
    steps: list[tuple[Input, list[Effect]]], requirement_broken: str
) -> None:
    """Each last step violates one requirement; those before it violate none."""
    ledger = Ledger(BOUNDS)
    *before, last = steps
    for happened, wanted in before:
        assert ledger.step(happened, wanted) + ledger.crash() == []

    found = ledger.step(*last) + ledger.crash()

    assert requirement_broken in {each.requirement for each in found}


@pytest.mark.parametrize(
    "steps",
    [
        [(Arrive(1, 99), [Commit((1,))]), (Succeed(), [Resolve((1,))])],
        [(Arrive(1, 1), []), (Cancel(1), []), (Pass(9), [])],
        [(Arrive(1, 1), []), (Cancel(1), []), (Arrive(2, 1), [Commit((1, 2))])],
        [(Arrive(1, 1), [Commit((1,))]), (Cancel(1), []), (Break(), [])],
        [(Arrive(1, 1), [Commit((1,))]), (Arrive(2, 1), []), (Break(), [Fail((1, 2))])],
        [(Arrive(1, 1), [Commit((1,))]), (Arrive(2, 1), []), (Pass(9), [])],
        [(Close(), []), (Arrive(1, 1), [Refuse(1)])],
    ],
    ids=["large alone", "gone", "gone but written", "gone", "fails", "behind a sync", "closed"],
)
def test_the_ledger_asks_for_no_more(steps: list[tuple[Input, list[Effect]]]) -> None:
    """What the requirements allow passes, whether the reference does it or not."""
    ledger = Ledger(BOUNDS)

    assert [found for step in steps for found in ledger.step(*step) + ledger.crash()] == []


# At random, beyond


@requirement("GRP-2", "GRP-4", "GRP-5", "GRP-6", "GRP-7")
def test_the_reference_holds_with_crowds_of_writers() -> None:
    """Up to sixty records at once, in any order of events."""
    run_state_machine_as_test(
        batcher_machine(ReferenceBatcher.of),
        settings=settings(settings.get_profile("pr"), max_examples=100),
    )


def test_the_crowd_convicts() -> None:
    """The random machine is a judge as well."""
    miniature = MINIATURES["bound-noticed-too-late"]

    with pytest.raises(Violated) as caught:
        run_state_machine_as_test(
            batcher_machine(miniature),
            settings=settings(settings.get_profile("pr"), phases=[Phase.generate]),
        )

    assert {each.requirement for each in caught.value.violations} == miniature.breaks


# With a journal, on a disk that fails and crashes


@requirement("GRP-1", "GRP-3", "GRP-6", "GRP-7", "JRN-10")
def test_what_a_future_promised_survives() -> None:
    """Batches, faults, kills, and crashes in every claimed crash model; each row while open."""
    with watched(batching) as rows:
        run_state_machine_as_test(GroupCommitMachine)

    # its owner closes once, and knows it
    assert {row for row in rows.left if not row.startswith(("draining", "closed"))} == set()


def workload(group: GroupRun) -> None:
    """Let a lone record, a batch over two segments, a batch too large and a last one go by."""
    group.hand_over(20)
    group.work()
    for size in (200, 200, 20):
        group.hand_over(size)
    group.work()
    group.cancel(3)
    for size in (1200, 20, 20):
        group.hand_over(size)
    group.cancel(5)
    group.work()
    group.pass_time(4)


@requirement("GRP-1")
@pytest.mark.parametrize("crash_model", CLAIMED)
def test_no_crash_breaks_a_promise(crash_model: str) -> None:
    """Every crash point of a workload without faults, with every image that it may leave."""
    group = GroupRun()
    workload(group)

    explorer = Explorer(GroupSubject(), OPTIONS, CRASH_MODELS[crash_model], depth=1)
    findings = explorer.explore(group.run.filesystem.trace)

    assert findings == []
    assert explorer.coverage.judged > 0


@requirement("GRP-3", "GRP-7", "JRN-7")
def test_no_single_fault_loses_a_waiter_or_breaks_a_promise() -> None:
    """The Nth disk operation fails, for all N and in every way, and the power fails after it."""
    rehearsal = GroupRun()
    begun = rehearsal.run.filesystem.operations
    workload(rehearsal)
    operations = rehearsal.run.filesystem.operations - begun

    for fault in Fault:
        for nth in range(1, operations + 1):
            group = GroupRun()
            group.run.filesystem.fail(nth, fault)
            workload(group)
            group.run.filesystem.disarm()
            point = len(group.run.filesystem.events)
            group.reopen()
            group.crash(Crash("adversarial", point, 0))  # image 0 keeps only what was synced
            assert group.run.violations == [], f"{fault.value} at operation {nth}"

    assert operations > 10
