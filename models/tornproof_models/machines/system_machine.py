"""
Random programs of the whole system, in one process that dies.

    audits   ──► journal ──► audit index
    refusals ──► spool ──► drainer ──► chain, or dead letters

Journal and spool lie on one disk, chain and index in two databases.  A kill ends
everything at once; a power cut besides leaves any image of the disk, while what
the databases had committed stays.  Each part keeps its own contract elsewhere;
what is judged here is that the parts agree afterwards.  Derived state stands
where the journal still has a record (SYS-1), and what is built again from the
journals is what was there (SYS-2).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tornproof.audit import AuditIndexer, audit_from_fields, encode
from tornproof.chain.database import prepare
from tornproof.drainer.event import decode
from tornproof.drainer.sink import Admitted, ChainSink
from tornproof.errors import TornproofError
from tornproof.journal import Journal, JournalReader
from tornproof.keys import POSITION_KEY
from tornproof.kv import KeyValueStore, MemoryKeyValueStore
from tornproof.record import Damage, scan

from tornproof_models.contract import journal as journal_contract
from tornproof_models.contract.audit_fold import Applied, judge_caught_up, judge_index
from tornproof_models.contract.audit_index import Audit
from tornproof_models.contract.delivery import Mode
from tornproof_models.database_faults import Kind
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.faulty_database import MemoryDatabase
from tornproof_models.machines.audit_machine import ReferenceStore
from tornproof_models.machines.drainer_machine import strikes
from tornproof_models.machines.indexer_machine import IndexerUnderTest
from tornproof_models.machines.reference_queue import SPOOL, ReferenceQueue
from tornproof_models.machines.sqlite_process import Died, SqliteProcess
from tornproof_models.machines.violated import Named, Violated
from tornproof_models.queues.delivery_program import Arm, Kill, Move, Step, Submit
from tornproof_models.queues.delivery_run import Run

JOURNAL = "/journal"

PASSING = (Kind.BUSY, Kind.FULL, Kind.IO_ERROR, Kind.PANIC, Kind.DEATH)
"""What goes wrong here: nothing that puts an event into the dead letters."""


def audit_of(number: int) -> Audit:
    """Return the audit of that number."""
    return {
        "query_id": number.to_bytes(32, "big"),
        "agent_id": bytes([number % 2]) * 32,
        "timestamp": 1000 + number,
        "params": dict.fromkeys(("subject", "predicate", "lifecycle", "epoch", "lens")),
        "result_hash": None,
        "result_confidence": 0.5,
        "contributing_assertions": [],
    }


class ReferenceSystem(ReferenceQueue):
    """The reference's parts, put together; a step that may go wrong is a method of its own."""

    def __init__(self, mode: Mode = Mode.DURABLE) -> None:
        super().__init__(mode)
        self.index = SqliteProcess()
        self.lost: list[journal_contract.Violation] = []
        self.records: list[Applied] = []
        """What the journal has, as far as it was told."""

        self.durable = 0
        """How many of them are."""

        self.spooled: dict[int, bytes] = {}
        """Every event that the spool has ever had, by offset, also what was cleaned up since."""

    def open(self) -> None:
        """
        Begin a process: recover both journals, and see what is left of the one.

        Raises `Violated` if it cannot begin: nothing here damages anything.
        """
        try:
            super().open()
        except TornproofError as error:
            found = f"the next process cannot begin: {error}"
            raise Violated([journal_contract.Violation("DRN-16", found)]) from error
        self.note_spool(recovered=True)
        self.journal = self.open_journal(self.disk)
        left = [offset for offset, _ in self.journal.scan()]
        if len(left) < self.durable:
            gone = f"{self.durable} records were synced, and {len(left)} are left"
            self.lost.append(journal_contract.Violation("JRN-3", gone))
        del self.records[len(left) :]
        self.durable = len(self.records)  # recovery makes durable what it keeps

    def kill(self, power: int | None) -> None:
        """Let everything die at once."""
        super().kill(power)
        self.index.reopen()

    def close_all(self) -> None:
        """Throw everything away."""
        self.database.close()
        self.index.close()

    # Audits

    def record(self) -> None:
        """Append the next audit to the journal, which has not promised anything yet."""
        audit = audit_of(len(self.records))
        self.journal.append(encode(audit_from_fields(audit)))
        self.records.append(Applied(self.journal.end, audit))

    def sync(self) -> None:
        """Make the journal durable."""
        self.journal.sync()
        self.durable = len(self.records)

    def catch_up(self, store: KeyValueStore) -> None:
        """Bring an index up to what the journal shows its readers."""
        self.make_indexer(store, self.open_reader(self.disk)).catch_up()

    def position(self) -> int:
        """Say where the index stands."""
        return int.from_bytes(self.index.store.get(POSITION_KEY) or b"", "big")

    # Steps

    def open_journal(self, disk: ModelFilesystem) -> Journal:
        """Open the journal of audits, whose records are durable with the next sync."""
        return Journal.open(JOURNAL, segment_bytes=512, durability="eventual", filesystem=disk)

    def open_reader(self, disk: ModelFilesystem) -> JournalReader:
        """Open the indexer's reader, which shows what is durable (RDR-6)."""
        return JournalReader(JOURNAL, filesystem=disk)

    def make_indexer(self, store: KeyValueStore, source: JournalReader) -> IndexerUnderTest:
        """Make the indexer."""
        return AuditIndexer(store, source)

    # Building again

    def chain(self) -> list[tuple[Any, ...]]:
        """Read the chain: number, id, bytes and hash of each row."""
        return self.database.look(CHAIN)

    def note_spool(self, *, recovered: bool = False) -> None:
        """Note what is in the spool; what is gone from its end after a recovery never was."""
        found = dict(payloads(self.disk))
        if recovered and found:
            self.spooled = {at: kept for at, kept in self.spooled.items() if at <= max(found)}
        self.spooled |= found

    def chain_again(self) -> list[tuple[Any, ...]]:
        """Land everything that was ever in the spool in a chain of its own."""
        database = MemoryDatabase()
        prepare(database.anchor, "memory")
        sink = ChainSink(database.connect(), clock=lambda: 0)
        for number, (_, payload) in enumerate(sorted(self.spooled.items()), start=1):
            sink.append([Admitted(decode(payload), number)])
        rows = database.look(CHAIN)
        database.close()
        return rows


