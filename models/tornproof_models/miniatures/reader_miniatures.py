"""
A small reader that is right, and readers that are wrong in one step.

The twin shares no code with the reference and keeps one record in hand at a
time.  Each miniature gets one of its steps wrong; most of them are a published
bug, and all of them work as long as nobody else is at work.
"""

from collections.abc import Mapping
from contextlib import closing

from attrs import frozen
from tornproof.filesystem import File, Filesystem

from tornproof_models.crash.subject import DIRECTORY
from tornproof_models.miniatures.small_frames import HEADER_BYTES, Damage
from tornproof_models.miniatures.small_reader import Miss, SmallReader

# Rotation


class SkipsAtRotation(SmallReader):
    """
    Goes on in the new segment as soon as there is one.

    Race → what was written to the old one in the meantime is skipped.
    Source: hpcloud/tail#127 (2017).
    """

    breaks = frozenset({"RDR-5"})

    def resume(self, at: int) -> int:
        """Go where the writer is."""
        return max([at, *self.bases])


class NeverRefreshes(SmallReader):
    """
    Knows the directory as it was when it began.

    Rotation → waits for ever at the end of a file that nobody writes any more.
    """

    breaks = frozenset({"RDR-1", "RDR-4"})

    def learn(self) -> bool:
        """Know enough."""
        return False


class RefreshesTooLate(SmallReader):
    """
    Looks at the directory again, and tries again only when asked the next time.

    Race → says "not yet" of a record that had been there all along.
    """

    breaks = frozenset({"RDR-1", "RDR-3"})

    def learn(self) -> bool:
        """Keep it for later."""
        super().learn()
        return False


class BeginsTheSegmentAgain(SmallReader):
    """
    Goes back to the beginning of its segment whenever something has changed.

    Rotation → records are seen twice.
    """

    breaks = frozenset({"RDR-5"})

    def resume(self, at: int) -> int:
        """Begin the file again."""
        return max((base for base in self.bases if base < at), default=at)


# The tail


class TornRecordReturned(SmallReader):
    """
    Believes a length, and returns as many bytes of the record as there are.

    Race with an append → half a record.
    Source: nsqio/nsq#471 (2014), from the other side.
    """

    breaks = frozenset({"RDR-3", "RDR-6"})

    def check_length(self, *_: int) -> None:
        """Trust it."""

    def check_frame(self, *_: int | bytes) -> None:
        """Trust that, too."""


class WaitsForTheRest(SmallReader):
    """
    Keeps the header of a partial record, and waits until the file is long enough.

    Kill → the record was cut by recovery, and the wait never ends.
    Source: vectordotdev/vector#10868 (2022).
    """

    breaks = frozenset({"RDR-1"})
    waiting: tuple[int, int, int] | None = None
    """The offset of a record, the segment that it is in, and the size that this must have."""

    def try_record(self, at: int) -> bytes | Damage | Miss:
        """Wait for what has begun."""
        if self.waiting and self.waiting[0] == at:
            _, base, size = self.waiting
            file = self.filesystem.open_for_reading(f"{DIRECTORY}/{base:016x}.wal")
            if file.size() < size:
                return Miss.NOTHING
        return super().try_record(at)

    def read_frame(self, file: File, position: int, remaining: int) -> bytes | Damage:
        """Make a note of what has begun."""
        found = super().read_frame(file, position, remaining)
        if found is Damage.CUT_SHORT and remaining >= HEADER_BYTES:
            length, _, _ = self.unpack(file.read_at(position, HEADER_BYTES))
            base = self.bases[-1]
            self.waiting = (base + position, base, position + HEADER_BYTES + length)
        return found


# Cleanup


class GapBehindCleanup(SmallReader):
    """
    Goes on with the first segment that is left.

    Race with cleanup → a gap that nobody hears of.
    """

    breaks = frozenset({"RDR-4"})

    def resume(self, at: int) -> int:
        """Make the best of it."""
        return max(at, min(self.bases, default=0))


class TrimmedIsNotYet(SmallReader):
    """
    Takes a file that is gone for one that is still to come.

    Race with cleanup → waits for ever for what was removed.
    """

    breaks = frozenset({"RDR-4"})

    def conclude(self, at: int, found: Damage | Miss) -> None:
        """Hope."""
        if not self.bases or at >= self.bases[0]:
            super().conclude(at, found)


# Durability


