"""
The reference's drainer, with no thread of its own, on a database and a disk in memory.

It moves when it is told to.  What outlives a process, the database's pages and the
files of the spool, outlives `kill` too; and what one sees of it is read from there,
not from the queue.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from tornproof.chain import Ed25519Signer, Entry, append
from tornproof.chain.database import configure, prepare
from tornproof.drainer.buffer import CAPACITY
from tornproof.drainer.event import from_json
from tornproof.drainer.queue import DeferredAuditQueue
from tornproof.drainer.supervisor import State as Life
from tornproof.errors import Invalid, TornproofError
from tornproof.record import Damage, scan

from tornproof_models.contract.delivery import (
    ChainRow,
    Counters,
    DeadLetter,
    Drain,
    Mode,
    Outcome,
    State,
)
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.faults import Fault as DiskFault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image
from tornproof_models.faulty_database import MemoryDatabase
from tornproof_models.queues.delivery_run import Look

SPOOL = "/spool"

INJECTED = ("Panic:", "SQLITE_", "InputOutput:", "NoSpace:")
"""
How panics begin that were caused: a rollback that failed is one, and so is a spool
that cannot be read.
"""


class ReferenceQueue:
    """The reference, paused, on a database and a disk in memory."""

    spool_segment_bytes = 512
    """Small, so that segments of the spool are removed while a program runs."""

    quota_bytes: int | None = None
    capacity = CAPACITY
    signer: Ed25519Signer | None = None

    def __init__(self, mode: Mode) -> None:
        self.name = f"the reference, {mode.value}"
        self.mode = mode
        self.database = MemoryDatabase(_tables())
        self.disk = ModelFilesystem()
        self._queue: DeferredAuditQueue | None = None
        self.waits: list[float] = []
        self._slept = 0.0
        self._read_at = (0, 0)
        self._records: list[tuple[int, str]] = []

    @property
    def queue(self) -> DeferredAuditQueue:
        """The queue of the process that lives now."""
        assert self._queue is not None
        return self._queue

    def open(self) -> None:
        """Open the queue, which recovers the spool first."""
        self._queue = DeferredAuditQueue.open(
            "memory",
            spool=SPOOL if self.mode is Mode.DURABLE else None,
            max_restarts=2,
            capacity=self.capacity,
            spool_segment_bytes=self.spool_segment_bytes,
            paused=True,
            filesystem=self.disk,
            spool_quota_bytes=self.quota_bytes,
            signer=self.signer,
            connect=self.connect,
            clock=lambda: 0,
            sleep=self._sleep,
        )

    def connect(self) -> sqlite3.Connection:
        """Open a connection of the drainer's."""
        return configure(self.database.connect())

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """Submit, and translate the receipt."""
        try:
            receipt = self.queue.submit(from_json(event))
        except Invalid:
            return Outcome.REFUSED
        if receipt:
            return Outcome.ADMITTED
        return Outcome.REFUSED if receipt.definite else Outcome.UNKNOWN

    def move(self) -> bool:
        """Make one of the supervisor's moves, and note the wait that it asks for."""
        wait = self.queue.step()
        self.waits += [wait] if wait else []
        return wait is not None

    def drain(self) -> Drain | None:
        """Drain for a second of made-up time."""
        hopeless, before = self.queue.state is Life.FAILED, self._slept
        try:
            answer = self.queue.drain_pending(1.0)
        except TornproofError:
            return None
        return Drain(bool(answer), answer.pending, hopeless, self._slept == before)

    def close(self) -> bool:
        """Close, whoever holds a handle: they hold the same object."""
        with suppress(TornproofError):
            self.queue.close_and_flush()
        return True

    def hold(self) -> None:
        """Do nothing: producers share the one queue."""

    def replay(self) -> None:
        """Replay, and ignore a typed error as an operator would who tries again."""
        with suppress(TornproofError):
            self.replay_and_tell()

    def replay_and_tell(self) -> Sequence[str]:
        """Replay, and name what was moved."""
        return self.queue.replay_dlq().replayed

    def close_within(self, seconds: float) -> Sequence[str]:
        """Close, waiting for so many seconds of made-up time; name what is left."""
        return self.queue.close_and_flush(seconds).pending

    def count_retries(self) -> int:
        """Read the counter."""
        return self.queue.metrics.race_retries

    def count_failures(self) -> tuple[int, int, int]:
        """Read the counters of attempts: for the chain, for the dead letters, panics."""
        now = self.queue.metrics
        return now.append_failures, now.dead_letter_failures, now.panics

    def count_dead_letters(self) -> int:
        """Count them in the database."""
        return self.queue.dlq_size()

    def append_as_sibling(self, event_id: str) -> None:
        """Append with the reference's own chain, through a connection of its own."""
        entry = Entry(event_id, "sibling", "type", "2026", b"sibling")
        append(self.database.anchor, [entry])

    def fail_disk(self, nth: int, fault: DiskFault) -> None:
        """Arm a fault of the spool's disk."""
        self.disk.fail(nth, fault)

    def disarm(self) -> None:
        """Let database and disk work again."""
        self.database.plan.strikes.clear()
        self.disk.disarm()

    def kill(self, power: int | None) -> None:
        """Drop the process; keep what the kernel, or the disk, still has."""
        self._queue = None
        self.disarm()
        self.database.kill(power=power is not None)
        self.disk.release_locks()
        if power is not None:
            self.disk = ModelFilesystem(image_after(self.disk, power))

    def look(self) -> Look:
        """Read the tables and the segments, and ask for the counters."""
        records = self._spooled()
        position = self.database.look("SELECT max(position) FROM signed_events_spools")[0][0] or 0
        metrics = self.queue.metrics
        state = State(
            chain=tuple(ChainRow(*row) for row in self.database.look(CHAIN)),
            dead_letters=tuple(DeadLetter(*row) for row in self.database.look(DEAD_LETTERS)),
            quiescent=False,
            counters=Counters(
                submitted=metrics.submitted,
                refused=metrics.refused,
                pending=metrics.pending,
                chained=metrics.chained,
                dead_lettered=metrics.dead_lettered,
                lost=metrics.lost,
            ),
            spool=tuple(event_id for _, event_id in records) if self._is_durable else None,
            position=sum(1 for offset, _ in records if offset < position),
        )
        panic = self.queue.last_panic
        defect = panic if panic and not panic.startswith(INJECTED) else ""
        return Look(state, hopeless=self.queue.state is Life.FAILED, defect=defect)

    def _spooled(self) -> list[tuple[int, str]]:
        """Read the spool's files, again only if they have changed."""
        if self._read_at != (id(self.disk), len(self.disk.events)):
            self._read_at = id(self.disk), len(self.disk.events)
            self._records = list(spooled(self.disk))
        return self._records

    @property
    def _is_durable(self) -> bool:
        return self.mode is Mode.DURABLE

    def _sleep(self, seconds: float) -> None:
        self._slept += seconds


