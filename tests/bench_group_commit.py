"""
What sharing an fsync is worth: `python -m tests.bench_group_commit`.

Each line is a way of making small records durable; the ways take turns, round
after round, so that a disk that is slow for a while is slow for all of them.
Compare the ratios, not the rates.

*Raw* is the floor under each group commit: the same batches again, by plain
`pwrite` and `fdatasync`, without frames, checksums, threads or futures.

Two lines tell how far the disk and how far Python set the pace.  *Handing over*
does no work at all: as many threads hand futures over and are woken by one that
sleeps as long as an fsync takes.  *A slow disk* adds two milliseconds to each
fsync, which is what a solid-state disk without a capacitor needs.
"""

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from attrs import define, field
from rich.console import Console
from rich.table import Table
from tornproof.filesystem import OsFile, OsFilesystem
from tornproof.journal import GroupCommitBuffer, Journal

PAYLOAD = os.urandom(256)
ROUNDS = 5
TURN = 0.8
"""Seconds that each way gets in each round."""

SLOW = 0.002
"""Seconds by which each fsync of a slow disk takes longer."""


@define
class Disk(OsFilesystem):
    """The real disk, which remembers how many bytes each fsync of a segment covered."""

    delay: float = 0.0
    """Seconds by which each of these fsyncs takes longer."""

    sizes: list[int] = field(factory=list)

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open a file, and listen if it is a segment."""
        file = super().open(path, create=create, exclusive=exclusive)
        return Segment(file, self) if ".wal" in path else file


class Segment(OsFile):
    """A segment that counts."""

    def __init__(self, file: OsFile, disk: Disk) -> None:
        super().__init__(file.file)
        self.disk = disk
        self.written = 0

    def write_at(self, offset: int, data: bytes) -> int:
        """Write and count."""
        self.written += len(data)
        return super().write_at(offset, data)

    def sync(self) -> None:
        """Sync and note."""
        super().sync()
        time.sleep(self.disk.delay)
        self.disk.sizes.append(self.written)
        self.written = 0


@define
class Result:
    """What a way has achieved over all its turns."""

    name: str
    records: int = 0
    seconds: float = 0.0
    syncs: int = 0
    raw_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def repeat(append: Callable[[], object]) -> int:
    """Append until the turn is over; return how often."""
    count, end = 0, time.perf_counter() + TURN
    while time.perf_counter() < end:
        append()
        count += 1
    return count


def immediate(delay: float, directory: Path, result: Result) -> None:
    """Let one thread append with an fsync for each record."""
    path = str(directory / f"immediate-{delay}")
    with Journal.open(path, filesystem=Disk(delay)) as journal:
        begin = time.perf_counter()
        count = repeat(lambda: journal.append(PAYLOAD))
        result.seconds += time.perf_counter() - begin
    result.records += count
    result.syncs += count


def sqlite(directory: Path, result: Result) -> None:
    """Let one thread insert into SQLite (WAL, synchronous=FULL), one commit for each record."""
    database = sqlite3.connect(directory / "sqlite.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, payload BLOB)")

    def insert() -> None:
        database.execute("INSERT INTO records (payload) VALUES (?)", (PAYLOAD,))

    begin = time.perf_counter()
    count = repeat(insert)
    result.seconds += time.perf_counter() - begin
    result.records += count
    result.syncs += count
    database.close()


def grouped(writers: int, window: int, delay: float, directory: Path, result: Result) -> None:
    """
    Let so many threads append through group commit, then write the same batches raw.

    Each hands so many records over and waits for them all.
    """
    disk = Disk(delay)
    path = str(directory / f"grouped-{writers}-{window}-{delay}")
    with GroupCommitBuffer(Journal.open(path, durability="batched", filesystem=disk)) as buffer:
        together(writers, window, lambda: buffer.append(PAYLOAD), result)
    sizes = [size for size in disk.sizes if size]
    result.syncs += len(sizes)
    result.raw_seconds += raw(directory / "raw", sizes, delay)


def together(
    writers: int, window: int, append: Callable[[], "Future[int]"], result: Result
) -> None:
    """Let so many threads begin at once, each with so many records on their way."""
    start = threading.Barrier(writers + 1)

    def turn() -> None:
        for future in [append() for _ in range(window)]:
            future.result()

    def write() -> int:
        start.wait()
        return repeat(turn) * window

    with ThreadPoolExecutor(writers) as pool:
        turns = [pool.submit(write) for _ in range(writers)]
        start.wait()
        begin = time.perf_counter()
        result.records += sum(each.result() for each in turns)
        result.seconds += time.perf_counter() - begin


def handed_over(writers: int, directory: Path, result: Result) -> None:
    """Let so many threads hand futures over, and wake them after the time of an fsync."""
    raw(directory / "pause", [len(PAYLOAD)], 0.0)  # makes the file
    pause = raw(directory / "pause", [len(PAYLOAD)] * 100, 0.0) / 100
    inbox: SimpleQueue[Future[int] | None] = SimpleQueue()

    def append() -> Future[int]:
        future: Future[int] = Future()
        inbox.put(future)
        return future

    def wake() -> None:
        while (future := inbox.get()) is not None:
            batch = [future]
            while not inbox.empty() and (more := inbox.get()) is not None:
                batch.append(more)
            time.sleep(pause)
            for each in batch:
                each.set_result(0)
            result.syncs += 1

    waker = threading.Thread(target=wake)
    waker.start()
    together(writers, 1, append, result)
    inbox.put(None)
    waker.join()


def raw(path: Path, sizes: list[int], delay: float) -> float:
    """Write and sync batches of such sizes at the end of a file; return the seconds."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        at = os.fstat(descriptor).st_size
        begin = time.perf_counter()
        for size in sizes:
            os.pwrite(descriptor, bytes(size), at)
            os.fdatasync(descriptor)
            time.sleep(delay)
            at += size
        return time.perf_counter() - begin
    finally:
        os.close(descriptor)