CHAIN = "SELECT sequence, id, payload, row_hash FROM signed_events ORDER BY sequence"


def payloads(disk: ModelFilesystem) -> Iterator[tuple[int, bytes]]:
    """Read the spool from the files themselves: offset and payload of each record."""
    for path in sorted(disk.image.files):
        if path.startswith(SPOOL) and path.endswith(".wal"):
            base = int(path.rpartition("/")[2][:16], 16)
            for at, found in scan(disk.image.files[path]):
                if isinstance(found, Damage):
                    break
                yield base + at, found.payload


class SystemMachine(RuleBasedStateMachine):
    """Refusals and audits, an indexer, a drainer, and deaths at every moment."""

    make_system: ClassVar[Callable[[], ReferenceSystem]]

    def __init__(self) -> None:
        super().__init__()
        self.story: list[str] = []
        self.is_over = False
        self.system = type(self).make_system()
        self.running = Run(self.system, Mode.DURABLE)
        self.running.open()

    # Refusals

    @rule(events=st.integers(1, 2), moves=st.integers(0, 9))
    def submit(self, events: int, moves: int) -> None:
        """Events are submitted, and the drainer moves."""
        for _ in range(events):
            self._take(Submit())
        self._take(Move(moves))

    @rule(strike=strikes(PASSING), moves=st.integers(1, 9))
    def meet(self, strike: Any, moves: int) -> None:
        """An event meets something that passes."""
        for step in (Submit(), Arm(strike), Move(moves)):
            self._take(step)

    # Audits

    @rule(audits=st.integers(1, 3), synced=st.booleans())
    def record(self, audits: int, synced: bool) -> None:
        """Audits are appended, and perhaps made durable."""
        self.story.append(f"{audits} audits" + (", synced" if synced else ""))
        for _ in range(audits):
            self.system.record()
        if synced:
            self.system.sync()
        self._judge()

    @rule(audits=st.integers(0, 2), statements=st.none() | st.integers(0, 9))
    def catch_up(self, audits: int, statements: int | None) -> None:
        """The indexer runs behind durable audits, perhaps until the process dies of it."""
        if audits:
            self.record(audits, synced=True)
        died = "" if statements is None else f" and dies at statement {statements}"
        self.story.append(f"the indexer runs{died}")
        try:
            with self.system.index.dying_after(statements):
                self._index()
        except Died:
            self._take(Kill())
        self._judge()

    @rule(audits=st.integers(1, 3), power=st.integers(0, 1_000_000))
    def index_and_lose(self, audits: int, power: int) -> None:
        """Audits are appended, the indexer runs, and then the power goes."""
        self.record(audits, synced=False)
        self.catch_up(0, None)
        self._take(Kill(power))

    # The end

    @rule(power=st.none() | st.integers(0, 1_000_000))
    def kill(self, power: int | None) -> None:
        """Everything dies."""
        self._take(Kill(power))

    def teardown(self) -> None:
        """Come to rest, build everything again, and compare."""
        try:
            if not self.is_over:
                self._settle()
        finally:
            self.system.close_all()

    # Helpers

    def _take(self, step: Step) -> None:
        self.story.append(str(step))
        try:
            self.running.take(step)
        except Violated as found:
            self._raise_for(found.violations)
        self.system.note_spool()
        self._judge()

    def _index(self) -> None:
        try:
            self.system.catch_up(self.system.index.store)
        except TornproofError as error:
            found = f"the index is no longer one of this journal: {error}"
            self._raise_for([journal_contract.Violation("SYS-1", found)])

    def _judge(self) -> None:
        audits = ReferenceStore(self.system.index.store)
        keys = list(audits.keys())
        found = judge_index(self.system.records, self.system.position(), keys, audits.get)
        self._raise_for([*self.running.violations, *self.system.lost, *found])

    def _settle(self) -> None:
        self.running.settle()
        self.system.sync()
        self._index()
        self._judge()
        self._raise_for(judge_caught_up(self.system.records, self.system.position()))
        again = MemoryKeyValueStore()
        self.system.catch_up(again)
        if contents(again) != contents(self.system.index.store):
            message = "the index built again from the journal is another one"
            self._raise_for([journal_contract.Violation("SYS-2", message)])
        if self.system.chain_again() != self.system.chain():
            message = "the chain built again from the spool is another one"
            self._raise_for([journal_contract.Violation("SYS-2", message)])

    def _raise_for(self, violations: Sequence[Named]) -> None:
        if violations:
            self.is_over = True
            raise Violated(violations, "; ".join(self.story))


def contents(store: KeyValueStore) -> Mapping[bytes, bytes | None]:
    """Return every key of an index with its value."""
    return {key: store.get(key) for key in store.keys(b"\x00", b"\x01")}


def system_machine(make: Callable[[], ReferenceSystem] = ReferenceSystem) -> type[SystemMachine]:
    """Make a machine for a system."""
    return type("SystemMachine", (SystemMachine,), {"make_system": staticmethod(make)})