class SmallReferenceQueue(ReferenceQueue):
    """The reference without a spool, with room for a few events."""

    def __init__(self, capacity: int) -> None:
        super().__init__(Mode.VOLATILE)
        self.capacity = capacity


class EquippedReferenceQueue(ReferenceQueue):
    """The reference in its durable mode, with a key and perhaps a quota."""

    signer: Ed25519Signer = Ed25519Signer(bytes(32))

    def __init__(self, quota_bytes: int | None) -> None:
        super().__init__(Mode.DURABLE)
        self.quota_bytes = quota_bytes

    @property
    def public_key(self) -> bytes:
        """The key of its rows and dead letters."""
        return self.signer.public_key

    def turned_away(self) -> int:
        """Ask the queue."""
        return self.queue.turned_away.events

    def exchange_database(self) -> None:
        """Put a fresh one in the place of its own."""
        self.database.close()
        self.database = MemoryDatabase()
        prepare(self.database.anchor, "another")

    def files(self) -> Image:
        """Return the files of the spool."""
        return self.disk.image

    def put_back(self, files: Image) -> None:
        """Replace the files of the spool by a copy of earlier ones."""
        self.disk = ModelFilesystem(files)


@cache
def _tables() -> bytes:
    database = MemoryDatabase()
    prepare(database.anchor, "memory")
    return database.save()


CHAIN = (
    "SELECT sequence, id, CASE agent_id WHEN 'sibling' THEN NULL ELSE payload END"
    " FROM signed_events ORDER BY sequence"
)
DEAD_LETTERS = "SELECT id, payload, failure_reason FROM signed_events_dlq ORDER BY dlq_id"


def image_after(disk: ModelFilesystem, number: int) -> Image:
    """Return one of the images that a power cut may leave now, by any number."""
    return ImageSpace.after(disk.initial, disk.events, CRASH_MODELS["adversarial"]).image(number)


def spooled(disk: ModelFilesystem) -> Iterator[tuple[int, str]]:
    """Read the ids of the events in the spool, with their offsets, from the files themselves."""
    files = disk.image.files
    for path in sorted(files):
        if not (path.startswith(f"{SPOOL}/") and path.endswith(".wal")):
            continue
        base = int(path.rpartition("/")[2][:16], 16)
        for at, found in scan(files[path]):
            if isinstance(found, Damage):
                break
            yield base + at, json.loads(found.payload)["event_id"]