WAYS: dict[str, Callable[[Path, Result], None]] = {
    "journal, one fsync per record": partial(immediate, 0.0),
    "SQLite WAL FULL, one commit per record": sqlite,
    "group commit, 1 writer": partial(grouped, 1, 1, 0.0),
    "group commit, 8 writers": partial(grouped, 8, 1, 0.0),
    "group commit, 64 writers": partial(grouped, 64, 1, 0.0),
    "group commit, 64 writers of 16 records": partial(grouped, 64, 16, 0.0),
    "handing over, 64 writers": partial(handed_over, 64),
    "slow disk: journal, one fsync per record": partial(immediate, SLOW),
    "slow disk: group commit, 64 writers": partial(grouped, 64, 1, SLOW),
    "slow disk: group commit, 64 writers of 16": partial(grouped, 64, 16, SLOW),
}


def measure() -> list[Result]:
    """Let the ways take turns."""
    results = [Result(name) for name in WAYS]
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(ROUNDS):
            for way, result in zip(WAYS.values(), results, strict=True):
                way(Path(directory), result)
    return results


def main() -> None:
    """Measure, and print one table."""
    results = measure()
    by_name = {result.name: result for result in results}
    sqlite_result = by_name["SQLite WAL FULL, one commit per record"]
    table = Table(title=f"records of {len(PAYLOAD)} bytes, {ROUNDS} rounds of {TURN} s each")
    table.add_column("way")
    for heading in ("records/s", "per fsync", "× single", "× SQLite", "of raw"):
        table.add_column(heading, justify="right")
    for result in results:
        slow = "slow disk: " if result.name.startswith("slow") else ""
        single = by_name[f"{slow}journal, one fsync per record"]
        of_raw = result.raw_seconds / result.seconds
        table.add_row(
            result.name,
            f"{result.rate:,.0f}",
            f"{result.records / result.syncs:.1f}",
            f"{result.rate / single.rate:.1f}",
            "" if slow else f"{result.rate / sqlite_result.rate:.1f}",
            f"{of_raw:.2f}" if of_raw else "",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
