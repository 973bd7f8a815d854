"""
A small journal with cleanup, and small cursors, both correct.

The miniatures of cleanup and cursors each change one step of these.
"""

from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from re import fullmatch
from typing import ClassVar

from crc32c import crc32c
from tornproof.errors import Corrupt, InputOutput, Invalid
from tornproof.filesystem import Filesystem

from tornproof_models.crash.subject import DIRECTORY
from tornproof_models.miniatures.small_journal import SmallJournal
from tornproof_models.miniatures.small_owner import SmallOwner
from tornproof_models.miniatures.small_reader import SmallReader
from tornproof_models.miniatures.small_recovery import write_all


class SmallCursor(SmallOwner):
    """
    A correct cursor.

    Steps: `check_name`, `begin`, `check`, `stored`, `check_place`, `store`, `write`,
    `name_it`, `settle`, `require_owner`.
    """

    breaks: ClassVar[frozenset[str]] = frozenset()
    """The requirements that a miniature may be found to violate."""

    def __init__(self, filesystem: Filesystem, name: str) -> None:
        super().__init__()
        self.check_name(name)
        self.filesystem = filesystem
        self.path = f"{DIRECTORY}/{name}.cursor"
        self.position = -1
        self.begin()

    def begin(self) -> None:
        """Take over where an earlier process was, durably, or begin with the first record."""
        with suppress(FileNotFoundError):
            position = read_position(self.filesystem, self.path)
            self.settle()
            self.position = position
            return
        names = self.filesystem.list_directory(DIRECTORY)
        self.store(min((int(name[:16], 16) for name in names if name.endswith(".wal")), default=0))

    def advance(self, offset: int) -> None:
        """Move on, durably."""
        self.require_owner()
        self.check(offset)
        self.store(offset)

    def check(self, offset: int) -> None:
        """Refuse to go back, and to stand where no durable record begins or ends."""
        if offset < max(self.position, self.stored()):
            raise Invalid(f"a cursor at {self.position} cannot go back to {offset}")
        self.check_place(offset)

    def stored(self) -> int:
        """Return the position on disk, which somebody else may have moved or removed."""
        try:
            return read_position(self.filesystem, self.path)
        except FileNotFoundError:
            raise InputOutput(f"{self.path} is gone") from None

    def check_name(self, name: str) -> None:
        """Refuse what could not be a file beside the segments."""
        if not fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
            raise Invalid(f"{name!r} is no name of a cursor")

    def check_place(self, offset: int) -> None:
        """Let a reader of durable records walk there."""
        SmallReader(self.filesystem, durable_only=True).require_boundary(offset)

    def store(self, offset: int) -> None:
        """Replace the file by a new one."""
        body = b"TPC1" + offset.to_bytes(8, "little")
        self.write(body + crc32c(body).to_bytes(4, "little"))
        self.name_it()
        self.settle()
        self.position = offset

    def write(self, content: bytes) -> None:
        """Write a file that nobody has seen, and sync it."""
        with suppress(FileNotFoundError):
            self.filesystem.unlink(f"{self.path}.tmp")
        with closing(self.filesystem.open(f"{self.path}.tmp", create=True)) as file:
            write_all(file, 0, content)
            file.sync()

    def name_it(self) -> None:
        """Give it the cursor's name."""
        self.filesystem.rename(f"{self.path}.tmp", self.path)

    def settle(self) -> None:
        """Make the name durable."""
        self.filesystem.sync_directory(DIRECTORY)


def read_position(filesystem: Filesystem, path: str) -> int:
    """Read a cursor, or refuse what is none."""
    with closing(filesystem.open_for_reading(path)) as file:
        content = file.read_at(0, 17)
    if len(content) != 16 or content[12:] != crc32c(content[:12]).to_bytes(4, "little"):
        raise Corrupt(f"{path} is not a cursor")
    return int.from_bytes(content[4:12], "little")


def read_positions(filesystem: Filesystem) -> dict[str, int]:
    """Read all cursors, by name; a listing may lack one that is renamed meanwhile."""
    names = {*filesystem.list_directory(DIRECTORY), *filesystem.list_directory(DIRECTORY)}
    return positions_of(filesystem, sorted(names))


def positions_of(filesystem: Filesystem, names: Iterable[str]) -> dict[str, int]:
    """Read those of some names that are cursors."""
    return {
        name.removesuffix(".cursor"): read_position(filesystem, f"{DIRECTORY}/{name}")
        for name in names
        if name.endswith(".cursor")
    }


class SmallCleaner(SmallJournal):
    """
    A correct journal that can be cleaned up.

    Steps: `positions`, `lowest`, `settle_cursors`, `removable`, `remove`, `publish_removal`.
    """

    def cleanup(self) -> int:
        """Remove what lies below every cursor, and return the offset of the first record kept."""
        self.check_open()
        lowest = self.lowest(self.positions())
        self.settle_cursors()
        for base in self.removable(lowest):
            self.remove(base)
            self.publish_removal()
        return min(self.sizes, default=0)

    def positions(self) -> Mapping[str, int]:
        """Read all cursors, or refuse."""
        return read_positions(self.filesystem)

    def lowest(self, positions: Mapping[str, int]) -> int:
        """Return the offset below which nobody needs anything."""
        return min(positions.values(), default=0)

    def settle_cursors(self) -> None:
        """Make sure that no crash takes a cursor back that one relies on."""
        self.filesystem.sync_directory(self.directory)

    def removable(self, lowest: int) -> list[int]:
        """Return the segments that end at or below an offset, the oldest first."""
        bases = sorted(self.sizes)[:-1]
        return [base for base in bases if base + self.sizes[base] <= lowest]

    def remove(self, base: int) -> None:
        """Remove a segment."""
        self.filesystem.unlink(self.path(base))
        del self.sizes[base]

    def publish_removal(self) -> None:
        """Make the removal durable before the next."""
        self.publish()
