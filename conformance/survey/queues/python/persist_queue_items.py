"""What the adapters of persist-queue's queues share: put an item, and get one without waiting."""

from collections.abc import Mapping
from typing import Any

import persistqueue
from tornproof_conformance.kit import Adapter


def serve_items(served: Adapter, opened: Mapping[str, Any]) -> None:
    """Add the operations; `opened` has the `queue`, and `has` names the job of each worker."""

    @served.operation
    def queue_enqueue(job: str) -> None:
        """Put."""
        opened["queue"].put(job)

    @served.operation
    def queue_take(worker: str) -> Mapping[str, Any]:
        """Get, without waiting."""
        try:
            job = opened["has"][worker] = opened["queue"].get(block=False)
        except persistqueue.Empty:
            return {"job": None}
        return {"job": job}
