"""
How the audit index grows: `python -m tests.bench_audit --sizes 10000,100000`.

Each size gets an index of its own, filled with audits of a hundred agents.  The
same questions are then put to all of them in turns, so that whatever else the
machine does meets all alike, and the medians stand side by side with the ratio
of the largest index to the smallest.  Times are for comparison within a run.

`get`, `by agent` and `recent` ought to stay within a factor of two from 10^4 to
10^6 audits: they walk down a tree, whose depth grows with the logarithm.
`recent, by scan` reads every record, as an index without an order of time must.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from heapq import nlargest
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import cbor2
import click
from attrs import frozen
from rich.console import Console
from rich.table import Table
from tornproof.audit import AuditStore, Contribution, QueryAudit, QueryParameters, decode
from tornproof.audit.store import entries_of
from tornproof.keys import RECORD_PREFIX, prefix_range
from tornproof.kv import KeyValueStore, SqliteKeyValueStore

AGENTS = 100
RESULTS = 100
BATCH = 5_000
ROUNDS = 30
SCANS = 1
"""A full scan is long and steady; one will do."""


def audits(count: int, seed: int) -> Iterator[QueryAudit]:
    """Make audits of middling size, in the order of their time, with random ids."""
    generator = random.Random(seed)
    agents = [generator.randbytes(32) for _ in range(AGENTS)]
    for number in range(count):
        yield QueryAudit(
            query_id=generator.randbytes(32),
            agent_id=agents[number % AGENTS],
            timestamp=number,
            params=QueryParameters(subject="subject", predicate="predicate", lens="latest"),
            result_hash=generator.randbytes(32),
            result_confidence=0.75,
            contributing_assertions=[
                Contribution(
                    assertion_hash=generator.randbytes(32),
                    weight=0.5,
                    source_hash=generator.randbytes(32),
                    lifecycle="approved",
                )
            ],
        )


@frozen
class Index:
    """An index of one size, and some of what is in it to ask for."""

    size: int
    store: KeyValueStore
    audits: AuditStore
    sample: tuple[QueryAudit, ...]
    new: Iterator[QueryAudit]
    build_seconds: float
    bytes: int


def build(path: Path, size: int) -> Index:
    """Fill an index, many audits to a commit."""
    store = SqliteKeyValueStore(path)
    sample: list[QueryAudit] = []
    every = max(size // 1000, 1)
    changes: dict[bytes, bytes | None] = {}
    started = perf_counter()
    for number, audit in enumerate(audits(size, seed=size)):
        changes.update(entries_of(audit))
        if number % every == 0:
            sample.append(audit)
        if number % BATCH == BATCH - 1 or number == size - 1:
            store.write(changes)
            changes = {}
    seconds = perf_counter() - started
    new = audits(1_000_000, seed=size + 1)
    used = path.stat().st_size
    return Index(size, store, AuditStore(store), tuple(sample), new, seconds, used)


def recent_by_scan(store: KeyValueStore, limit: int) -> list[QueryAudit]:
    """Find the most recent audits without an index of time: look into every record."""
    records = (store.get(key) or b"" for key in store.keys(*prefix_range(RECORD_PREFIX)))
    newest = nlargest(limit, ((cbor2.loads(record)["timestamp"], record) for record in records))
    return [decode(record) for _, record in newest]


def question(name: str, index: Index, generator: random.Random) -> Callable[[], object]:
    """Prepare one call, so that nothing but the call is timed."""
    picked = generator.choice(index.sample)
    assert picked.agent_id is not None
    agent_id, store = picked.agent_id, index.audits
    match name:
        case "put":
            new = next(index.new)
            return lambda: store.put(new)
        case "get":
            return lambda: store.get(picked.query_id)
        case "by agent (100)":
            return lambda: store.by_agent(agent_id, limit=RESULTS)
        case "recent (100)":
            return lambda: store.recent(RESULTS)
        case _:
            return lambda: recent_by_scan(index.store, RESULTS)


def measure(indexes: list[Index]) -> dict[str, list[float]]:
    """Return the median seconds of each question for each index."""
    generator = random.Random(0)
    results: dict[str, list[float]] = {}
    for name, rounds in (
        ("get", 20 * ROUNDS),
        ("by agent (100)", ROUNDS),
        ("recent (100)", ROUNDS),
        ("recent, by scan", SCANS),
        ("put", 5 * ROUNDS),
    ):
        times: list[list[float]] = [[] for _ in indexes]
        for _ in range(rounds):
            for index, listed in zip(indexes, times, strict=True):
                call = question(name, index, generator)
                started = perf_counter()
                call()
                listed.append(perf_counter() - started)
        results[name] = [median(listed) for listed in times]
    return results


def show(indexes: list[Index], results: dict[str, list[float]]) -> None:
    """Print the medians side by side."""
    table = Table(box=None, pad_edge=False)
    table.add_column("median of one call")
    for index in indexes:
        table.add_column(f"{index.size:,} audits", justify="right")
    table.add_column("largest / smallest", justify="right")
    for name, seconds in results.items():
        ratio = f"{seconds[-1] / seconds[0]:.2f} ×"
        table.add_row(name, *(f"{each * 1e6:,.0f} µs" for each in seconds), ratio)
    table.add_row(
        "recent: scan / index",
        *(
            f"{scan / index:,.0f} ×"
            for scan, index in zip(results["recent, by scan"], results["recent (100)"], strict=True)
        ),
    )
    table.add_row("size on disk", *(f"{index.bytes / 1e6:,.0f} MB" for index in indexes))
    table.add_row("time to fill", *(f"{index.build_seconds:,.1f} s" for index in indexes))
    Console(width=110, highlight=False).print(table)


@click.command()
@click.option("--sizes", default="10000,100000", help="How many audits, separated by commas.")
@click.option("--directory", type=click.Path(exists=True, file_okay=False), help="Where to.")
def command(sizes: str, directory: str | None) -> None:
    """Compare audit indexes of different sizes."""
    with TemporaryDirectory(dir=directory) as place, ExitStack() as resources:
        indexes = []
        for size in sorted(map(int, sizes.split(","))):
            index = build(Path(place) / f"{size}.db", size)
            resources.enter_context(closing(index.store))
            indexes.append(index)
        show(indexes, measure(indexes))


def main() -> None:
    """Compare the sizes that take a minute."""
    command([], standalone_mode=False)


if __name__ == "__main__":
    command()
