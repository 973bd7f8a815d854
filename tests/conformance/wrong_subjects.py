"""
Journals, audit indexes and deferred queues that are wrong, each in one way, as adapters.

Each is the reference's adapter with one operation replaced.  One process serves them
all: which one it is stands in the path of the directory that it is given.
"""

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

import log
from audit_index import AuditIndex
from deferred_queue import DeferredQueue
from log import Log
from tornproof.audit import AuditStore
from tornproof.kv import MemoryKeyValueStore
from tornproof_conformance.kit import Adapter


class FollowsFromTheStart(Log):
    """A reader that forgets where it was."""

    def reader_scan(self, start: int | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Begin again."""
        return super().reader_scan(None)


class ReadersLeaveMarks(Log):
    """A reader that notes that it was here."""

    def reader_open(self, dir: str, durable_only: bool = True) -> dict[str, Any]:  # noqa: A002
        """Write a file."""
        (Path(dir) / "last-reader").write_text("me")
        return super().reader_open(dir, durable_only)


class OffsetsTurnedRound(Log):
    """Tells each of many the offset of another."""

    def journal_append_many(self, payloads: list[bytes]) -> dict[str, Any]:
        """Turn the offsets round."""
        return {"offsets": super().journal_append_many(payloads)["offsets"][::-1]}


class CleansNothing(Log):
    """Leaves every segment where it is."""

    def journal_cleanup(self, cursor: int) -> dict[str, Any]:  # noqa: ARG002
        """Do nothing."""
        return {"first": self._journal().first}


class OldestFirst(AuditIndex):
    """Gives the most recent audits the wrong way round."""

    def audit_recent(self, limit: int) -> dict[str, Any]:
        """Turn them round."""
        return {"audits": super().audit_recent(limit)["audits"][::-1]}


class NothingKept(AuditIndex):
    """Keeps the index in memory."""

    def audit_open(self, dir: str) -> None:  # noqa: A002, ARG002
        """Begin with nothing."""
        self.stored = MemoryKeyValueStore()
        self.store = AuditStore(self.stored)


class LimitIgnored(AuditIndex):
    """Gives an agent's audits however many there are."""

    def audit_by_agent(
        self,
        agent_id: bytes,
        limit: int,  # noqa: ARG002
        start: int = 0,
        to: int | None = None,
    ) -> dict[str, Any]:
        """Forget the limit."""
        return super().audit_by_agent(agent_id, 1 << 40, start, to)


class VolatileInDisguise(DeferredQueue):
    """Keeps what it calls durable in memory."""

    def drainer_open(
        self,
        dir: str,  # noqa: A002
        durable: bool,  # noqa: ARG002
        max_restarts: int = 3,
        paused: bool = False,
    ) -> dict[str, Any]:
        """Open the volatile queue."""
        return super().drainer_open(dir, durable=False, max_restarts=max_restarts, paused=paused)


class SaysDrained(DeferredQueue):
    """Says that everything has landed before it has."""

    def drainer_drain(self, timeout_ms: int) -> dict[str, Any]:  # noqa: ARG002
        """Do nothing, and say so in other words."""
        return {"drained": True}


class ShownTwice(DeferredQueue):
    """Has its last event in the chain twice."""

    def drainer_chain(self) -> dict[str, Any]:
        """Repeat the last row, under a number of its own."""
        rows = super().drainer_chain()["rows"]
        again = [{**row, "sequence": row["sequence"] + 1} for row in rows[-1:]]
        return {"rows": [*rows, *again]}


class CountsRefusals(DeferredQueue):
    """Counts every event as refused as well."""

    def drainer_metrics(self) -> dict[str, Any]:
        """Count wrongly."""
        counters = super().drainer_metrics()
        return {**counters, "refused": counters["refused"] + counters["chained"]}


class FindsBreaks(DeferredQueue):
    """Finds its own chain broken."""

    def drainer_verify(
        self,
        head: bytes | None = None,  # noqa: ARG002
        keys: Sequence[bytes] = (),  # noqa: ARG002
        pairwise: str | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Find a break."""
        return {"breaks": ["sequence 1: hash mismatch"]}


SUBJECTS = {
    kind.__name__: kind
    for base in (Log, AuditIndex, DeferredQueue)
    for kind in (base, *base.__subclasses__())
}
GROUPS = {"journal": "Log", "reader": "Log", "audit": "AuditIndex"}


class Served:
    """Whatever was opened last, for each group of operations."""

    def __init__(self) -> None:
        self.subjects: dict[str, Any] = {}

    def choose(self, group: str, directory: str) -> None:
        """Begin with the subject that the path names, or with the right one."""
        named = {each for each in SUBJECTS if each in Path(directory).parts}
        base = SUBJECTS[GROUPS.get(group, "DeferredQueue")]
        wanted = next((SUBJECTS[name] for name in named if issubclass(SUBJECTS[name], base)), base)
        if type(self.subjects.get(base.__name__)) is not wanted:
            self.subjects[base.__name__] = wanted()

    def operation(self, name: str) -> Callable[..., Any]:
        """Make the operation of a name."""
        group = name.partition("_")[0]
        base = GROUPS.get(group, "DeferredQueue")

        def carry_out(**arguments: Any) -> Any:
            if "dir" in arguments or base not in self.subjects:
                self.choose(group, arguments.get("dir", ""))
            return getattr(self.subjects[base], name)(**arguments)

        # the kit leaves out what an operation does not ask for
        carry_out.__signature__ = inspect.signature(getattr(SUBJECTS[base](), name))  # type: ignore[attr-defined]
        return carry_out


if __name__ == "__main__":
    served = Served()
    adapter = Adapter(
        "wrong subjects",
        [
            *log.CLAIMS,
            "audit/core",
            "audit/keys",
            "drainer/durable",
            "drainer/volatile",
            "chain/v1",
        ],
    )
    for base in (Log, AuditIndex, DeferredQueue):
        for name in dir(base):
            if name.startswith(("journal_", "reader_", "audit_", "drainer_", "fault_")):
                adapter.operations[name.replace("_", ".", 1)] = served.operation(name)
    adapter.serve()
