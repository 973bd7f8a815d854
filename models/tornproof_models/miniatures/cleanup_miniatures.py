"""
Cleaners and cursors with one bug each.

The twins are made of steps, and share no code with the reference.  A miniature
gets one step of one of them wrong.  None of the mistakes shows while everything
goes well; it takes a crash at the right moment, or a consumer that is slow.
"""

from collections.abc import Mapping
from contextlib import closing, suppress

from attrs import frozen
from tornproof.errors import Corrupt
from tornproof.filesystem import Filesystem

from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.miniatures.cursor_miniatures import (
    ArrivesBeforeItIsStored,
    MadeAgain,
    RemembersItsPlace,
    TakesAnyName,
)
from tornproof_models.miniatures.small_cleanup import (
    SmallCleaner,
    SmallCursor,
    positions_of,
    read_position,
    read_positions,
)
from tornproof_models.miniatures.small_recovery import write_all

# Order


class NewestFirst(SmallCleaner):
    """
    Removes the newest of the segments first.

    Crash → a hole behind the oldest one; the journal does not open.
    Source: baidu/braft#119 (2019).
    """

    breaks = frozenset({"SEG-7"})

    def removable(self, lowest: int) -> list[int]:
        """Turn them round."""
        return super().removable(lowest)[::-1]


class RemovalNotSynced(SmallCleaner):
    """
    Leaves it to the disk when the names are gone.

    Reordering → a later removal lasts and an earlier one does not.
    Source: facebook/rocksdb#10573 (2022), from the other side.
    """

    breaks = frozenset({"SEG-7"})

    def publish_removal(self) -> None:
        """Hurry on."""


# What is removed


class PastACursor(SmallCleaner):
    """
    Removes the segment in which a cursor stands.

    Cleanup → the consumer's next record is gone.
    """

    breaks = frozenset({"SEG-7", "CUR-3"})

    def removable(self, lowest: int) -> list[int]:
        """Look at the wrong end of each."""
        return [base for base in sorted(self.sizes)[:-1] if base < lowest]


class ActiveSegmentRemoved(SmallCleaner):
    """
    Removes every segment that nobody needs, the active one too.

    A consumer that has done everything → offsets begin again at zero.
    Source: apache/kafka#5169 (2018).
    """

    breaks = frozenset({"SEG-7", "SEG-9"})

    def removable(self, lowest: int) -> list[int]:
        """Make no exception."""
        return [base for base in sorted(self.sizes) if base + self.sizes[base] <= lowest]


class FastestConsumerDecides(SmallCleaner):
    """
    Keeps what the fastest consumer needs.

    Two consumers → the slower one has lost its records.
    """

    breaks = frozenset({"SEG-7", "CUR-3"})

    def lowest(self, positions: Mapping[str, int]) -> int:
        """Take the highest."""
        return max(positions.values(), default=0)


class NobodyNeedsAnything(SmallCleaner):
    """
    Removes everything where there is no cursor.

    Nothing → a journal that has no consumer yet will have no records for it.
    """

    breaks = frozenset({"SEG-7"})

    def lowest(self, positions: Mapping[str, int]) -> int:
        """Read silence as consent."""
        return min(positions.values(), default=1 << 62)


class UndurableCursorTrusted(SmallCleaner):
    """
    Relies on a cursor as soon as it can be seen.

    A consumer dies before it can sync, then the power fails → the cursor goes back, and the
    records are gone.
    Source: apache/bookkeeper#4740 (2026).
    """

    breaks = frozenset({"CUR-3"})

    def settle_cursors(self) -> None:
        """Believe."""


class ListsOnce(SmallCleaner):
    """
    Takes one listing of the directory for all cursors.

    A cursor moves meanwhile, on btrfs → it is not in the listing, and what it needs is removed.
    Source: of this project; seen on Linux 6.18.
    """

    breaks = frozenset({"CUR-9"})

    def positions(self) -> Mapping[str, int]:
        """Look once."""
        return positions_of(self.filesystem, self.filesystem.list_directory(DIRECTORY))


class PassesOverWhatItCannotRead(SmallCleaner):
    """
    Leaves a cursor that it cannot read out of account.

    A spoilt cursor → what its consumer has yet to see is removed.
    """

    breaks = frozenset({"CUR-6"})

    def positions(self) -> Mapping[str, int]:
        """Take those that can be read."""
        found: dict[str, int] = {}
        for _ in range(2):
            for name in self.filesystem.list_directory(DIRECTORY):
                with suppress(Corrupt):
                    found |= positions_of(self.filesystem, [name])
        return found


# Cursors


class GoesAnywhere(SmallCursor):
    """
    Moves forward to whatever offset it is given.

    An offset inside a record, or beyond the end → cleanup removes what nobody has seen.
    """

    breaks = frozenset({"CUR-5"})

    def check_place(self, offset: int) -> None:
        """Trust the consumer."""


