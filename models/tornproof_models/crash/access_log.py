"""
A disk that records what a program reads and writes.

What a program does with a disk depends on what it finds there: how long a file is,
what a sector holds.  This disk notes every such *answer*, in the order in which they
were asked for.  Another image that gives the same answers is treated in the same
way, whatever else it holds.

Only what lay there when the program began is noted; what it wrote itself it knows.
Names are not noted, since a journal begins by listing its directory: images whose
names differ are taken for different from the first.
"""

from typing import TypeAlias

from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image
from tornproof_models.disk.versions import Data, Size

Place: TypeAlias = Size | Data
"""A size or a sector of an image, whose files are numbered by `number_inodes`."""

Answer: TypeAlias = int | bytes
"""A size in bytes; or what a file holds of a sector, less than a whole one at its end."""


class WatchedFilesystem(ModelFilesystem):
    """
    A simulated disk that notes what a program looks at.

    It recommends to read a sector at a time, so that who stops at the first bad frame
    has seen no more than he had to; and more of a file that has all been seen.
    """

    def __init__(self, image: Image, sector_bytes: int) -> None:
        super().__init__(image)
        self.answers: dict[Place, Answer] = {}
        """What was there, at every place that the program looked at, in that order."""

        self._sector_bytes = sector_bytes
        self._before = {self._names.inodes[path]: image.files[path] for path in image.files}
        self._unseen: dict[int, set[int]] = {}
        """Sectors of a file that are still there to be seen, once its size has been."""

        self._cut: set[Data] = set()
        """Sectors that were cut off before they were looked at."""

    def worth_reading(self, inode: int) -> int:
        """Return how many bytes are worth reading at once: more, where all has been seen."""
        unseen = self._unseen.get(inode, inode in self._before)
        return self._sector_bytes if unseen else self.read_ahead

    def content(self, inode: int) -> bytearray:
        """Look at a file's size."""
        if inode not in self._unseen:
            self._look_at_size(inode)
        return self._content[inode]

    def read_inode(self, inode: int, offset: int, size: int) -> bytes:
        """Look at the sectors that are read."""
        if inode not in self._unseen:
            self._look_at_size(inode)
        if self._unseen[inode]:
            end = min(offset + size, len(self._content[inode]))
            for sector in range(offset // self._sector_bytes, -(-end // self._sector_bytes)):
                self._look(inode, sector)
        return super().read_inode(inode, offset, size)

    def write_inode(self, inode: int, offset: int, data: bytes) -> int:
        """
        Look at sectors that are written in part, and hide those written in whole.

        Look also at what was cut off there: it may show through a write that is not synced.
        """
        content, unseen = self.content(inode), self._unseen[inode]
        if self._cut or unseen:
            end = offset + len(data)
            reach = max(end, len(content))
            for sector in range(offset // self._sector_bytes, -(-end // self._sector_bytes)):
                start, register = sector * self._sector_bytes, Data(inode, sector)
                if register in self._cut:
                    self._note(register)
                elif start < offset or end < min(start + self._sector_bytes, reach):
                    self._look(inode, sector)
                unseen.discard(sector)
        return super().write_inode(inode, offset, data)

    def truncate_inode(self, inode: int, size: int) -> None:
        """Look at the sector that is cut in two, and hide those behind it."""
        content, unseen = self.content(inode), self._unseen[inode]
        if unseen:
            first = -(-size // self._sector_bytes)
            if size % self._sector_bytes:
                self._look(inode, first - 1)
            hidden = unseen.intersection(range(first, -(-len(content) // self._sector_bytes)))
            unseen -= hidden
            self._cut.update(Data(inode, sector) for sector in hidden)
        super().truncate_inode(inode, size)

    def _look_at_size(self, inode: int) -> None:
        self._unseen[inode] = set()
        if inode in self._before:
            size = len(self._before[inode])
            self.answers[Size(inode)] = size
            self._unseen[inode].update(range(-(-size // self._sector_bytes)))

    def _look(self, inode: int, sector: int) -> None:
        if sector in self._unseen[inode]:
            self._unseen[inode].remove(sector)
            self._note(Data(inode, sector))

    def _note(self, register: Data) -> None:
        start = register.sector * self._sector_bytes
        content = self._before[register.inode]
        self.answers.setdefault(register, content[start : start + self._sector_bytes])
