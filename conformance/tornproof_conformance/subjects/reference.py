"""
The built-in reference and the miniatures as subjects.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import frozen
from tornproof.audit import AuditIndexer, RecordSource
from tornproof.chain.migration import migrate_pairwise
from tornproof.drainer.event import from_json
from tornproof.drainer.queue import DeferredAuditQueue
from tornproof.errors import Invalid
from tornproof.filesystem import Filesystem
from tornproof.journal import Cursor, GroupCommitBuffer, Journal, JournalReader
from tornproof.journal.cursor import read_cursors
from tornproof.journal.group_commit import WAIT_SECONDS
from tornproof.kv import KeyValueStore, SqliteKeyValueStore
from tornproof_models.contract.audit_index import Audit
from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.group_commit import Bounds
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import DIRECTORY, JournalUnderTest, Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines.audit_machine import ReferenceStore, StoreFactory, StoreUnderTest
from tornproof_models.machines.batching_situations import (
    BatcherFactory,
    BatcherUnderTest,
    ReferenceBatcher,
)
from tornproof_models.machines.drainer_schedules import explore_drainer
from tornproof_models.machines.reference_chain import (
    OldVerification,
    ReferenceChain,
    verify_old_chain,
)
from tornproof_models.machines.reference_queue import (
    EquippedReferenceQueue,
    ReferenceQueue,
    SmallReferenceQueue,
)
from tornproof_models.machines.threaded_queue import play_threads
from tornproof_models.miniatures import (
    audit_miniatures,
    chain_miniatures,
    drainer_miniatures,
    drainer_rules,
    group_commit_miniatures,
)
from tornproof_models.miniatures.deferred_audit_v07 import DeferredAuditV07
from tornproof_models.miniatures.journal_miniatures import MINIATURES, MiniatureSubject
from tornproof_models.miniatures.operation_miniatures import OPERATIONS, OperationsSubject
from tornproof_models.queues import delivery_run
from tornproof_models.queues.schedules import Exploration

from tornproof_conformance.stream.run_events import Implementation
from tornproof_conformance.subjects.queues import ChainUnderTest


@frozen
class ReferenceSubject:
    """The journal of this project, in this process."""

    name: str = "reference"

    @property
    def implementation(self) -> Implementation:
        """What reports say of it."""
        return Implementation(self.name, version("tornproof"), "Python")

    def open(self, filesystem: ModelFilesystem, options: Options) -> Journal:
        """Open the reference journal on a simulated disk."""
        return Journal.open(
            DIRECTORY,
            segment_bytes=options.segment_bytes,
            durability=options.durability,
            max_payload=options.max_payload,
            filesystem=filesystem,
        )

    def open_reader(self, filesystem: Filesystem, *, durable_only: bool) -> JournalReader:
        """Open a reader beside it."""
        return JournalReader(DIRECTORY, durable_only=durable_only, filesystem=filesystem)

    def open_cursor(self, filesystem: Filesystem, name: str) -> Cursor:
        """Open a cursor of it."""
        return Cursor.open(DIRECTORY, name, filesystem=filesystem)

    def positions(self, filesystem: Filesystem) -> Mapping[str, int]:
        """Read every cursor."""
        return read_cursors(filesystem, DIRECTORY)

    def open_queue(self, crash_model: Mode) -> ReferenceQueue:
        """Make a deferred queue, with a database and a spool in memory."""
        return ReferenceQueue(crash_model)

    def open_equipped_queue(self, *, quota_bytes: int | None) -> EquippedReferenceQueue:
        """Make one with a key and a quota."""
        return EquippedReferenceQueue(quota_bytes)

    def open_small_queue(self, capacity: int) -> SmallReferenceQueue:
        """Make one without a spool, for so many events."""
        return SmallReferenceQueue(capacity)

    def land_in(self, directory: Path, event: Mapping[str, Any]) -> None:
        """Land an event in the durable queue of a directory."""
        opened = DeferredAuditQueue.open(
            directory / "audit.db", spool=directory / "spool", paused=True
        )
        with opened as queue:
            queue.submit(from_json(event))

    def walk_schedules(self, *, events: int, falls: int, faults: int) -> Exploration:
        """Walk every schedule of the drainer within these bounds."""
        return explore_drainer(events=events, falls=falls, faults=faults)

    def play_threads(self, seed: int) -> Sequence[Violation]:
        """Let the drainer's thread and those of its users move in an order of chance."""
        return play_threads(seed)

    def make_audits(self, store: KeyValueStore) -> ReferenceStore:
        """Put an audit index on a store."""
        return ReferenceStore(store)

    def read_index(self, path: Path) -> Sequence[Audit]:
        """Read an index in a file."""
        with closing(SqliteKeyValueStore(path, read_only=True)) as store:
            return ReferenceStore(store).recent(100)

    def make_indexer(self, store: KeyValueStore, source: RecordSource) -> AuditIndexer:
        """Let an indexer build an index from a journal."""
        return AuditIndexer(store, source)

    def make_batcher(self, bounds: Bounds) -> ReferenceBatcher:
        """Make the part of group commit that decides."""
        return ReferenceBatcher.of(bounds)

    def open_group(
        self,
        filesystem: Filesystem,
        *,
        max_records: int,
        queue_records: int,
        block: bool,
        wait: float = WAIT_SECONDS,
    ) -> GroupCommitBuffer:
        """Open the journal for group commit."""
        journal = Journal.open(DIRECTORY, durability="batched", filesystem=filesystem)
        return GroupCommitBuffer(
            journal, max_records=max_records, queue_records=queue_records, block=block, wait=wait
        )

    def open_chain(self) -> ReferenceChain:
        """Make a chain in a database in memory."""
        return ReferenceChain()

    def verify_pairwise(
        self, database: Path, *, head: bytes | None = None, keys: Sequence[bytes] = ()
    ) -> OldVerification:
        """Verify a chain of v0.7."""
        return verify_old_chain(database, head=head, keys=keys)

    def migrate_pairwise(self, connection: sqlite3.Connection) -> None:
        """Go on from one."""
        migrate_pairwise(connection, "memory", timestamp="2026-01-31T12:00:00Z")


