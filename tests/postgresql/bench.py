"""
What a chain in PostgreSQL costs: `python -m tests.postgresql.bench`.

The same events are drained into a server's database and into a file of SQLite, and inserted
into a bare table of the server's, a commit for each and a commit for 256.  The ways take
turns, round after round, on one disk.
"""

import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg
from rich.console import Console
from tornproof.drainer import DeferredAuditQueue
from tornproof.drainer.supervisor import BATCH_EVENTS

from tests.bench_drainer import DRAINED, EVENT, PAYLOAD, Result, Way, take_turns, tell
from tests.postgresql.cluster import Cluster, binaries, running


def drained(cluster: Cluster | None, directory: Path, result: Result) -> None:
    """Drain what is in a spool: into a database of the server's, or into a file beside it."""
    spool = directory / str(result.count)
    database = f"{spool}.db" if cluster is None else cluster.address(cluster.create_database())
    with DeferredAuditQueue.open(database, spool=spool, paused=True) as queue:
        for _ in range(DRAINED):
            assert queue.submit(EVENT)
        begin = time.perf_counter()
        assert queue.drain_pending(timeout=None)
        result.seconds += time.perf_counter() - begin
        result.count += queue.metrics.chained


def inserted(cluster: Cluster, at_once: int, directory: Path, result: Result) -> None:
    """Insert into a bare table of the server's, a commit for so many."""
    del directory  # the server has its own
    address = cluster.address(cluster.create_database())
    with closing(psycopg.connect(address, autocommit=True)) as database:
        database.execute("CREATE TABLE bare (id BIGSERIAL PRIMARY KEY, payload BYTEA)")
        begin = time.perf_counter()
        for _ in range(0, DRAINED, at_once):
            with database.transaction():
                for _ in range(at_once):
                    database.execute("INSERT INTO bare (payload) VALUES (%s)", (PAYLOAD,))
            result.count += at_once
        result.seconds += time.perf_counter() - begin


def main() -> int:
    """Measure, and print."""
    programs = binaries()
    if programs is None:
        print("PostgreSQL is not installed (package postgresql)", file=sys.stderr)
        return 2
    with running(programs) as cluster:
        ways: dict[str, Way] = {
            "PostgreSQL, a commit for each": partial(inserted, cluster, 1),
            f"PostgreSQL, a commit for {BATCH_EVENTS}": partial(inserted, cluster, BATCH_EVENTS),
            "drain into SQLite": partial(drained, None),
            "drain into PostgreSQL": partial(drained, cluster),
        }
        results = take_turns(ways)
    floors = {"drain into PostgreSQL": list(ways)[:3]}
    tell(Console(), f"draining events of {len(PAYLOAD)} bytes", results, floors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
