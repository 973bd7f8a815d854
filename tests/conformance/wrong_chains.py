"""
Chains that are wrong, each in one way, as adapters.

Each is the reference's adapter with something replaced: what its rows look like after
each drain, what its verification says, or when it locks.  `wrong_queues` serves them.
"""

import json
import sqlite3
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

from attrs import astuple, evolve
from deferred_queue import DeferredQueue
from tornproof.chain import connect
from tornproof.chain.database import configure
from tornproof.chain.pairwise import Encoding, verify_pairwise
from tornproof_models.contract.hash_chain import COLUMNS, GENESIS, Row, sealed
from tornproof_models.database_faults import Plan
from tornproof_models.faulty_database import FaultyConnection


def connected(
    queue: DeferredQueue, kind: type[FaultyConnection], plan: Plan | None = None
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        queue.database, isolation_level=None, check_same_thread=False, factory=kind
    )
    connection.plan = plan or queue.plan
    return configure(connection)


class Rewritten(DeferredQueue):
    """Its rows are other than they should be, and its verification does not mind."""

    def drainer_drain(self, timeout_ms: int) -> dict[str, Any]:
        """Land everything, and write the rows anew."""
        answer = super().drainer_drain(timeout_ms)
        names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
        with closing(connect(self.database)) as connection:
            numbered = "FROM signed_events WHERE sequence IS NOT NULL"
            query = f"SELECT {names} {numbered} ORDER BY sequence"
            rows = [Row(*columns) for columns in connection.execute(query)]
            last: Row | None = None
            connection.execute(f"DELETE {numbered}")
            for row in rows:
                last = self.placed(row, last)
                insert = f"INSERT INTO signed_events ({names}) VALUES ({marks})"
                connection.execute(insert, astuple(last))
        return answer

    def placed(self, row: Row, last: Row | None) -> Row:
        """Put a row behind another."""
        return sealed(evolve(row, prev_hash=last.row_hash if last else GENESIS))

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Find nothing."""
        return {**super().drainer_verify(**asked), "breaks": []}


class BeginsWithOnes(Rewritten):
    """Its first row follows something."""

    def placed(self, row: Row, last: Row | None) -> Row:
        """Begin with ones."""
        return sealed(evolve(row, prev_hash=last.row_hash if last else bytes([1] * 32)))


class LinksNothing(Rewritten):
    """Every row follows the beginning."""

    def placed(self, row: Row, last: Row | None) -> Row:  # noqa: ARG002
        """Begin again."""
        return sealed(evolve(row, prev_hash=GENESIS))


class JoinsFields(Rewritten):
    """Hashes fields with a separator between them."""

    def placed(self, row: Row, last: Row | None) -> Row:
        """Join them."""
        linked = evolve(row, prev_hash=last.row_hash if last else GENESIS)
        fields = [linked.prev_hash, *(str(each).encode() for each in astuple(linked)[:-1])]
        return evolve(linked, row_hash=sha256(b"\x1f".join(fields)).digest())


class AdmitsEverything(DeferredQueue):
    """Takes what is allowed for what was refused."""

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Refuse it."""
        if event["decision"]["decision"] not in ("refuse", "escalate"):
            event["decision"] = {"decision": "refuse", "rule_id": "R", "reason": "none"}
        return super().drainer_submit(**event)


class PassesOverEscalations(DeferredQueue):
    """Takes nothing but refusals."""

    def drainer_submit(self, **event: Any) -> dict[str, Any]:
        """Turn away what is escalated."""
        if event["decision"]["decision"] == "escalate":
            return {"admitted": False}
        return super().drainer_submit(**event)


class SpellsOtherwise(Rewritten):
    """Keeps an event in another spelling of its bytes."""

    def placed(self, row: Row, last: Row | None) -> Row:
        """Put a space behind every comma of an event."""
        if not row.payload.startswith(b"{"):
            return super().placed(row, last)
        payload = json.dumps(json.loads(row.payload), sort_keys=True).encode()
        changed = evolve(row, payload=payload, payload_hash=sha256(payload).digest())
        return super().placed(changed, last)


