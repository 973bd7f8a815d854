"""
The journal, its group commit and its reader.

A single append syncs for itself; `append_many` goes through the group commit
buffer, which then owns the journal, and is idle between two requests.
"""

from typing import Any

from attrs import define
from tornproof.errors import Closed
from tornproof.journal import Cursor, Durability, GroupCommitBuffer, Journal, JournalReader
from tornproof.record import MAX_PAYLOAD_BYTES, frame_size
from tornproof_conformance.kit import Adapter

CLAIMS = (
    "journal/core",
    "journal/format-v2",
    "journal/segments",
    "journal/reader",
    "journal/group-commit",
    "journal/watermark",
)
SEGMENT_BYTES = 64 << 20
CURSOR = "adapter"


@define
class Log:
    """The journal that is open in this process, and the reader."""

    directory: str = ""
    journal: Journal | None = None
    buffer: GroupCommitBuffer | None = None
    reader: JournalReader | None = None

    def journal_open(
        self,
        dir: str,  # noqa: A002
        segment_bytes: int = SEGMENT_BYTES,
        max_payload: int = MAX_PAYLOAD_BYTES,
    ) -> dict[str, Any]:
        """Recover the journal and open it."""
        journal = Journal.open(dir, segment_bytes=segment_bytes, max_payload=max_payload)
        self.directory, self.journal, self.buffer = dir, journal, None
        cut = journal.report.cut
        return {
            "first": journal.first,
            "end": journal.end,
            "discarded_bytes": journal.discarded_bytes,
            "reason": cut.damage.value if cut else None,
        }

    def journal_append(self, payload: bytes, durable: bool = True) -> dict[str, Any]:
        """Append a record, durably or not."""
        journal = self._journal()
        journal.durability = Durability.IMMEDIATE if durable else Durability.EVENTUAL
        return {"offset": journal.append(payload)}

    def journal_append_many(self, payloads: list[bytes]) -> dict[str, Any]:
        """Hand records over one by one, and wait for all: they share their syncs."""
        journal = self._journal()
        if self.buffer is None:
            journal.durability = Durability.BATCHED
            self.buffer = GroupCommitBuffer(journal)
        journal.durability = Durability.BATCHED
        futures = [self.buffer.append(payload) for payload in payloads]
        return {"offsets": [future.result() for future in futures]}

    def journal_sync(self) -> dict[str, Any]:
        """Make everything durable."""
        journal = self._journal()
        journal.sync()
        return {"durable": journal.durable}

    def journal_read(self, offset: int) -> dict[str, Any]:
        """Read one record."""
        payload = self._journal().read(offset)
        return {"payload": payload, "next": offset + frame_size(len(payload))}

    def journal_scan(self, start: int | None = None) -> dict[str, Any]:
        """Read all of them."""
        return _scanned(self._journal().scan(start))

    def journal_rotate(self) -> dict[str, Any]:
        """Begin another segment."""
        return {"base": self._journal().rotate()}

    def journal_segments(self) -> dict[str, Any]:
        """List the segments; all but the last are sealed."""
        segments = self._journal().segments
        return {
            "segments": [
                {
                    "base": each.base,
                    "bytes": each.end - each.base,
                    "sealed": each is not segments[-1],
                }
                for each in segments
            ]
        }

    def journal_cleanup(self, cursor: int) -> dict[str, Any]:
        """Move a cursor of our own, and remove what lies below."""
        journal = self._journal()
        Cursor.open(self.directory, CURSOR).advance(cursor)
        return {"first": journal.cleanup()}

    def journal_close(self) -> None:
        """Close, through the buffer if it owns the journal."""
        owner = self.buffer or self.journal
        if owner is not None:
            owner.close()

    def reader_open(self, dir: str, durable_only: bool = True) -> dict[str, Any]:  # noqa: A002
        """Open a reader."""
        self.reader = JournalReader(dir, durable_only=durable_only)
        return {"first": self.reader.first, "end": self.reader.end()}

    def reader_read(self, offset: int) -> dict[str, Any]:
        """Read one record."""
        payload = self._reader().read(offset)
        return {"payload": payload, "next": offset + frame_size(len(payload))}

    def reader_scan(self, start: int | None = None) -> dict[str, Any]:
        """Read what is there."""
        return _scanned(self._reader().scan(start))

    def reader_close(self) -> None:
        """Let go."""
        self.reader = None

    def _journal(self) -> Journal:
        if self.journal is None:
            raise Closed("no journal is open in this process")
        return self.journal

    def _reader(self) -> JournalReader:
        if self.reader is None:
            raise Closed("no reader is open in this process")
        return self.reader


def _scanned(records: Any) -> dict[str, Any]:
    found = [{"offset": offset, "payload": payload} for offset, payload in records]
    return {"records": found, "end": "clean"}


def plug_in(adapter: Adapter) -> None:
    """Give the adapter its operations."""
    log = Log()
    for name in dir(log):
        if name.startswith(("journal_", "reader_")):
            adapter.operation(getattr(log, name))
