"""
The file operations that a journal uses.

The journal uses files only through this module, so it runs on a real disk and on a simulated
disk that crashes at every operation.

Reads and writes name their position, so there is no file cursor.  `write_at` may write fewer
bytes than it was given, as the operating system may; `sync` reports a failure once, as the
operating system does.  Errors are plain `OSError`s with an `errno`.

`OsFilesystem` is the real one (POSIX).  It goes through `directory`, so a link
or a pipe under the name of a file is an error and not followed.
"""

import fcntl
import os
from contextlib import AbstractContextManager as ContextManager
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeAlias
from weakref import WeakSet

from tornproof.directory import Directory, open_regular
from tornproof.errors import Invalid
from tornproof.process import Owner

AnyPath: TypeAlias = str | os.PathLike[str]
"""What a caller may give where a path is asked for; inside, paths are text."""

READ_AHEAD = 64 << 10
"""
Bytes that are read from a real disk at a time: 64 KiB.

Large enough that a system call costs less than the checksums of what it
brings, small enough to stay in a processor's second-level cache.
"""


def plain_path(path: AnyPath) -> str:
    """
    Return a path as text.

    Raises `TypeError` for what is none, and `Invalid` for what the operating
    system cannot be asked for: an empty path, one with a NUL in it, or text that
    the bytes of no name give.
    """
    text = os.fspath(path)
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        encoded = b""
    if not encoded or b"\0" in encoded:
        raise Invalid(f"{text!r} is not a path: name a directory")
    return text


class File(Protocol):
    """An open file, read and written by position."""

    @property
    def read_ahead(self) -> int:
        """How many bytes are worth reading at once."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """Read up to `size` bytes from `offset`; fewer only at the end of the file."""
        ...

    def write_at(self, offset: int, data: bytes) -> int:
        """Write `data` at `offset` and return the bytes written, which may be fewer."""
        ...

    def truncate(self, size: int) -> None:
        """Set the size in bytes."""
        ...

    def sync(self) -> None:
        """Make data and size durable.  After a failure, nothing is known to be."""
        ...

    def size(self) -> int:
        """Return the size in bytes."""
        ...

    def close(self) -> None:
        """Let go of the file.  Makes nothing durable."""
        ...


class Filesystem(Protocol):
    """A tree of directories and files."""

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> File:
        """Open for reading and writing; `exclusive` insists that `create` makes it."""
        ...

    def open_for_reading(self, path: str) -> File:
        """Open for reading alone; works on a read-only disk."""
        ...

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory, sorted."""
        ...

    def make_directory(self, path: str) -> None:
        """Create a directory; its parent must exist."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Give a file another name, replacing what had it."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a name."""
        ...

    def sync_directory(self, path: str) -> None:
        """Make the names in a directory durable."""
        ...

    def lock(self, path: str) -> ContextManager[None]:
        """Hold an exclusive lock on a file, or raise `BlockingIOError` at once."""
        ...


class OsFile:
    """
    A file of the operating system, through one descriptor.

    The descriptor belongs to a `FileIO`, which closes it once, whatever
    interrupts the closing, and also when the last one who held it has gone.
    """

    read_ahead = READ_AHEAD

    def __init__(self, file: FileIO) -> None:
        self.file = file

    def read_at(self, offset: int, size: int) -> bytes:
        """Read until `size` bytes are there or the file ends."""
        descriptor = self.file.fileno()
        data = os.pread(descriptor, size, offset)
        while len(data) < size:
            more = os.pread(descriptor, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def write_at(self, offset: int, data: bytes) -> int:
        """Write once; the operating system decides how much."""
        return os.pwrite(self.file.fileno(), data, offset)

    def truncate(self, size: int) -> None:
        """Set the size in bytes."""
        os.ftruncate(self.file.fileno(), size)

    def sync(self) -> None:
        """Call fdatasync, which includes the size wherever reading needs it."""
        os.fdatasync(self.file.fileno())

    def size(self) -> int:
        """Return the size in bytes."""
        return os.fstat(self.file.fileno()).st_size

    def close(self) -> None:
        """Close the descriptor; closing twice is closing once."""
        self.file.close()


class OsFilesystem:
    """The real disk."""

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open for reading and writing; raises `Irregular` for a link, a pipe or a second name."""
        return OsFile(open_regular(path, writing=True, create=create, exclusive=exclusive))

    def open_for_reading(self, path: str) -> OsFile:
        """Open for reading alone; raises `Irregular` for a link or a pipe."""
        return OsFile(open_regular(path))

    def list_directory(self, path: str) -> list[str]:
        """Return the names in a directory, sorted."""
        with Directory.open(path, listing=True) as directory:
            return directory.names()

    def make_directory(self, path: str) -> None:
        """Create a directory."""
        Path(path).mkdir()

    def rename(self, source: str, target: str) -> None:
        """Give a file another name, atomically (POSIX rename)."""
        Path(source).replace(target)  # moves a link, and does not follow it

    def unlink(self, path: str) -> None:
        """Remove a name."""
        Path(path).unlink()  # removes a link, and does not follow it

    def sync_directory(self, path: str) -> None:
        """Call fsync on the directory itself: a file's fsync does not cover its name."""
        with Directory.open(path, listing=True) as directory:
            directory.sync()

    def lock(self, path: str) -> "OsLock":
        """Hold `flock` on the file; the kernel lets go when the process dies."""
        return OsLock(path)


class OsLock:
    """
    An exclusive `flock` on a file, for this process alone (JRN-9, JRN-13).

    A forked child shares the descriptor, and with it the lock.  So the child
    closes it as soon as it runs, and letting go unlocks before it closes, in
    case a child that Python did not make has kept it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._owner = Owner()

    def __enter__(self) -> None:
        try:
            self._file = open_regular(self._path, writing=True, create=True)
            _LOCKED.add(self._file)
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            self.release()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let go; doing it again, after an interruption or in a child, does no harm."""
        file = self._file
        if file is None or file.closed:
            return
        if self._owner.is_here:
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)
        file.close()


_LOCKED: WeakSet[FileIO] = WeakSet()
"""The files that this process has locked."""


def _leave_locks_to_the_parent() -> None:
    for file in list(_LOCKED):
        file.close()


os.register_at_fork(after_in_child=_leave_locks_to_the_parent)
