"""
Check that an object is used in the process that made it.

`fork` copies a process with everything in it: an open journal, its offsets, its
lock.  Both copies would then acknowledge records at the same offsets, and one
of the two would be overwritten.  So everything that writes, or keeps a place,
remembers the process that made it, and refuses in any other (JRN-13).

That this is a child is noted once, by a hook that Python calls in every child it
forks; asking for the number of the process would be a system call for each
append.  A library that forks without Python's knowledge cannot run Python code
in the child, so there is nobody to refuse.
"""

import os

from tornproof.errors import Forked


class _Process:
    """This process, told by identity from the one it was forked from."""

    def __init__(self) -> None:
        self.number = os.getpid()


class Owner:
    """Remembers the process in which it was made."""

    __slots__ = ("_process",)

    def __init__(self) -> None:
        self._process = _this

    @property
    def is_here(self) -> bool:
        """Whether this is still that process, and not a forked child of it."""
        return self._process is _this

    def require(self, what: str) -> None:
        """Raise `Forked` in any other process; `what` names the object."""
        if self._process is not _this:
            raise Forked(
                f"{what} belongs to process {self._process.number}, and this is process "
                f"{_this.number}, forked from it: open it again here; the parent's goes on"
            )


_this = _Process()


def _note_the_fork() -> None:
    global _this
    _this = _Process()


os.register_at_fork(after_in_child=_note_the_fork)
