"""
The recovery of the small journal.

One of the three parts of `small_journal`: what segments are called, what a
crash left in them, and what is done about it.
"""

import posixpath
import re
from contextlib import closing, suppress
from itertools import pairwise

from attrs import frozen
from tornproof.errors import Corrupt, MissingSegment
from tornproof.filesystem import File, Filesystem

from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.miniatures.small_frames import HEADER_BYTES, Damage, SmallFrames


@frozen
class Examined:
    """A segment as it was found: its valid prefix, its size, and what ends the prefix."""

    kept: int
    size: int
    damage: Damage | None


def write_all(file: File, position: int, data: bytes) -> None:
    """Write, and go on where a short write stopped."""
    while data:
        written = file.write_at(position, data)
        position, data = position + written, data[written:]


class SmallRecovery(SmallFrames):
    """
    Recovery: decide first, then act.

    Steps: `make_directory`, `recover`, `list_segments`, `examine`,
    `check_sealed`, `check_contiguous`, `is_temporary`, `settle`, `cut`,
    `write_again`; and for names: `name_of`, `base_of`, `base_after`.
    """

    def __init__(self, filesystem: Filesystem, options: Options) -> None:
        super().__init__(options)
        self.filesystem = filesystem
        self.directory = DIRECTORY
        self.sizes: dict[int, int] = {}
        """Valid bytes of each segment, by its base, ascending."""
        self.discarded_bytes = 0

    def make_directory(self) -> None:
        """Make the directory; until it holds a segment, its own name may not be durable."""
        with suppress(FileNotFoundError):
            if self.list_segments():
                return
        with suppress(FileExistsError):
            self.filesystem.make_directory(self.directory)
        self.filesystem.sync_directory(posixpath.dirname(self.directory))

    def recover(self) -> None:
        """Decide what a crash left; only then act, on temporary files and the last segment."""
        # decide
        bases = self.list_segments()
        found = {base: self.examine(base) for base in bases}
        for base, following in pairwise(bases):
            self.check_sealed(base, found[base])
            self.check_contiguous(base, found[base], following)
        self.sizes = {base: found[base].kept for base in bases}

        # act
        for name in self.filesystem.list_directory(self.directory):
            if self.is_temporary(name):
                self.filesystem.unlink(f"{self.directory}/{name}")
        if bases:
            last = found[bases[-1]]
            self.discarded_bytes = last.size - last.kept
            self.settle(bases[-1], last)

    def list_segments(self) -> list[int]:
        """Return the base of each segment on disk, ascending."""
        names = self.filesystem.list_directory(self.directory)
        bases = (self.base_of(name) for name in names)
        return sorted(base for base in bases if base is not None)

    def examine(self, base: int) -> Examined:
        """Find the longest valid prefix of a segment."""
        kept = 0
        with closing(self.filesystem.open_for_reading(self.path(base))) as file:
            size = file.size()
            for position, found in self.walk(file, size):
                if isinstance(found, Damage):
                    return Examined(kept, size, found)
                kept = position + HEADER_BYTES + len(found)
        return Examined(kept, size, None)

    def check_sealed(self, base: int, found: Examined) -> None:
        """Insist that a segment with a successor is valid to its last byte."""
        if found.damage is not None:
            raise Corrupt(f"{self.path(base)}: {found.damage} at byte {found.kept}")

    def check_contiguous(self, base: int, found: Examined, following: int) -> None:
        """Insist that a segment ends where the next one begins."""
        end = self.base_after(base + found.kept)
        if end < following:
            raise MissingSegment(f"{self.path(base)} ends at {end}, the next begins at {following}")
        if end > following:
            raise Corrupt(f"{self.path(base)} ends at {end}, the next begins at {following}")

    def is_temporary(self, name: str) -> bool:
        """Tell whether a file is a segment of ours that was never finished."""
        return name.endswith(".tmp") and self.base_of(name.removesuffix(".tmp")) is not None

    def settle(self, base: int, found: Examined) -> None:
        """Make durable what recovery keeps of the last segment, before it is shown."""
        with closing(self.filesystem.open(self.path(base))) as file:
            self.cut(file, found)
            self.write_again(file, found.kept)
            file.sync()

    def cut(self, file: File, found: Examined) -> None:
        """Cut a segment behind its valid prefix, even where a cut is in memory already."""
        file.truncate(found.kept)

    def write_again(self, file: File, size: int) -> None:
        """Make pages dirty that a failed fsync may have left clean, so that a sync counts."""
        for position in range(0, size, file.read_ahead):
            data = file.read_at(position, min(file.read_ahead, size - position))
            write_all(file, position, data)

    # Names

    def path(self, base: int) -> str:
        """Return where a segment lies."""
        return f"{self.directory}/{self.name_of(base)}"

    def name_of(self, base: int) -> str:
        """Name a segment after its base."""
        return f"{base:016x}.wal"

    def base_of(self, name: str) -> int | None:
        """Return the base that a name means, or none if it is no segment's."""
        return int(name[:16], 16) if re.fullmatch(r"[0-9a-f]{16}\.wal", name) else None

    def base_after(self, end: int) -> int:
        """Return the base of the segment that follows one with this end."""
        return end
