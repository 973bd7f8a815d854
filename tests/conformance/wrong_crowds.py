"""
Group commits, readers, recoveries and audit indexes that are wrong, as adapters.

Each is the reference's adapter with one operation replaced; an argument names it.
"""

import os
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

import audit_index
import cbor2
import log
from audit_index import AuditIndex
from log import Log
from tornproof.audit import AuditStore
from tornproof.errors import Closed, InputOutput, Poisoned, TornproofError
from tornproof.kv import SqliteKeyValueStore
from tornproof_conformance.kit import Adapter

# Crowds


class OneSyncEach(Log):
    """Syncs for every record of a crowd."""

    def journal_append_many(self, payloads: list[bytes]) -> dict[str, Any]:
        return {"offsets": [self.journal_append(each)["offset"] for each in payloads]}


class ToldTooEarly(Log):
    """Tells a crowd before any sync."""

    def journal_append_many(self, payloads: list[bytes]) -> dict[str, Any]:
        return {
            "offsets": [self.journal_append(each, durable=False)["offset"] for each in payloads]
        }


class FailureKept(Log):
    """Tells a crowd that its sync went well when it did not."""

    def journal_append_many(self, payloads: list[bytes]) -> dict[str, Any]:
        end = self._journal().end
        try:
            return super().journal_append_many(payloads)
        except (InputOutput, Poisoned):
            return {"offsets": [end + number for number, _ in enumerate(payloads)]}


class GoesOn(Log):
    """Opens itself again after a failed sync, and says nothing."""

    def journal_append(self, payload: bytes, durable: bool = True) -> dict[str, Any]:
        try:
            return super().journal_append(payload, durable)
        except (InputOutput, Poisoned):
            try:
                self.journal_close()
            except TornproofError:
                self.journal_open(self.directory)
            return super().journal_append(payload, durable)


class ClosesUnsynced(Log):
    """Closes without a sync."""

    def journal_close(self) -> None:
        kept, os.fdatasync = os.fdatasync, lambda fd: None  # noqa: ARG005
        try:
            super().journal_close()
        finally:
            os.fdatasync = kept


class StaysOpen(Log):
    """Answers a crowd after the close as before."""

    def journal_append_many(self, payloads: list[bytes]) -> dict[str, Any]:
        try:
            return super().journal_append_many(payloads)
        except Closed:
            return {"offsets": list(range(len(payloads)))}


class HundredAtMost(Log):
    """Takes a hundred of a crowd, and forgets the others."""

    def journal_append_many(self, payloads: list[bytes]) -> dict[str, Any]:
        return super().journal_append_many(payloads[:100])


# Readers and recovery


class ShowsEverything(Log):
    """A reader that does not ask what is durable."""

    def reader_open(self, dir: str, durable_only: bool = True) -> dict[str, Any]:  # noqa: A002, ARG002
        return super().reader_open(dir, durable_only=False)


class ShowsNothing(Log):
    """A reader that cannot read."""

    def reader_scan(self, start: int | None = None) -> dict[str, Any]:
        raise Closed(f"nothing can be read from {start} on")


def stored_bytes(directory: str) -> int:
    """Return the size of all segments."""
    return sum(path.stat().st_size for path in Path(directory).glob("*.wal"))


class ReadsAtOnce(Log):
    """Has the whole journal in memory when it is opened."""

    def journal_open(
        self,
        dir: str,  # noqa: A002
        segment_bytes: int = log.SEGMENT_BYTES,
        max_payload: int = 1 << 20,
    ) -> dict[str, Any]:
        self.whole = [path.read_bytes() for path in Path(dir).glob("*.wal")]
        return super().journal_open(dir, segment_bytes, max_payload)


class AppendsAfterClose(Log):
    """Opens a journal again by itself when something is appended to it."""

    directory = ""

    def journal_open(
        self,
        dir: str,  # noqa: A002
        segment_bytes: int = log.SEGMENT_BYTES,
        max_payload: int = 1 << 20,
    ) -> dict[str, Any]:
        self.directory = dir
        return super().journal_open(dir, segment_bytes, max_payload)

    def journal_append(self, payload: bytes, durable: bool = True) -> dict[str, Any]:
        try:
            return super().journal_append(payload, durable)
        except Closed:
            self.journal_open(self.directory)
            return super().journal_append(payload, durable)


