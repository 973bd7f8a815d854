"""
Deferred queues that are right and differ from the reference, as adapters; and some that are wrong.

Each differs in one way that no sentence of the specification forbids, and beside each two or
three stands one that goes a step too far.
"""

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

from deferred_queue import POINTS, DeferredQueue
from tornproof_conformance.kit import Adapter, refusal

# Retries (DRN-4): at most five


class RetriesFourTimes(DeferredQueue):
    """Gives up after four retries."""

    retries = 4

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Take the number for the bound."""
        patch("tornproof.drainer.core.MAX_RACE_RETRIES", self.retries).start()
        return super().drainer_open(**asked)


class RetriesOnce(RetriesFourTimes):
    """Gives up after one retry."""

    retries = 1


class RetriesSevenTimes(RetriesFourTimes):
    """Wrong: goes on after the fifth retry."""

    retries = 7


# Panics (DRN-8)


class PanicsBeforeAdmission(DeferredQueue):
    """Names a first point that a submit passes: a panic there refuses the event."""

    refusing = 0

    def fault_points(self) -> dict[str, Any]:
        """Name it before the others."""
        return {"points": ["submit", *POINTS]}

    def fault_arm(self, point: str, nth: int, action: str, times: int = 1) -> None:
        """Take a panic at it."""
        if point != "submit":
            super().fault_arm(point, nth, action, times)
        elif action != "panic":
            raise refusal("invalid", f"{action} makes no sense at {point}")
        else:
            self.refusing = times

    def fault_disarm(self) -> None:
        """Forget it, too."""
        self.refusing = 0
        super().fault_disarm()

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Refuse while it strikes."""
        if self.refusing:
            self.refusing -= 1
            raise refusal("io", "panicked before anything was done", definite=True)
        return super().drainer_submit(**event)


class GivesUpAtOnce(DeferredQueue):
    """Wrong: does not survive a panic, whatever it is told."""

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Allow no restart."""
        return super().drainer_open(**{**asked, "max_restarts": 0})


# Counters (DRN-13): they partition


class CountsOn(DeferredQueue):
    """Goes on counting where the process before it stopped."""

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Read what that one had counted."""
        self.kept = Path(asked["dir"]) / "submits"
        self.submits = self.kept.read_text().split() if self.kept.exists() else []
        return super().drainer_open(**asked)

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Note it, and how it was answered."""
        answer = super().drainer_submit(**event)
        self.submits.append("admitted" if answer["admitted"] else "refused")
        self.kept.write_text(" ".join(self.submits))
        return answer

    def drainer_metrics(self) -> dict[str, Any]:
        """Count what is there, since the store was made."""
        counters = super().drainer_metrics()
        chained = sum(
            not row["event_id"].startswith("sibling") for row in self.drainer_chain()["rows"]
        )
        letters, refused = len(self.drainer_dlq()["rows"]), self.submits.count("refused")
        given = self.submits.count("admitted")
        lost = counters["lost"] and given - chained - letters
        return {
            **counters,
            "submitted": len(self.submits),
            "refused": refused,
            "chained": chained,
            "dead_lettered": letters,
            "pending": given - chained - letters - lost,
            "lost": lost,
        }


class CountsReplaysAsChained(DeferredQueue):
    """Counts a dead letter that a replay has moved as chained."""

    moved = 0

    def drainer_replay(self) -> dict[str, Any]:
        """Note how many there were."""
        answer = super().drainer_replay()
        self.moved += len(answer["replayed"])
        return answer

    def drainer_metrics(self) -> dict[str, Any]:
        """Move them as well."""
        counters = super().drainer_metrics()
        return {
            **counters,
            "chained": counters["chained"] + self.moved,
            "dead_lettered": counters["dead_lettered"] - self.moved,
        }


class CountsOthers(DeferredQueue):
    """Wrong: counts the rows of other writers as its own."""

    def drainer_metrics(self) -> dict[str, Any]:
        """Count every row."""
        counters = super().drainer_metrics()
        rows = len(self.drainer_chain()["rows"])
        more = rows - counters["chained"]
        return {**counters, "chained": rows, "submitted": counters["submitted"] + more}


KINDS = {kind.__name__: kind for kind in vars().copy().values() if isinstance(kind, type)}

if __name__ == "__main__":
    queue = KINDS[sys.argv[1]]()
    adapter = Adapter("right queues", ("drainer/durable", "drainer/volatile", "chain/v1"))
    for name in dir(queue):
        if name.startswith(("drainer_", "fault_")):
            adapter.operation(getattr(queue, name))
    adapter.serve()
