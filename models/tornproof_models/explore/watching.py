"""
A disk that takes down what a program asks of it.

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
from tornproof_models.disk.trace import Image, number_inodes
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
        inodes = number_inodes(image)
        self._before = {inodes[path]: content for path, content in image.files.items()}
        self._unseen: dict[int, int] = {}
        """How many sectors of a file are still there to be seen, once its size has been."""

        self._hidden: set[Data] = set()
        """Sectors that were overwritten or cut off before they were looked at."""

        self._cut: set[Data] = set()
        """Those of them that were cut off."""

    def worth_reading(self, inode: int) -> int:
        """Return how many bytes are worth reading at once: more, where all has been seen."""
        unseen = inode in self._before and self._unseen.get(inode, 1)
        return self._sector_bytes if unseen else self.read_ahead

    def content(self, inode: int) -> bytearray:
        """Look at a file's size."""
        if inode in self._before and inode not in self._unseen:
            size = len(self._before[inode])
            self.answers[Size(inode)] = size
            self._unseen[inode] = -(-size // self._sector_bytes)
        return super().content(inode)

    def read_inode(self, inode: int, offset: int, size: int) -> bytes:
        """Look at the sectors that are read."""
        end = min(offset + size, len(self.content(inode)))
        if self._unseen.get(inode):
            for sector in range(offset // self._sector_bytes, -(-end // self._sector_bytes)):
                self._look(inode, sector)
        return super().read_inode(inode, offset, size)

    def write_inode(self, inode: int, offset: int, data: bytes) -> int:
        """
        Look at sectors that are written in part, and hide those written in whole.

        Look also at what was cut off there: it may show through a write that is not synced.
        """
        end = offset + len(data)
        reach = max(end, len(self.content(inode)))
        if self._cut or self._unseen.get(inode):
            for sector in range(offset // self._sector_bytes, -(-end // self._sector_bytes)):
                start, register = sector * self._sector_bytes, Data(inode, sector)
                if register in self._cut:
                    self._note(register)
                elif start < offset or end < min(start + self._sector_bytes, reach):
                    self._look(inode, sector)
                self._hide(register)
        return super().write_inode(inode, offset, data)

    def truncate_inode(self, inode: int, size: int) -> None:
        """Look at the sector that is cut in two, and hide those behind it."""
        old_size = len(self.content(inode))
        if self._unseen.get(inode):
            first = -(-size // self._sector_bytes)
            if size % self._sector_bytes:
                self._look(inode, first - 1)
            for sector in range(first, -(-old_size // self._sector_bytes)):
                register = Data(inode, sector)
                if self._hide(register):
                    self._cut.add(register)
        super().truncate_inode(inode, size)

    def _look(self, inode: int, sector: int) -> None:
        register = Data(inode, sector)
        if self._is_unseen(register):
            self._note(register)
            self._unseen[inode] -= 1

    def _hide(self, register: Data) -> bool:
        if not self._is_unseen(register):
            return False
        self._hidden.add(register)
        self._unseen[register.inode] -= 1
        return True

    def _is_unseen(self, register: Data) -> bool:
        if register in self.answers or register in self._hidden:
            return False
        size = len(self._before.get(register.inode, b""))
        return register.sector * self._sector_bytes < size

    def _note(self, register: Data) -> None:
        start = register.sector * self._sector_bytes
        content = self._before[register.inode]
        self.answers.setdefault(register, content[start : start + self._sector_bytes])