class CollectsLate(Log):
    """Is right; its runtime lets garbage lie, a few times what was read or up to a limit."""

    def journal_open(
        self,
        dir: str,  # noqa: A002
        segment_bytes: int = log.SEGMENT_BYTES,
        max_payload: int = 1 << 20,
    ) -> dict[str, Any]:
        read = stored_bytes(dir)
        limit = int(os.environ.get("GOMEMLIMIT", "1024MiB").removesuffix("MiB")) << 20
        self.garbage = os.urandom(min(4 * read, limit // 4))
        return super().journal_open(dir, segment_bytes, max_payload)


class BuffersUpToALimit(Log):
    """Is right: it keeps what it has read last, and never more than 10 MiB."""

    def journal_open(
        self,
        dir: str,  # noqa: A002
        segment_bytes: int = log.SEGMENT_BYTES,
        max_payload: int = 1 << 20,
    ) -> dict[str, Any]:
        whole = stored_bytes(dir)
        self.last_read = os.urandom(min(whole, 10 << 20))
        return super().journal_open(dir, segment_bytes, max_payload)


class ReturnsEverything(ReadsAtOnce):
    """Is right: its open returns every record, as its caller wants it to, and it says so."""

    more = {"limits": {"open_returns_everything": True}}  # noqa: RUF012 - never changed


class OpensNoLongJournal(Log):
    """Does not open a journal that it finds too long."""

    def journal_open(
        self,
        dir: str,  # noqa: A002
        segment_bytes: int = log.SEGMENT_BYTES,
        max_payload: int = 1 << 20,
    ) -> dict[str, Any]:
        if stored_bytes(dir) > 1 << 24:
            raise Closed("not today")
        return super().journal_open(dir, segment_bytes, max_payload)


# Indexes


class Careless(sqlite3.Connection):
    """A connection that syncs when it thinks fit, as SQLite usually does with a log."""

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        return super().execute(statement.replace("= FULL", "= NORMAL"), *arguments)


class SyncsLater(AuditIndex):
    """Leaves what was put in the log until there is more of it."""

    def audit_open(self, dir: str) -> None:  # noqa: A002
        connect = partial(sqlite3.connect, factory=Careless)
        self.stored = SqliteKeyValueStore(Path(dir) / "audits.db", connect=connect)
        self.store = AuditStore(self.stored)


class RecentByScan(AuditIndex):
    """Looks through all audits for the most recent."""

    def audit_recent(self, limit: int) -> dict[str, Any]:
        records = [key[5:] for key in self._store().keys() if key.startswith(b"\x00AUD:")]  # noqa: SIM118
        found = [super(RecentByScan, self).audit_get(query_id)["audit"] for query_id in records]
        found.sort(key=lambda audit: (-audit["timestamp"], audit["query_id"]))
        return {"audits": found[:limit]}


class RecordsInAnyOrder(AuditIndex):
    """Stores the fields of an audit in the order in which somebody thought of them."""

    def audit_get(self, query_id: bytes) -> dict[str, Any]:
        answer = super().audit_get(query_id)
        if "record" in answer:
            fields = cbor2.loads(answer["record"])
            answer["record"] = cbor2.dumps(dict(sorted(fields.items())))
        return answer


class NoIndexOfTime(AuditIndex):
    """Has no entries by time."""

    def audit_keys(self) -> dict[str, Any]:
        keys = super().audit_keys()["keys"]
        return {"keys": [key for key in keys if not key.startswith(b"\x00AUDT:")]}


if __name__ == "__main__":
    (name,) = sys.argv[1:]
    subject = globals()[name]()
    of_a_journal = isinstance(subject, Log)
    claims = log.CLAIMS if of_a_journal else audit_index.CLAIMS
    adapter = Adapter(name, claims, more=getattr(subject, "more", {}))
    for each in dir(subject):
        if each.startswith(("journal_", "reader_", "audit_")):
            adapter.operation(getattr(subject, each))
    adapter.serve()
