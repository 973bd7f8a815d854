"""
A small reader, correct.

The miniatures of readers each change one step of it.
"""

from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from typing import ClassVar

from crc32c import crc32c
from tornproof.errors import BeyondEnd, Corrupt, NotABoundary, Trimmed
from tornproof.filesystem import File, Filesystem

from tornproof_models.contract.journal import Record
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.miniatures.small_frames import HEADER_BYTES, Damage, SmallFrames
from tornproof_models.miniatures.small_owner import SmallOwner


class Miss(StrEnum):
    """Why a record cannot be shown, other than what is wrong with its frame."""

    NOTHING = "nothing may be shown there"
    GONE = "its file is gone"


class SmallReader(SmallFrames, SmallOwner):
    """
    A correct reader of format v2, from one boundary to the next.

    Steps: `refresh`, `learn`, `resume`, `conclude`; `try_record`, `locate`,
    `extent`, `may_show`, `after`; `require_boundary`, `require_owner`.
    """

    breaks: ClassVar[frozenset[str]] = frozenset()
    """The requirements that a miniature may be found to violate."""

    reached: int | None = None
    """Where the last record that it has shown ended: a boundary."""

    def __init__(self, filesystem: Filesystem, *, durable_only: bool) -> None:
        super().__init__(Options())
        SmallOwner.__init__(self)
        self.filesystem = filesystem
        self.durable_only = durable_only
        self.bases: list[int] = []
        self.watermark: int | None = None
        self.refresh()

    def read(self, at: int) -> bytes:
        """Return the record at an offset."""
        for _, payload in self.scan(at):
            return payload
        raise BeyondEnd(f"offset {at}: there is no record yet")

    def scan(self, start: int | None = None) -> Iterator[Record]:
        """Yield records from a boundary, or the first one kept, up to the tail."""
        if start is None:
            self.learn()
            start = min(self.bases, default=0)
        elif start != self.reached:
            self.learn()
            self.require_boundary(start)
        for record in self.follow(start):
            self.reached = self.after(*record)
            yield record

    def require_boundary(self, at: int) -> None:
        """Walk through the segment of an offset, to see whether a record begins there."""
        end = self.locate(at) or 0
        while end < at:
            found = self.try_record(end)
            if not isinstance(found, bytes):
                self.conclude(end, found)
                raise BeyondEnd(f"offset {at} is beyond the end, {end}")
            end += HEADER_BYTES + len(found)
        if end > at:
            raise NotABoundary(f"offset {at} lies inside a record")

    def follow(self, at: int) -> Iterator[Record]:
        """Yield records up to the tail; a miss counts if there is nothing new to know."""
        while True:
            self.require_owner()
            found = self.try_record(at)
            if isinstance(found, bytes):
                yield at, found
                at = self.after(at, found)
            elif self.learn():
                at = self.resume(at)
            else:
                self.conclude(at, found)
                return

    # What is known

    def refresh(self) -> None:
        """Read the watermark, then the names, which then cover it."""
        watermark = self.read_watermark()
        names = self.filesystem.list_directory(DIRECTORY)
        if watermark is None and "watermark" in names:
            watermark = self.read_watermark()
        self.watermark = (
            watermark if self.watermark is None else max(watermark or 0, self.watermark)
        )
        self.bases = sorted(int(name[:16], 16) for name in names if name.endswith(".wal"))

    def learn(self) -> bool:
        """Look at the directory again, and tell whether anything has changed."""
        known = (self.bases, self.watermark)
        self.refresh()
        return known != (self.bases, self.watermark)

    def resume(self, at: int) -> int:
        """Return where to go on after something has changed: where one was."""
        return at

    def read_watermark(self) -> int | None:
        """Return the higher of the two slots that are whole."""
        try:
            file = self.filesystem.open_for_reading(f"{DIRECTORY}/watermark")
        except FileNotFoundError:
            return None
        with closing(file):
            slots = [file.read_at(position, 16) for position in (0, 512)]
        whole = [slot for slot in slots if self.is_whole(slot)]
        return max((int.from_bytes(slot[4:12], "little") for slot in whole), default=0)

    def is_whole(self, slot: bytes) -> bool:
        """Tell whether a slot of the watermark is one, and not half of two."""
        return slot[12:] == crc32c(slot[:12]).to_bytes(4, "little")

    # One record

    def try_record(self, at: int) -> bytes | Damage | Miss:
        """Return the record at an offset, as far as one knows, or why there is none."""
        base = self.locate(at)
        if base is None or not self.may_show(at + HEADER_BYTES):
            return Miss.NOTHING
        try:
            file = self.filesystem.open_for_reading(f"{DIRECTORY}/{base:016x}.wal")
        except FileNotFoundError:
            return Miss.GONE
        with closing(file):
            found = self.read_frame(file, at - base, self.extent(file, base) - (at - base))
        if isinstance(found, bytes) and not self.may_show(self.after(at, found)):
            return Miss.NOTHING
        return found

    def read_frame(self, file: File, position: int, remaining: int) -> bytes | Damage:
        """Read a frame of a file that may be cut while one reads it."""
        if len(file.read_at(position, HEADER_BYTES)) < HEADER_BYTES:
            return Damage.CUT_SHORT
        return super().read_frame(file, position, remaining)

    def locate(self, at: int) -> int | None:
        """Return the base of the segment that holds an offset."""
        return max((base for base in self.bases if base <= at), default=None)

    def extent(self, file: File, base: int) -> int:
        """Return how many bytes of a file are the segment: all, or up to the next one."""
        following = [each for each in self.bases if each > base]
        return min(following) - base if following else file.size()

    def may_show(self, end: int) -> bool:
        """Tell whether a record that ends at an offset may be shown."""
        return not self.durable_only or self.watermark is None or end <= self.watermark

    def after(self, at: int, payload: bytes) -> int:
        """Return the offset just past a record."""
        return at + HEADER_BYTES + len(payload)

    def conclude(self, at: int, found: Damage | Miss) -> None:
        """Say what a miss means now that nothing is new: the tail, unless it is not."""
        if not self.bases and self.watermark:
            raise Corrupt(f"there are no segments, and a watermark at {self.watermark}")
        if self.bases and at < self.bases[0]:
            raise Trimmed(f"offset {at} was removed: the first one kept is {self.bases[0]}")
        is_tail = self.locate(at) == max(self.bases, default=None) and at >= (self.watermark or 0)
        if found is not Miss.NOTHING and not is_tail:
            raise Corrupt(f"offset {at}: {found}")
