"""
Kill the server while threads submit, and look whether each event is there once.

    python -m tests.postgresql.killed --events 10000 --submitters 16 --kills 10

Prints what was submitted and what was found, and ends with 1 if that is not the same.
"""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from attrs import frozen
from tornproof.drainer import DeferredAuditQueue
from tornproof_models.contract.delivery import Fact, Outcome, Submitted

from tests.postgresql.cluster import Cluster, binaries, running
from tests.postgresql.landing import breaches, submit

LANDING_SECONDS = 300.0


@frozen
class Landed:
    """What became of the events; it is right if nothing is wrong."""

    admitted: int
    chained: int
    dead_lettered: int
    failures: int
    """Appends that failed and were tried again."""

    breaches: tuple[str, ...]
    seconds: float


def run(cluster: Cluster, spool: Path, *, events: int, submitters: int, kills: int) -> Landed:
    """Submit from threads, kill the server so many times meanwhile, and judge what landed."""
    began, address = time.monotonic(), cluster.address(cluster.create_database())
    queue = DeferredAuditQueue.open(address, spool=spool)
    facts: list[Fact] = []
    share = events // submitters

    def work(number: int) -> None:
        submit(queue, facts, *(f"{number}-{each}" for each in range(share)))

    threads = [Thread(target=work, args=(number,)) for number in range(submitters)]
    for thread in threads:
        thread.start()
    for kill in range(1, kills + 1):
        while queue.metrics.chained < kill * events // (kills + 1):
            time.sleep(0.001)
        cluster.kill()
        cluster.start()
    for thread in threads:
        thread.join()
    queue.close_and_flush(LANDING_SECONDS)
    metrics = queue.metrics
    return Landed(
        admitted=sum(
            isinstance(each, Submitted) and each.outcome is Outcome.ADMITTED for each in facts
        ),
        chained=metrics.chained,
        dead_lettered=metrics.dead_lettered,
        failures=metrics.append_failures,
        breaches=tuple(breaches(address, facts)),
        seconds=time.monotonic() - began,
    )


def main() -> int:
    """Run it with a server of its own."""
    parser = ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--submitters", type=int, default=16)
    parser.add_argument("--kills", type=int, default=10)
    asked = parser.parse_args()
    programs = binaries()
    if programs is None:
        print("PostgreSQL is not installed (package postgresql)", file=sys.stderr)
        return 2
    with running(programs) as cluster, TemporaryDirectory() as spool:
        seen = run(
            cluster,
            Path(spool),
            events=asked.events,
            submitters=asked.submitters,
            kills=asked.kills,
        )
    print(
        f"{seen.admitted} events admitted from {asked.submitters} threads, the server killed "
        f"{asked.kills} times: {seen.chained} in the chain, {seen.dead_lettered} dead letters, "
        f"{seen.failures} appends tried again, {seen.seconds:.0f} s"
    )
    for each in seen.breaches:
        print(each)
    return 1 if seen.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