class OverwrittenInPlace(SmallCursor):
    """
    Empties its file and writes it again.

    Kill → no cursor at all, and a consumer that begins anew, or never again.
    Source: nsqio/go-diskqueue#28 (2021).
    """

    breaks = frozenset({"CUR-1", "CUR-2"})

    def write(self, content: bytes) -> None:
        """Write where everybody looks."""
        with closing(self.filesystem.open(self.path, create=True)) as file:
            file.truncate(0)
            write_all(file, 0, content)
            file.sync()

    def name_it(self) -> None:
        """It has its name already."""


class ContentNotSynced(SmallCursor):
    """
    Renames a file that is not on the disk.

    Reordering → the name is there and the content is not.
    Source: ZOOKEEPER-2310 (2015).
    """

    breaks = frozenset({"CUR-1", "CUR-2"})

    def write(self, content: bytes) -> None:
        """Write, and hope."""
        with suppress(FileNotFoundError):
            self.filesystem.unlink(f"{self.path}.tmp")
        with closing(self.filesystem.open(f"{self.path}.tmp", create=True)) as file:
            write_all(file, 0, content)


class NameNotSynced(SmallCursor):
    """
    Says that it has moved before the new name is durable.

    Unsynced loss → it has moved back.
    Source: redis/redis#10737 (2022).
    """

    breaks = frozenset({"CUR-2"})

    def settle(self) -> None:
        """Leave it to the disk."""


class ShownBeforeDurable(SmallCursor):
    """
    Believes what it finds when it begins.

    A consumer dies before it can sync, then the power fails → what was shown is no more.
    Source: KAFKA-10101 (2020).
    """

    breaks = frozenset({"CUR-2"})

    def begin(self) -> None:
        """Read, and go."""
        try:
            self.position = read_position(self.filesystem, self.path)
        except FileNotFoundError:
            super().begin()


class MovesBackwards(SmallCursor):
    """
    Goes wherever it is told.

    A consumer that was replaced → undoes what its successor has done.
    """

    breaks = frozenset({"CUR-2"})

    def check(self, offset: int) -> None:
        """Obey."""


class MovedByAChild(SmallCursor):
    """
    Moves in whichever process it is asked to.

    Fork → cleanup removes what the slower of the two consumers has yet to see.
    """

    breaks = frozenset({"CUR-4"})

    def require_owner(self) -> None:
        """Know no owner."""


CLEANERS: Mapping[str, type[SmallCleaner]] = {
    "newest-first": NewestFirst,
    "removal-not-synced": RemovalNotSynced,
    "past-a-cursor": PastACursor,
    "active-segment-removed": ActiveSegmentRemoved,
    "fastest-consumer-decides": FastestConsumerDecides,
    "nobody-needs-anything": NobodyNeedsAnything,
    "undurable-cursor-trusted": UndurableCursorTrusted,
    "lists-once": ListsOnce,
    "passes-over-what-it-cannot-read": PassesOverWhatItCannotRead,
}
"""All miniatures of a cleaner, by name."""

CURSORS: Mapping[str, type[SmallCursor]] = {
    "overwritten-in-place": OverwrittenInPlace,
    "content-not-synced": ContentNotSynced,
    "name-not-synced": NameNotSynced,
    "shown-before-durable": ShownBeforeDurable,
    "moves-backwards": MovesBackwards,
    "moved-by-a-child": MovedByAChild,
    "goes-anywhere": GoesAnywhere,
    "remembers-its-place": RemembersItsPlace,
    "arrives-before-it-is-stored": ArrivesBeforeItIsStored,
    "made-again": MadeAgain,
    "takes-any-name": TakesAnyName,
}
"""All miniatures of a cursor, by name."""


@frozen
class SmallConsumers:
    """A cleaner and a cursor, as something that can be judged."""

    name: str
    cleaner: type[SmallCleaner] = SmallCleaner
    cursor: type[SmallCursor] = SmallCursor

    def open(self, filesystem: ModelFilesystem, options: Options) -> SmallCleaner:
        """Open the journal on a simulated disk."""
        return self.cleaner(filesystem, options)

    def open_cursor(self, filesystem: Filesystem, name: str) -> SmallCursor:
        """Open a cursor."""
        return self.cursor(filesystem, name)

    def positions(self, filesystem: Filesystem) -> Mapping[str, int]:
        """Read every cursor."""
        return read_positions(filesystem)


SMALL_CONSUMERS = SmallConsumers("small-consumers")
"""The correct twins."""

CONSUMERS: Mapping[str, SmallConsumers] = {
    **{name: SmallConsumers(name, cleaner=cleaner) for name, cleaner in CLEANERS.items()},
    **{name: SmallConsumers(name, cursor=cursor) for name, cursor in CURSORS.items()},
}
"""All of both, as something that can be judged."""
