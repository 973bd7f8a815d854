"""
A small journal with a durable watermark, and miniatures that get it wrong.

The twin keeps its own note in its own way: an offset, twice, each with a CRC.
"""

import os
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import ClassVar

from crc32c import crc32c
from tornproof.errors import Corrupt

from tornproof_models.miniatures.small_journal import SmallJournal
from tornproof_models.miniatures.small_recovery import write_all


class SmallWatermark(SmallJournal):
    """
    A correct journal that knows how much of itself is durable.

    Steps: `note`, `read_note`, `check_watermark`, `settle_note`, `settle_name`.
    """

    slot: ClassVar[int] = 512
    notes = 0

    def barrier(self) -> None:
        """Sync, and then make a note of it."""
        super().barrier()
        self.note(self.end)

    def seal(self) -> None:
        """Make the note durable between segments."""
        super().seal()
        self.settle_note()

    def before_closing(self) -> None:
        """Make the note durable at the end, and its name."""
        super().before_closing()
        if os.getpid() == self.process:
            self.settle_note()
            self.settle_name()

    def recover(self) -> None:
        """Recover, unless something is missing that was durable; note what is durable now."""
        bases = self.list_segments()
        self.check_watermark(bases[-1] + self.examine(bases[-1]).kept if bases else 0)
        super().recover()
        self.note(self.end)

    def check_watermark(self, end: int) -> None:
        """Refuse an end below what was durable."""
        if end < self.read_note():
            raise Corrupt(f"the journal ends at {end}, and was durable up to {self.read_note()}")

    def note(self, offset: int) -> None:
        """Write an offset into the slot that holds the older one."""
        body = offset.to_bytes(8)
        self.notes += 1
        with closing(self.filesystem.open(f"{self.directory}/watermark", create=True)) as file:
            write_all(file, self.notes % 2 * self.slot, body + crc32c(body).to_bytes(4))

    def read_note(self) -> int:
        """Return the higher of the two that are whole."""
        found = [0]
        with (
            suppress(FileNotFoundError),
            closing(self.filesystem.open_for_reading(f"{self.directory}/watermark")) as file,
        ):
            for position in (0, self.slot):
                content = file.read_at(position, 12)
                if len(content) == 12 and crc32c(content[:8]) == int.from_bytes(content[8:]):
                    found.append(int.from_bytes(content[:8]))
        return max(found)

    def settle_note(self) -> None:
        """Sync the note."""
        with closing(self.filesystem.open(f"{self.directory}/watermark", create=True)) as file:
            file.sync()

    def settle_name(self) -> None:
        """Sync the name of the note, which this process may have made."""
        self.filesystem.sync_directory(self.directory)


class WatermarkUnread(SmallWatermark):
    """
    Keeps a watermark, and cuts what lies below it all the same.

    Bit flip → acknowledged records are cut as if they were a torn tail.
    Source: nats-io/nats-server#7549 (2025).
    """

    breaks = frozenset({"REC-5", "REC-12"})

    def check_watermark(self, end: int) -> None:
        """Never mind."""


class WatermarkAheadOfTheSync(SmallWatermark):
    """
    Makes its note before the sync.

    Crash → it asks for records that nobody was promised, and does not open.
    Source: KAFKA-10101 (2020).
    """

    breaks = frozenset({"REC-1", "REC-2"})

    def barrier(self) -> None:
        """Be quick about it."""
        self.note(self.end)
        super().barrier()


class WatermarkLeftBehind(SmallWatermark):
    """
    Never syncs its note.

    Power cut after a close → nothing is known to be durable, though all of it is.
    """

    breaks = frozenset({"REC-12"})

    def settle_note(self) -> None:
        """Leave it to the disk."""


class WatermarkNameLeftBehind(SmallWatermark):
    """
    Never syncs the directory for its note.

    Opened for a journal that had none, closed, and a power cut → no note at all.
    """

    breaks = frozenset({"REC-12"})

    def settle_name(self) -> None:
        """Take the sync of a file for one of its name."""


class WatermarkOnTrust(SmallWatermark):
    """
    Does not open without a watermark that is whole.

    A lost side file → the journal is lost with it.
    """

    breaks = frozenset({"REC-1", "REC-12"})

    def read_note(self) -> int:
        """Insist."""
        found = super().read_note()
        if not found and self.list_segments():
            raise Corrupt("the watermark is gone")
        return found


WATERMARKS: Mapping[str, type[SmallWatermark]] = {
    "watermark-unread": WatermarkUnread,
    "watermark-ahead-of-the-sync": WatermarkAheadOfTheSync,
    "watermark-left-behind": WatermarkLeftBehind,
    "watermark-name-left-behind": WatermarkNameLeftBehind,
    "watermark-on-trust": WatermarkOnTrust,
}
"""All of them by name; `SmallWatermark` is their twin."""
