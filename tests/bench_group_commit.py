"""
What sharing an fsync is worth: `python -m tests.bench_group_commit`.

Each line is a way of making small records durable; the ways take turns, round
after round, so that a disk that is slow for a while is slow for all of them.
Compare the ratios, not the rates.

*Raw* is the floor under each group commit: the same batches again, by plain
`pwrite` and `fdatasync`, without frames, checksums, threads or futures.
"""

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from attrs import define, field
from rich.console import Console
from rich.table import Table
from tornproof.filesystem import OsFile, OsFilesystem
from tornproof.journal import GroupCommitBuffer, Journal

PAYLOAD = os.urandom(256)
ROUNDS = 5
TURN = 0.8
"""Seconds that each way gets in each round."""


@define
class Batches(OsFilesystem):
    """The real disk, which remembers how many bytes each fsync of a segment covered."""

    sizes: list[int] = field(factory=list)

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open a file, and listen if it is a segment."""
        file = super().open(path, create=create, exclusive=exclusive)
        return Segment(file, self.sizes) if ".wal" in path else file


class Segment(OsFile):
    """A segment that counts."""

    def __init__(self, file: OsFile, sizes: list[int]) -> None:
        super().__init__(file._descriptor)
        self.sizes = sizes
        self.written = 0

    def write_at(self, offset: int, data: bytes) -> int:
        """Write and count."""
        self.written += len(data)
        return super().write_at(offset, data)

    def sync(self) -> None:
        """Sync and note."""
        super().sync()
        self.sizes.append(self.written)
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


def immediate(directory: Path, result: Result) -> None:
    """Let one thread append with an fsync for each record."""
    with Journal.open(str(directory / "immediate")) as journal:
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


def grouped(writers: int, window: int, directory: Path, result: Result) -> None:
    """
    Let so many threads append through group commit, then write the same batches raw.

    Each hands so many records over and waits for them all.
    """
    disk = Batches()
    path = str(directory / f"grouped-{writers}-{window}")
    buffer = GroupCommitBuffer(Journal.open(path, durability="batched", filesystem=disk))
    start = threading.Barrier(writers + 1)

    def append() -> None:
        for future in [buffer.append(PAYLOAD) for _ in range(window)]:
            future.result()

    def write() -> int:
        start.wait()
        return repeat(append) * window

    with ThreadPoolExecutor(writers) as pool:
        turns = [pool.submit(write) for _ in range(writers)]
        start.wait()
        begin = time.perf_counter()
        result.records += sum(turn.result() for turn in turns)
        result.seconds += time.perf_counter() - begin
    buffer.close()

    sizes = [size for size in disk.sizes if size]
    result.syncs += len(sizes)
    result.raw_seconds += raw(directory / f"raw-{writers}-{window}", sizes)


def raw(path: Path, sizes: list[int]) -> float:
    """Write and sync batches of such sizes at the end of a file; return the seconds."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        at = os.fstat(descriptor).st_size
        begin = time.perf_counter()
        for size in sizes:
            os.pwrite(descriptor, bytes(size), at)
            os.fdatasync(descriptor)
            at += size
        return time.perf_counter() - begin
    finally:
        os.close(descriptor)


WAYS: dict[str, Callable[[Path, Result], None]] = {
    "journal, one fsync per record": immediate,
    "SQLite WAL FULL, one commit per record": sqlite,
    "group commit, 1 writer": partial(grouped, 1, 1),
    "group commit, 8 writers": partial(grouped, 8, 1),
    "group commit, 64 writers": partial(grouped, 64, 1),
    "group commit, 64 writers of 16 records": partial(grouped, 64, 16),
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
    single, sqlite_result = results[0], results[1]
    table = Table(title=f"records of {len(PAYLOAD)} bytes, {ROUNDS} rounds of {TURN} s each")
    table.add_column("way")
    for heading in ("records/s", "per fsync", "× single", "× SQLite", "of raw"):
        table.add_column(heading, justify="right")
    for result in results:
        of_raw = result.raw_seconds / result.seconds
        table.add_row(
            result.name,
            f"{result.rate:,.0f}",
            f"{result.records / result.syncs:.1f}",
            f"{result.rate / single.rate:.1f}",
            f"{result.rate / sqlite_result.rate:.1f}",
            f"{of_raw:.2f}" if of_raw else "",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
