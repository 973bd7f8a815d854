"""
The content that a running system sees during a trace.

Whatever was written is there at once, and for everybody: the page cache and the tables of
names know no crash.  It is from here that every version comes which a crash may keep or
lose, and sector by sector, as a disk will have it.
"""

from copy import copy

from tornproof_models.disk.names import Names
from tornproof_models.disk.sparse import SparseFile
from tornproof_models.disk.trace import NAMELESS, ROOT, Image


class LiveTree:
    """The names and the contents of a tree, as of now."""

    def __init__(self, image: Image, sector_bytes: int) -> None:
        names = Names(image)
        self.names = names.entries
        """The names in each directory, by the directory's inode."""

        self.contents = {
            inode: SparseFile.of(image.files[path], sector_bytes)
            for path, inode in names.inodes.items()
            if path in image.files
        }
        """The content of each file, by its inode; also of those that have lost their names."""

        self._sector_bytes = sector_bytes

    def with_names_as_now(self) -> "LiveTree":
        """Return the same contents under the names that they have now."""
        other = copy(self)
        other.names = {directory: dict(names) for directory, names in self.names.items()}
        return other

    def create(self, inode: int) -> None:
        """Begin an empty file."""
        self.contents[inode] = SparseFile(self._sector_bytes)

    def sectors(self, inode: int) -> dict[int, bytes]:
        """Return the sectors of a file that are not all zeros, by number."""
        return dict(self.contents[inode].sectors)

    def set_name(self, directory: int, name: str, inode: int | None) -> int | None:
        """
        Let a name refer to an inode, or to nothing.

        Returns the file that has lost its last name by that, if one has.
        """
        names = self.names[directory]
        replaced = names.pop(name, None)
        if inode is not None:
            names[name] = inode
        kept = any(replaced in each.values() for each in self.names.values())
        lost = replaced in self.contents and not kept
        return replaced if lost else None

    def is_named(self, inode: int) -> bool:
        """Tell whether any name leads to an inode; the root needs none."""
        return inode == ROOT or any(
            inode in names.values()
            for directory, names in self.names.items()
            if directory != NAMELESS
        )

    def directories_above(self, inode: int) -> set[int]:
        """Return the directories through which names lead to an inode."""
        above, below = set[int](), [inode]
        while below:
            child = below.pop()
            found = {number for number, names in self.names.items() if child in names.values()}
            below += found - above
            above |= found
        return above

    def path_of(self, inode: int) -> str:
        """Return a name that an inode has now, for people to read."""
        if inode == ROOT:
            return "/"
        for directory, names in self.names.items():
            for name, named in names.items():
                if named == inode and directory != NAMELESS:
                    return f"{self.path_of(directory).rstrip('/')}/{name}"
        return f"file {inode} without a name"
