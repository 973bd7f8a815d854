"""
What exactly once costs: `python -m tests.bench_drainer`.

Four questions, each a ratio within one run.  The ways of a table take turns,
round after round, so that a disk that is slow for a while is slow for all of
them.

- *Submitting* against appending the same bytes through group commit: what
  encoding, admission and a drainer at work add.
- *Draining* against inserting the same bytes into an SQLite table of two
  columns, a commit for each and a commit for 256.
- *A burst* of 100,000 submits, the write lock of the database held by somebody
  else for the first five seconds.
- *Verifying* a chain of 1,000,000 rows against hashing the same bytes.
"""

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path

from attrs import define
from rich.console import Console
from rich.table import Table
from tornproof.chain import Entry, append, connect, verify
from tornproof.chain.database import prepare
from tornproof.chain.row import COLUMNS, Row, content_of
from tornproof.drainer import Bash, DeferredAuditQueue, Event, Refuse, encode
from tornproof.drainer.supervisor import BATCH_EVENTS
from tornproof.journal import GroupCommitBuffer, Journal

EVENT = Event(
    "agent-7",
    Bash("rm -rf build/output", cwd="/srv/application"),
    Refuse("R-12", "deletes outside the workspace"),
    1_769_860_800_000_000_000,
)
IDENTIFIED = Event(EVENT.agent_id, EVENT.action, EVENT.decision, EVENT.timestamp, "0" * 36)
PAYLOAD = encode(IDENTIFIED).payload

ROUNDS = 5
TURN = 0.8
"""Seconds that each way of submitting gets in each round."""

DRAINED = 2_000
"""Events that each way of draining lands in each round."""

BURST = 100_000
THREADS = 64
LOCKED = 5.0

ROWS = 1_000_000
ROWS_AT_ONCE = 10_000


@define
class Result:
    """What a way has achieved over all its turns."""

    name: str
    count: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds


Way = Callable[[Path, Result], None]
Floors = Mapping[str, Sequence[str]]
"""What a way is compared with."""


def open_queue(directory: Path, *, paused: bool = False) -> DeferredAuditQueue:
    """Open the queue of a directory."""
    return DeferredAuditQueue.open(directory / "audit.db", spool=directory / "spool", paused=paused)


def lock(directory: Path) -> sqlite3.Connection:
    """Take the write lock of the queue's database; closing the connection gives it back."""
    connection = connect(directory / "audit.db")
    connection.execute("BEGIN IMMEDIATE")
    return connection


# Submitting


def grouped(threads: int, directory: Path, result: Result) -> None:
    """Let so many threads append the bytes of an event through group commit."""
    with GroupCommitBuffer(Journal.open(str(directory), durability="batched")) as buffer:
        repeat(threads, lambda: buffer.append(PAYLOAD).result(), result)


def submitted(threads: int, locked: bool, directory: Path, result: Result) -> None:
    """Let so many threads submit, while the drainer is at work or kept from it."""
    queue = open_queue(directory)
    if locked:
        with closing(lock(directory)):
            repeat(threads, partial(submit, queue), result)
            queue.close_and_flush(timeout=0)
    else:
        repeat(threads, partial(submit, queue), result)
        queue.close_and_flush()


def submit(queue: DeferredAuditQueue) -> None:
    """Submit an event that is admitted."""
    receipt = queue.submit(EVENT)
    assert receipt, receipt.reason


def repeat(threads: int, act: Callable[[], object], result: Result) -> None:
    """Let so many threads begin at once and act until the turn is over."""
    start = threading.Barrier(threads + 1)

    def turn() -> int:
        start.wait()
        count, end = 0, time.perf_counter() + TURN
        while time.perf_counter() < end:
            act()
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        turns = [pool.submit(turn) for _ in range(threads)]
        start.wait()
        begin = time.perf_counter()
        result.count += sum(each.result() for each in turns)
        result.seconds += time.perf_counter() - begin


SUBMITTING: dict[str, Way] = {
    "group commit, 1 thread": partial(grouped, 1),
    "submit, 1 thread": partial(submitted, 1, False),
    "submit, 1 thread, database locked": partial(submitted, 1, True),
    "group commit, 64 threads": partial(grouped, THREADS),
    "submit, 64 threads": partial(submitted, THREADS, False),
    "submit, 64 threads, database locked": partial(submitted, THREADS, True),
}
FLOORS_OF_SUBMITTING: Floors = {
    "submit, 1 thread": ["group commit, 1 thread"],
    "submit, 1 thread, database locked": ["group commit, 1 thread"],
    "submit, 64 threads": ["group commit, 64 threads"],
    "submit, 64 threads, database locked": ["group commit, 64 threads"],
}


# Draining


def drained(directory: Path, result: Result) -> None:
    """Submit while the database is locked, then drain what is in the spool."""
    queue = open_queue(directory)
    with closing(lock(directory)), ThreadPoolExecutor(THREADS) as pool:
        for _ in range(DRAINED):
            pool.submit(submit, queue)
        pool.shutdown()
        queue.close_and_flush(timeout=0)
    with open_queue(directory, paused=True) as queue:
        begin = time.perf_counter()
        assert queue.drain_pending(timeout=None)
        result.seconds += time.perf_counter() - begin
        result.count += queue.metrics.chained


