"""Several drainers, each with a spool of its own, and one chain."""

from pathlib import Path
from threading import Thread

from tornproof.drainer import DeferredAuditQueue
from tornproof_conformance.pytest_support.plugin import requirement

from tests.postgresql.landing import state_of
from tests.reference.drainer_world import event

DRAINERS, EVENTS = 4, 50


@requirement("CHN-8")
@requirement("DRN-30")
def test_drainers_of_several_spools_append_one_after_another(address: str, tmp_path: Path) -> None:
    """Each event lands once, the numbers have no gap, and nobody lost a race."""
    queues = [
        DeferredAuditQueue.open(address, spool=tmp_path / str(number)) for number in range(DRAINERS)
    ]

    def submit(number: int) -> None:
        for each in range(EVENTS):
            assert queues[number].submit(event(event_id=f"{number}-{each}"))

    threads = [Thread(target=submit, args=(number,)) for number in range(DRAINERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = [queue.close_and_flush() for queue in queues]

    state = state_of(address)
    assert all(ended)
    assert sorted(row.event_id for row in state.chain) == sorted(
        f"{number}-{each}" for number in range(DRAINERS) for each in range(EVENTS)
    )
    assert [row.sequence for row in state.chain] == list(range(1, DRAINERS * EVENTS + 1))
    assert sum(queue.metrics.race_retries for queue in queues) == 0
