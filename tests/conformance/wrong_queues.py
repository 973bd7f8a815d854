"""
Deferred queues that are wrong, each in one way, as adapters; and chains.

Each is the reference's adapter with something replaced: an operation, or a statement
on its way to the database.  One process serves them all, and those of `wrong_chains`:
which one it is stands in the path of the directory that it is given, or in the command.
"""

import inspect
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

from deferred_queue import COUNTERS, DeferredQueue
from tornproof.chain import Entry, append, connect
from tornproof.drainer.event import encode, from_json
from tornproof.errors import Closed, TornproofError
from tornproof_conformance.kit import Adapter
from tornproof_models.database_faults import point_of
from tornproof_models.faulty_database import FaultyConnection

from tests.conformance.wrong_chains import connected

SLOW = 30.0
"""Seconds: more than anybody waits for."""

MANY = 1 << 24
"""Bytes: as many as a record may have."""


class HangsInDrain(DeferredQueue):
    """Waits for what never comes."""

    def drainer_drain(self, timeout_ms: int) -> dict[str, Any]:
        """Wait."""
        time.sleep(SLOW)
        return super().drainer_drain(timeout_ms)


class OpensNothing(DeferredQueue):
    """Refuses to open."""

    def drainer_open(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Refuse."""
        raise Closed("not today")


class AdmitsWhatItCannotKeep(DeferredQueue):
    """Says of an event that is too large for a record that it was admitted."""

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Say so."""
        answer = super().drainer_submit(**event)
        return {**answer, "admitted": True} if len(event["agent_id"]) > MANY else answer


class AdmitsWhatNoColumnHolds(DeferredQueue):
    """Says of an event whose agent has U+0000 that it was admitted."""

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Say so."""
        answer = super().drainer_submit(**event)
        return {**answer, "admitted": True} if "\0" in event["agent_id"] else answer


class ReplaysWhatWasChanged(DeferredQueue):
    """Gives the bytes of each dead letter a hash of their own before it replays them."""

    def drainer_replay(self) -> dict[str, Any]:
        """Trust the bytes."""
        with closing(connect(self.database)) as connection:
            connection.create_function("sha256", 1, lambda data: sha256(data).digest())
            connection.execute("UPDATE signed_events_dlq SET payload_hash = sha256(payload)")
        return super().drainer_replay()


class OpensEverySpool(DeferredQueue):
    """Does not ask who can change a spool, nor whether its records are events."""

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Look at nothing."""
        with (
            patch("tornproof.drainer.queue_source.require_own"),
            patch("tornproof.drainer.spool.Spool.backlog", return_value=0),
        ):
            return super().drainer_open(**asked)


class DatesLettersByTheirEvents(DeferredQueue):
    """Says of a dead letter that it became one when its event happened."""

    def drainer_drain(self, timeout_ms: int) -> dict[str, Any]:
        """Give each the time of its event."""
        answer = super().drainer_drain(timeout_ms)
        with closing(connect(self.database)) as connection:
            connection.execute("UPDATE signed_events_dlq SET failed_at = timestamp")
        return answer


class MintsTwice(DeferredQueue):
    """Names another id than the one under which an event lands."""

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Mint another."""
        return {**super().drainer_submit(**event), "event_id": "another"}


class SaysTheLeast(DeferredQueue):
    """Is right, and does no more than it must."""

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Keep its database to itself."""
        super().drainer_open(**asked)
        return {}

    def drainer_metrics(self) -> dict[str, Any]:
        """Count what must be counted."""
        counters = super().drainer_metrics()
        return {name: counters[name] for name in COUNTERS[:6]}

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Do not say under which id."""
        return {"admitted": super().drainer_submit(**event)["admitted"]}

    def fault_points(self) -> dict[str, Any]:
        """Name none."""
        return {"points": []}


class KeepsInMemory(DeferredQueue):
    """Keeps what it calls durable in memory."""

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Open the volatile queue."""
        return super().drainer_open(**{**asked, "durable": False})


class AcknowledgesUnsynced(DeferredQueue):
    """Admits an event before it is on the disk."""

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Sync nothing."""
        with patch("os.fdatasync"):
            return super().drainer_submit(**event)


class CommitsToMemory(DeferredQueue):
    """Lets SQLite commit without a sync."""

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class NewestFirst(DeferredQueue):
    """After a restart, lets what comes in pass what was left."""

    left = False

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """See whether something was left."""
        answer = super().drainer_open(**asked)
        type(self).left = super().drainer_metrics()["pending"] > 0
        return answer

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Append it at once."""
        if not self.left:
            return super().drainer_submit(**event)
        encoded = encode(from_json(event))
        row = Entry(event["event_id"], event["agent_id"], "new", "2026", encoded.payload)
        with closing(connect(self.database)) as connection:
            append(connection, [row])
        return {"admitted": True, "event_id": event["event_id"]}


class NeverLooks(FaultyConnection):
    """Finds no event anywhere."""

    def execute(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Answer the question whether an event is there with no."""
        cursor = super().execute(statement, parameters)
        return super().execute("SELECT 1 WHERE 0") if point_of(statement) == "residence" else cursor


class BelievesTheCommit(DeferredQueue):
    """Does not look whether a commit that was reported as failed has happened."""

    def _connect(self) -> sqlite3.Connection:
        return connected(self, NeverLooks)


class Drops(FaultyConnection):
    """Takes a dead letter that was refused for one that was written."""

    def execute(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Pass over the failure."""
        if point_of(statement) != "dead letter":
            return super().execute(statement, parameters)
        with suppress(sqlite3.Error):
            return super().execute(statement, parameters)
        return super().execute("SELECT 1 WHERE 0")


class DropsTheRefused(DeferredQueue):
    """Forgets an event that the dead letters do not take."""

    def _connect(self) -> sqlite3.Connection:
        return connected(self, Drops)


class WaitsForProducers(DeferredQueue):
    """Does not end before whoever submitted lets go."""

    def drainer_close(self, timeout_ms: int | None = None) -> dict[str, Any]:
        """Wait."""
        time.sleep(SLOW)
        return super().drainer_close(timeout_ms)


class ClosesWithoutFlushing(DeferredQueue):
    """Ends at once, says that everything has landed, and lets go of it."""

    def drainer_close(self, timeout_ms: int | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Do nothing."""
        return {"drained": True}


class AdmitsWhenClosed(DeferredQueue):
    """Says that an event was admitted when nobody is there to take it."""

    is_closed = False

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Admit."""
        if self.is_closed:
            return {"admitted": True}
        return super().drainer_submit(**event)

    def drainer_close(self, timeout_ms: int | None = None) -> dict[str, Any]:
        """Close."""
        self.is_closed = True
        return super().drainer_close(timeout_ms)


class CountsOnce(DeferredQueue):
    """Counts the dead letters that it has seen."""

    most = 0

    def drainer_metrics(self) -> dict[str, Any]:
        """Never count down."""
        counters = super().drainer_metrics()
        type(self).most = max(self.most, counters["dlq_size"])
        return {**counters, "dlq_size": self.most}

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Begin with none."""
        type(self).most = 0
        return super().drainer_open(**asked)


class NoneIfUnknown(DeferredQueue):
    """Takes a count that failed for a count of nothing."""

    def drainer_metrics(self) -> dict[str, Any]:
        """Say none."""
        try:
            return super().drainer_metrics()
        except TornproofError:
            names = ("submitted", "refused", "pending", "chained", "dead_lettered", "lost")
            return dict.fromkeys((*names, "dlq_size"), 0)


class BeginsAfresh(DeferredQueue):
    """Without a spool, begins with an empty chain."""

    def drainer_open(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Remove what is there."""
        if not asked["durable"]:
            for path in Path(asked["dir"]).glob("chain.db*"):
                path.unlink()
        return super().drainer_open(**asked)


class CountsNoLoss(DeferredQueue):
    """Counts what a panic took as refused."""

    def drainer_metrics(self) -> dict[str, Any]:
        """Lose nothing."""
        counters = super().drainer_metrics()
        return {**counters, "lost": 0, "refused": counters["refused"] + counters["lost"]}


# Serving them


def _kinds(base: type[DeferredQueue]) -> dict[str, type[DeferredQueue]]:
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found |= _kinds(kind)
    return found


KINDS = _kinds(DeferredQueue)


class Served:
    """Whatever was opened last, or what the command names."""

    def __init__(self, name: str) -> None:
        self.kind = KINDS[name]
        self.queue = self.kind()

    def operation(self, name: str) -> Callable[..., Any]:
        """Make the operation of a name."""

        def carry_out(**arguments: Any) -> Any:
            if name == "drainer_open":
                parts = Path(arguments["dir"]).parts
                self.queue = next((KINDS[part] for part in parts if part in KINDS), self.kind)()
            return getattr(self.queue, name)(**arguments)

        # the kit leaves out what an operation does not ask for
        carry_out.__signature__ = inspect.signature(getattr(DeferredQueue, name))  # type: ignore[attr-defined]
        return carry_out


if __name__ == "__main__":
    served = Served(*(sys.argv[1:] or ["DeferredQueue"]))
    modes = ("drainer/durable", "drainer/volatile", "chain/v1", "chain/pairwise")
    adapter = Adapter("wrong queues", modes)
    for name in dir(DeferredQueue):
        if name.startswith(("drainer_", "fault_")):
            adapter.operations[name.replace("_", ".", 1)] = served.operation(name)
    adapter.serve()