def inserted(at_once: int, directory: Path, result: Result) -> None:
    """Insert into SQLite (WAL, synchronous=FULL), a commit for so many."""
    directory.mkdir(exist_ok=True)
    with closing(sqlite3.connect(directory / "bare.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, payload BLOB)")
        begin = time.perf_counter()
        for _ in range(0, DRAINED, at_once):
            database.execute("BEGIN IMMEDIATE")
            for _ in range(at_once):
                database.execute("INSERT INTO bare (payload) VALUES (?)", (PAYLOAD,))
            database.execute("COMMIT")
            result.count += at_once
        result.seconds += time.perf_counter() - begin


DRAINING: dict[str, Way] = {
    "SQLite, a commit for each": partial(inserted, 1),
    f"SQLite, a commit for {BATCH_EVENTS}": partial(inserted, BATCH_EVENTS),
    "drain": drained,
}
FLOORS_OF_DRAINING: Floors = {"drain": list(DRAINING)[:2]}


def take_turns(ways: dict[str, Way]) -> dict[str, Result]:
    """Let the ways take turns, each in a directory of its own."""
    results = {name: Result(name) for name in ways}
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(ROUNDS):
            for number, (name, way) in enumerate(ways.items()):
                path = Path(directory) / str(number)
                path.mkdir(exist_ok=True)
                way(path, results[name])
    return results


# A burst


def burst(directory: Path, console: Console) -> None:
    """Submit as fast as can be, for a while under a lock, and say how that went."""
    queue = open_queue(directory)
    before, begin = memory(), time.perf_counter()
    locked = lock(directory)
    unlocked = threading.Timer(LOCKED, locked.close)
    unlocked.start()
    longest = [0.0] * THREADS
    under_lock = [0] * THREADS

    def produce(thread: int) -> None:
        for _ in range(thread, BURST, THREADS):
            moment = time.perf_counter()
            submit(queue)
            now = time.perf_counter()
            longest[thread] = max(longest[thread], now - moment)
            under_lock[thread] += now - begin < LOCKED

    with ThreadPoolExecutor(THREADS) as pool:
        for thread in range(THREADS):
            pool.submit(produce, thread)
    admitted = time.perf_counter() - begin
    most = memory()
    unlocked.join()
    assert queue.drain_pending(timeout=None)
    landed = time.perf_counter() - begin
    queue.close_and_flush()

    with closing(connect(directory / "audit.db")) as database:
        chain = verify(database)
    assert (chain.rows, chain.holds, queue.metrics.chained) == (BURST, True, BURST)
    spool = sum(file.stat().st_size for file in (directory / "spool").iterdir())
    console.print(
        f"\na burst of {BURST:,} from {THREADS} threads, the database locked for {LOCKED:.0f} s:\n"
        f"  admitted in {admitted:.1f} s, {sum(under_lock):,} of them under the lock; the longest "
        f"submit took {max(longest) * 1000:.0f} ms\n"
        f"  landed after {landed:.1f} s, {queue.metrics.append_failures} attempts failed; none "
        "lost, and the chain holds\n"
        f"  memory grew by {(most - before) >> 20} MiB; the spool ends with {spool >> 20} MiB"
    )


def memory() -> int:
    """Return the bytes of memory that the process holds (proc(5), statm)."""
    resident = int(Path("/proc/self/statm").read_text().split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE")


# Verifying


def verified(path: Path) -> tuple[Result, Result]:
    """Verify a long chain; then hash what a verification hashes."""
    with closing(connect(path)) as database:
        prepare(database, "the benchmark's")
        for first in range(0, ROWS, ROWS_AT_ONCE):
            append(database, entries(first))

        verifying = Result("verify", ROWS)
        begin = time.perf_counter()
        assert verify(database).holds
        verifying.seconds = time.perf_counter() - begin

        hashing = Result("SHA-256 of the same bytes", ROWS)
        rows = database.execute(f"SELECT {COLUMNS} FROM signed_events ORDER BY sequence")
        while some := rows.fetchmany(ROWS_AT_ONCE):
            hashed = [
                (content_of(row) + bytes(8), row.payload) for row in (Row(*each) for each in some)
            ]
            begin = time.perf_counter()
            for content, payload in hashed:
                sha256(content).digest()
                sha256(payload).digest()
            hashing.seconds += time.perf_counter() - begin
    return verifying, hashing


def entries(first: int) -> Iterator[Entry]:
    """Make entries in the order of their ids, which is the quickest to insert."""
    for number in range(first, first + ROWS_AT_ONCE):
        name = f"{number:036d}"
        yield Entry(name, EVENT.agent_id, "governance.refusal", "2026-01-31T12:00:00Z", PAYLOAD)


# Telling


def tell(console: Console, title: str, results: dict[str, Result], floors: Floors) -> None:
    """Print what the ways achieved, and what part that is of their floors."""
    table = Table(title=title, title_justify="left")
    table.add_column("way")
    table.add_column("a second", justify="right")
    table.add_column("that is")
    for result in results.values():
        parts = [
            f"{result.rate / results[floor].rate:.2f} × {floor}"
            for floor in floors.get(result.name, ())
        ]
        table.add_row(result.name, f"{result.rate:,.0f}", "\n".join(parts))
    console.print(table)


def main() -> None:
    """Measure, and print."""
    console = Console()
    console.print(f"events of {len(PAYLOAD)} bytes, {ROUNDS} rounds")
    tell(console, "submitting", take_turns(SUBMITTING), FLOORS_OF_SUBMITTING)
    tell(console, "draining", take_turns(DRAINING), FLOORS_OF_DRAINING)
    with tempfile.TemporaryDirectory() as directory:
        burst(Path(directory), console)
    with tempfile.TemporaryDirectory() as directory:
        verifying, hashing = verified(Path(directory) / "chain.db")
    console.print(
        f"\nverifying {ROWS:,} rows: {verifying.rate:,.0f} a second, "
        f"{verifying.rate / hashing.rate:.3f} of SHA-256 of the same bytes"
    )


if __name__ == "__main__":
    main()