class ShowsBeyondTheWatermark(SmallReader):
    """
    Shows every whole record, whatever was asked.

    Unsynced loss → somebody has acted on what never was.
    Source: etcd-io/etcd#14370 (2022), from the other side.
    """

    breaks = frozenset({"RDR-6"})

    def may_show(self, *_: int) -> bool:
        """Show it."""
        return True


class WatermarkOfTheFirstLook(SmallReader):
    """
    Takes a journal without a watermark for one that never has any.

    Race with a first writer → shows what is not durable.
    """

    breaks = frozenset({"RDR-6", "RDR-1"})

    def refresh(self) -> None:
        """Ask for the watermark only where there was one in the beginning."""
        began = hasattr(self, "seen")
        self.seen = True
        had_none = began and self.watermark is None
        super().refresh()
        if had_none:
            self.watermark = None


# Writing


class KeepsItsPosition(SmallReader):
    """
    Keeps a note of where it is beside the segments.

    Nothing → a reader that writes cannot read a copy, or a disk that is full.
    """

    breaks = frozenset({"RDR-2", "RDR-3"})

    def after(self, at: int, payload: bytes) -> int:
        """Make a note."""
        end = super().after(at, payload)
        with closing(self.filesystem.open(f"{DIRECTORY}/position", create=True)) as file:
            file.write_at(0, end.to_bytes(8))
        return end


# Processes


class ReadOnInAChild(SmallReader):
    """
    Reads on in whichever process it is asked to.

    Fork → parent and child show the same records, and each takes itself for the one reader.
    """

    breaks = frozenset({"RDR-7"})

    def require_owner(self) -> None:
        """Know no owner."""


# Answers


class ReadsAnywhere(SmallReader):
    """
    Takes every offset for one at which a record begins.

    An offset inside a record → damage is reported where there is none.
    """

    breaks = frozenset({"RDR-8"})

    def require_boundary(self, at: int) -> None:
        """Trust the caller."""


class DamageIsTheTail(SmallReader):
    """
    Ends at the first frame that is not whole, wherever it stands.

    A flipped bit in a sealed segment → the records behind it are never shown.
    """

    breaks = frozenset({"RDR-9"})

    def conclude(self, at: int, found: Damage | Miss) -> None:
        """Wait for better times."""
        if self.bases and at < self.bases[0]:
            super().conclude(at, found)


class BelievesATornSlot(SmallReader):
    """
    Takes the higher slot of the watermark, whether it is whole or not.

    Source: of this project; a mutant of the reference.
    """

    breaks = frozenset({"RDR-6", "RDR-8"})

    def is_whole(self, slot: bytes) -> bool:
        """Look at the magic alone."""
        return slot[:4] == b"TPW1"


class ForgetsWhatWasDurable(SmallReader):
    """
    Goes by the watermark as it is now, also while its higher slot is being written.

    Source: of this project; a mutant of the reference.
    """

    breaks = frozenset({"RDR-8"})

    def refresh(self) -> None:
        """Know nothing from before."""
        self.watermark = None
        super().refresh()


READERS: Mapping[str, type[SmallReader]] = {
    "skips-at-rotation": SkipsAtRotation,
    "never-refreshes": NeverRefreshes,
    "refreshes-too-late": RefreshesTooLate,
    "begins-the-segment-again": BeginsTheSegmentAgain,
    "torn-record-returned": TornRecordReturned,
    "waits-for-the-rest": WaitsForTheRest,
    "gap-behind-cleanup": GapBehindCleanup,
    "trimmed-is-not-yet": TrimmedIsNotYet,
    "shows-beyond-the-watermark": ShowsBeyondTheWatermark,
    "watermark-of-the-first-look": WatermarkOfTheFirstLook,
    "keeps-its-position": KeepsItsPosition,
    "read-on-in-a-child": ReadOnInAChild,
    "reads-anywhere": ReadsAnywhere,
    "damage-is-the-tail": DamageIsTheTail,
    "believes-a-torn-slot": BelievesATornSlot,
    "forgets-what-was-durable": ForgetsWhatWasDurable,
}
"""All miniatures of a reader, by name."""


@frozen
class SmallReaderSubject:
    """A miniature, or the twin, as something that can be judged."""

    name: str
    reader: type[SmallReader]

    def open(self, filesystem: Filesystem, *, durable_only: bool) -> SmallReader:
        """Open a reader."""
        return self.reader(filesystem, durable_only=durable_only)


SMALL_READER = SmallReaderSubject("small-reader", SmallReader)
"""The correct twin."""