@frozen
class NoJournal:
    """What is judged by itself, without a journal."""

    name: str

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Raise `Invalid`."""
        del filesystem, options
        raise Invalid(f"{self.name} is no journal")


@frozen
class QueueMiniature(NoJournal):
    """A deferred queue that is wrong on purpose."""

    _make: Callable[[], delivery_run.Subject]

    claims: frozenset[str] = frozenset({Mode.DURABLE.value})

    def open_queue(self, crash_model: Mode) -> delivery_run.Subject:
        """Make the queue, which promises what the durable mode does."""
        del crash_model
        return self._make()


@frozen
class ChainMiniature(NoJournal):
    """A chain that is wrong on purpose."""

    _make: Callable[[], ChainUnderTest]

    claims: frozenset[str] = frozenset({"chain/v1"})

    def open_chain(self) -> ChainUnderTest:
        """Make an empty one."""
        return self._make()


@frozen
class AuditMiniature(NoJournal):
    """An audit index that is wrong on purpose."""

    _make: StoreFactory

    claims: frozenset[str] = frozenset({"audit/core", "audit/keys"})

    def make_audits(self, store: KeyValueStore) -> StoreUnderTest:
        """Put the index on a store."""
        return self._make(store)


@frozen
class BatcherMiniature(NoJournal):
    """A group commit that decides wrongly on purpose."""

    _make: BatcherFactory

    claims: frozenset[str] = frozenset({"journal/group-commit"})

    def make_batcher(self, bounds: Bounds) -> BatcherUnderTest:
        """Make it."""
        return self._make(bounds)


QUEUES: Mapping[str, Callable[[], delivery_run.Subject]] = {
    **drainer_miniatures.MINIATURES,
    **drainer_rules.RULES,
    DeferredAuditV07.name: DeferredAuditV07,
}
"""The miniatures of queues, and the design of v0.7, judged by what the durable mode asks."""


KINDS: Mapping[str, tuple[Mapping[str, Any], Callable[[str, Any], Subject]]] = {
    "journal": (MINIATURES, MiniatureSubject),
    "operations": (OPERATIONS, OperationsSubject),
    "drainer": (QUEUES, QueueMiniature),
    "chain": (chain_miniatures.MINIATURES, ChainMiniature),
    "audit": (audit_miniatures.MINIATURES, AuditMiniature),
    "group-commit": (group_commit_miniatures.MINIATURES, BatcherMiniature),
}
"""The kinds of miniatures that checks judge, and what makes a subject of one."""


def find_subject(name: str) -> Subject:
    """
    Return the subject of a name: `reference`, or that of a miniature.

    Where miniatures of two kinds have a name, it is the first's; `group-commit/NAME`
    says which.  Raises `Invalid` for any other name.
    """
    if name == "reference":
        return ReferenceSubject()
    kind, _, alone = name.rpartition("/")
    for each, (miniatures, make) in KINDS.items():
        if alone in miniatures and kind in ("", each):
            return make(name, miniatures[alone])
    known = {each for miniatures, _ in KINDS.values() for each in miniatures}
    near = get_close_matches(alone, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`tornproof list miniatures` shows all"
    raise Invalid(f"no miniature {name!r} that `tornproof check` can judge: {hint}")


def find_journal(name: str) -> Subject:
    """Return the subject of a name, if it is a journal.  Raises `Invalid` if it is none."""
    found = find_subject(name)
    if isinstance(found, NoJournal):
        raise Invalid(
            f"{name} is not a journal: judge it with `tornproof check --miniature {name}`"
        )
    return found
