"""
Compute what a journal holds at a moment from the operations on its disk.

A reader may show what no crash can take away, and must show what was promised to
last.  The promises are marks in the trace.  What no crash can take away follows
from the operations: a record's file was synced after the record was written, and
the file's name was synced too.  A watermark has no part in it; it is what is
being judged.
"""

from collections.abc import Mapping, Sequence

from attrs import define, field

from tornproof_models.contract.journal import Record
from tornproof_models.contract.reader import Moment
from tornproof_models.crash.subject import DIRECTORY
from tornproof_models.disk.trace import (
    ROOT,
    Acked,
    Create,
    Event,
    Flushed,
    Image,
    Invoked,
    Observed,
    Rename,
    Sync,
    SyncDirectory,
    Truncate,
    Unlink,
    Write,
    number_inodes,
)

HEADER_BYTES = 40
"""Bytes of a frame before its payload (FRM-1): what an offset counts besides payloads."""


@define
class Facts:
    """What is true of a journal, worked out from the events that have gone by."""

    records: list[Record] = field(factory=list)
    acknowledged: int = 0
    promised: int = 0
    """How many of the records were promised to last."""

    _names: dict[str, int] = field(factory=dict)
    _sizes: dict[int, int] = field(factory=dict)
    _synced: dict[int, int] = field(factory=dict)
    """Bytes of each file that a sync covers."""

    _named: set[int] = field(factory=set)
    """Files of which some name is durable."""

    @classmethod
    def of(cls, image: Image, records: Sequence[Record]) -> "Facts":
        """Begin with a disk at rest, of a journal that had these records: all of it is durable."""
        inodes = number_inodes(image)
        names = {
            path.removeprefix(f"{DIRECTORY}/"): inodes[path]
            for path in image.files
            if path.startswith(f"{DIRECTORY}/")
        }
        sizes = {inodes[path]: len(content) for path, content in image.files.items()}
        return cls(list(records), 0, 0, names, sizes, dict(sizes), set(names.values()))

    def advance(self, event: Event, offsets: Mapping[int, int]) -> None:
        """Let an event go by; `offsets` says where each call's record went, if it got there."""
        match event:
            case Invoked(call, _, payload) if call in offsets:
                self.records.append((offsets[call], payload))
            case Acked(call, _, durable):
                self.acknowledged += 1
                if durable:
                    self.promised = self.acknowledged
            case Flushed():
                self.promised = self.acknowledged
            case Observed(records):
                removed = [each for each in self.records if each[0] < self.first]
                self.records = [*removed, *records]
                self.acknowledged = self.promised = len(self.records)
            case _:
                self._operate(event)

    def _operate(self, event: Event) -> None:
        match event:
            case Create(_, name, inode):
                self._names[name] = inode
            case Rename(_, source, _, target):
                self._names[target] = self._names.pop(source)
            case Unlink(_, name):
                del self._names[name]
            case Write(inode, offset, data):
                self._sizes[inode] = max(self._sizes.get(inode, 0), offset + len(data))
            case Truncate(inode, size):
                self._sizes[inode] = size
                self._synced[inode] = min(self._synced.get(inode, 0), size)
            case Sync(inode):
                self._synced[inode] = self._sizes.get(inode, 0)
            case SyncDirectory(inode) if inode != ROOT:
                self._named |= set(self._names.values())

    @property
    def first(self) -> int:
        """Offset at which the first segment begins."""
        return min(self._segments, default=0)

    @property
    def durable(self) -> int:
        """Offset below which no crash can take anything away."""
        end = self.first
        for base, inode in sorted(self._segments.items()):
            if base != end or inode not in self._named:
                break
            end += self._synced.get(inode, 0)
        return end

    @property
    def _segments(self) -> dict[int, int]:
        return {
            int(name[:16], 16): inode
            for name, inode in self._names.items()
            if name.endswith(".wal")
        }

    def moment(self, *, durable_only: bool) -> Moment:
        """Say what a reader owes now."""
        if not durable_only:
            return Moment(tuple(self.records), self.first, self.acknowledged, len(self.records))
        durable = self.durable
        allowed = sum(
            1 for offset, payload in self.records if offset + HEADER_BYTES + len(payload) <= durable
        )
        return Moment(tuple(self.records), self.first, self.promised, allowed)
