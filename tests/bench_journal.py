"""
How fast the journal is, as ratios in one run.

Run with `python -m tests.bench_journal`.  Each measurement stands beside what
bounds it: recovery beside the checksums of the same bytes, appends beside a
bare write and fdatasync.  The medians of five rounds, taken in turn, are shown.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from blake3 import blake3
from crc32c import crc32c
from rich.console import Console
from rich.table import Table
from tornproof.journal import Journal, recover

ROUNDS = 5
RECOVERED_BYTES = 16 << 20
APPENDS = 300


def median_of(
    actions: dict[str, Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Time each action in turn, some rounds long, and return the median of each."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            began = clock()
            action()
            times[name].append(clock() - began)
    return {name: statistics.median(taken) for name, taken in times.items()}


def bench_recovery(table: Table, directory: Path) -> None:
    """Recover 16 MiB of records of two sizes, beside the checksums of their payloads."""
    for size in (100, 64 << 10):
        path = directory / f"recovery-{size}"
        payload = os.urandom(size)
        with Journal.open(str(path), durability="eventual") as journal:
            journal.append_many([payload] * (RECOVERED_BYTES // size))

        def checksums(payload: bytes = payload) -> None:
            for _ in range(RECOVERED_BYTES // len(payload)):
                crc32c(payload)
                blake3(payload).digest()

        times = median_of(
            {
                "recover": lambda path=path: recover(str(path), dry_run=True),  # type: ignore[misc]
                "bound": checksums,
            }
        )
        table.add_row(
            f"recovery, payloads of {size:,} B",
            f"{RECOVERED_BYTES / times['recover'] / 1e6:,.0f} MB/s",
            f"BLAKE3 + CRC32C: {RECOVERED_BYTES / times['bound'] / 1e6:,.0f} MB/s",
            f"{times['bound'] / times['recover']:.2f}",
        )


def bench_appends(table: Table, directory: Path) -> None:
    """Append with an fsync each, beside a bare write and fdatasync of the same bytes."""
    payload = os.urandom(100)
    journal = Journal.open(str(directory / "appends"))
    bare = os.open(directory / "bare", os.O_CREAT | os.O_WRONLY)

    def append() -> None:
        for _ in range(APPENDS):
            journal.append(payload)

    def write() -> None:
        for _ in range(APPENDS):
            os.write(bare, bytes(140))
            os.fdatasync(bare)

    times = median_of({"append": append, "write": write})
    journal.close()
    os.close(bare)
    table.add_row(
        "append, fsync each",
        f"{APPENDS / times['append']:,.0f} /s",
        f"write + fdatasync: {APPENDS / times['write']:,.0f} /s",
        f"{times['write'] / times['append']:.2f}",
    )


def main() -> None:
    """Print one table."""
    table = Table("what", "measured", "beside", "ratio", title="journal")
    with tempfile.TemporaryDirectory() as name:
        bench_recovery(table, Path(name))
        bench_appends(table, Path(name))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