class HashesOtherwise(Rewritten):
    """Names a payload by the hash of something else."""

    def placed(self, row: Row, last: Row | None) -> Row:
        """Hash it twice."""
        return super().placed(evolve(row, payload_hash=sha256(row.payload_hash).digest()), last)


class Blind(DeferredQueue):
    """Finds nothing, whatever was done."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Find nothing."""
        return {**super().drainer_verify(**asked), "breaks": []}


class IgnoresTheHead(DeferredQueue):
    """Verifies the rows that are there."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Forget the head."""
        if "pairwise" not in asked:
            asked["head"] = None
        return super().drainer_verify(**asked)


class MissesTheHead(DeferredQueue):
    """Finds no saved head in a chain that has a break."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Give the head up."""
        found = super().drainer_verify(**asked)
        if asked.get("head") and found["breaks"]:
            found["breaks"].append("the saved head is missing")
        return found


class FirstBreakOnly(DeferredQueue):
    """Stops at the first break."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Report one."""
        found = super().drainer_verify(**asked)
        return {**found, "breaks": found["breaks"][:1]}


class TrustsAnyKey(DeferredQueue):
    """Takes the key that a row names for one to be trusted."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Trust them all."""
        if "pairwise" in asked:
            return super().drainer_verify(**asked)
        with closing(connect(self.database, read_only=True)) as connection:
            named = connection.execute("SELECT DISTINCT public_key FROM signed_events").fetchall()
        return super().drainer_verify(**{**asked, "keys": [key for (key,) in named if key]})


class ChecksNoSignature(DeferredQueue):
    """Is content that a trusted key is named."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Pass over signatures that are wrong."""
        found = super().drainer_verify(**asked)
        wrong = [each for each in found["breaks"] if "signature wrong" in each["detail"]]
        return {**found, "breaks": [each for each in found["breaks"] if each not in wrong]}


class LocksLate(DeferredQueue):
    """Reads the head first, and takes the write lock when it writes."""

    def _connect(self) -> sqlite3.Connection:
        return connected(self, FaultyConnection, LatePlan(self.plan))


class LatePlan(Plan):
    """Says of every transaction that it may begin without a lock."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.strikes, on_strike=plan.on_strike, sibling=plan.sibling)

    def races(self) -> bool:
        """Begin late."""
        return True


# Chains of v0.7


class PassesEveryOldChain(DeferredQueue):
    """Says of every chain of v0.7 that it holds."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Find nothing in an old one."""
        found = super().drainer_verify(**asked)
        return {**found, "breaks": []} if "pairwise" in asked else found


class KnowsJoinedLinksAlone(DeferredQueue):
    """Verifies every pairwise chain as if v0.7 had written it."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Call length-prefixed links broken."""
        found = super().drainer_verify(**asked)
        if old := asked.get("pairwise"):
            with closing(connect(old, read_only=True)) as connection:
                links = verify_pairwise(connection).links
            found["breaks"] += [
                {"sequence": each.first, "detail": "not linked"}
                for each in links
                if each.encoding is Encoding.PREFIXED
            ]
        return found


class SaysNothingOfForgeries(DeferredQueue):
    """Verifies a chain of v0.7 as if that were enough."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Leave out what cannot be seen."""
        return {"breaks": super().drainer_verify(**asked)["breaks"]}


class MendsOldChains(DeferredQueue):
    """Leaves an index of its own in a chain of v0.7."""

    def drainer_verify(self, *_: Any, **asked: Any) -> dict[str, Any]:
        """Write to it."""
        if old := asked.get("pairwise"):
            with closing(sqlite3.connect(old)) as connection, connection:
                connection.execute("CREATE INDEX mine ON signed_events (sequence)")
        return super().drainer_verify(**asked)
