"""The parts together: the reference passes, and a system with one part wrong does not."""

import sqlite3
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tornproof.chain import Entry, append
from tornproof.journal import Journal, JournalReader
from tornproof.kv import KeyValueStore
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.delivery import Mode
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines.indexer_machine import IndexerUnderTest
from tornproof_models.machines.system_machine import JOURNAL, ReferenceSystem, system_machine
from tornproof_models.machines.violated import Violated
from tornproof_models.miniatures.audit_miniatures import INDEXERS
from tornproof_models.queues.delivery_program import Kill, Move, Submit
from tornproof_models.queues.delivery_run import Run


def play(make: Callable[[], ReferenceSystem], examples: int) -> None:
    """Run the machine on so many programs, the same ones every time."""
    run_state_machine_as_test(
        system_machine(make),
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


class ReadsAhead(ReferenceSystem):
    """Its indexer reads what is not durable yet, and a power cut takes it from the journal."""

    def open_reader(self, disk: ModelFilesystem) -> JournalReader:
        return JournalReader(JOURNAL, durable_only=False, filesystem=disk)


class PositionApart(ReferenceSystem):
    """Its indexer stores the position in a transaction of its own."""

    def make_indexer(self, store: KeyValueStore, source: JournalReader) -> IndexerUnderTest:
        return INDEXERS["position-after-entries"](store, source)


class WithoutASpool(ReferenceSystem):
    """Its queue keeps events in memory."""

    def __init__(self) -> None:
        super().__init__(Mode.VOLATILE)


class WithoutFull(ReferenceSystem):
    """Its chain commits without a sync."""

    def connect(self) -> sqlite3.Connection:
        connection = super().connect()
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class SyncsNothing(ReferenceSystem):
    """Its journal is told to sync and does not."""

    def sync(self) -> None:
        self.durable = len(self.records)


class SkipsWhatItLands(ReferenceSystem):
    """Somebody else writes into its chain, which then is no fold of the spool."""

    def record(self) -> None:
        super().record()
        if len(self.records) == 2:
            append(self.database.anchor, [Entry("stranger", "a", "t", "2026", b"")])


class OpensAnotherJournal(ReferenceSystem):
    """After a restart, its indexer is given a journal that begins anew."""

    lives = 0

    def open_journal(self, disk: ModelFilesystem) -> Journal:
        self.lives += 1
        name = f"{JOURNAL}{self.lives}"
        return Journal.open(name, segment_bytes=512, durability="eventual", filesystem=disk)


@requirement("SYS-1", "SYS-2", "DRN-1", "DRN-17", "JRN-3")
def test_the_reference_is_acquitted() -> None:
    """Whatever dies, journal, index, spool and chain agree, and can be built again."""
    play(ReferenceSystem, examples=10)


@pytest.mark.parametrize(
    ("make", "violated"),
    [
        (ReadsAhead, {"SYS-1", "SYS-2"}),
        (WithoutASpool, {"DRN-1", "SYS-2"}),
        (WithoutFull, {"DRN-1", "DRN-16", "DRN-17"}),
        (SyncsNothing, {"JRN-3", "SYS-2"}),
        (SkipsWhatItLands, {"DRN-1", "SYS-2"}),
        (OpensAnotherJournal, {"JRN-3", "SYS-1", "SYS-2"}),
    ],
)
@requirement("SYS-1", "SYS-2")
def test_a_system_with_one_part_wrong_is_convicted(
    make: Callable[[], ReferenceSystem], violated: set[str]
) -> None:
    """For what that part broke."""
    with pytest.raises(Violated) as found:
        play(make, examples=150)
    assert {each.requirement for each in found.value.violations} & violated


@requirement("SYS-1")
@pytest.mark.parametrize(("make", "torn"), [(PositionApart, True), (ReferenceSystem, False)])
def test_an_index_may_die_between_any_two_statements(
    make: Callable[[], ReferenceSystem], torn: bool
) -> None:
    """The reference's position says what is in it, wherever that is; one kept apart does not."""
    found = set()
    for statements in range(10):
        machine = system_machine(make)()
        try:
            machine.catch_up(1, statements)
        except Violated as violated:
            found |= {each.requirement for each in violated.violations}
        machine.teardown()

    assert found == ({"SYS-1"} if torn else set())


@requirement("SYS-2")
def test_the_chain_is_a_fold_of_the_spool() -> None:
    """After a kill in the middle: the same numbers, bytes and hashes."""
    system = ReferenceSystem()
    running = Run(system, Mode.DURABLE)
    running.open()
    for step in (Submit(), Submit(), Move(3), Kill(), Submit(), Move(9), Kill(5), Move(9)):
        running.take(step)
        system.note_spool()

    assert [row[1] for row in system.chain()] == ["e1", "e2", "e3"]
    assert system.chain_again() == system.chain()
    assert running.violations == []
    system.close_all()
