"""
Safe access to a directory that may contain anything.

A directory may come from a backup, an archive, a run that died or an attacker.  Under the name
of a file there may be a link to another file, a pipe that nobody writes to, a device that
never ends, a file of a tebibyte, or a tree of directories deeper than any stack.

So all access goes through an open descriptor of the directory, with four rules:

- no link is followed, and no name leads out: `..` is refused;
- only regular files are opened, and what a name leads to is looked at before it
  is opened, because opening a device can already do something;
- a file that has a second name is not opened for writing, since that would change
  the other name's content, too, for example in a backup made of hard links;
- a file that is read whole has a limit, and a tree is removed without recursion.

The user names the directory itself, so its path may contain links.

Errors are `OSError`s; `Irregular` is the one for what is no regular file.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from tornproof.errors import Invalid, Irregular

_SEARCH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""To go through a directory takes the right to search it, not the right to list it."""

_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A pipe that is put in place after the look does not block, and a link is not followed."""

_KIND = stat.S_IFMT(0o777777)
_KINDS = {
    stat.S_IFLNK: ("is a symbolic link, which is not followed", errno.ELOOP),
    stat.S_IFDIR: ("Is a directory", errno.EISDIR),
    stat.S_IFIFO: ("is a pipe, not a file", errno.EINVAL),
    stat.S_IFSOCK: ("is a socket, not a file", errno.EINVAL),
    stat.S_IFCHR: ("is a device, not a file", errno.EINVAL),
    stat.S_IFBLK: ("is a device, not a file", errno.EINVAL),
}


class Directory:
    """
    An open directory, and what lies below it.

    Names are paths relative to it: `a`, `a/b`.  Use it in a `with` statement.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def open(cls, path: str, *, listing: bool = False) -> Self:
        """
        Open a directory by a path that its user has named.

        `listing` also lets it be listed and synced, which takes the right to
        read it.
        """
        return cls(os.open(path, _LIST if listing else _SEARCH))

    def close(self) -> None:
        """Let go of the directory."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Files

    def open_file(
        self, name: str, *, writing: bool = False, create: bool = False, exclusive: bool = False
    ) -> FileIO:
        """
        Open a regular file for reading, or for `writing` as well.

        `create` makes it where there is none, and `exclusive` insists on that.
        Raises `Irregular` for whatever is no regular file.
        """
        with self._parent(name) as (parent, last):
            return open_regular(last, parent, writing=writing, create=create, exclusive=exclusive)

    def read(self, name: str, *, limit: int) -> bytes:
        """Return a file's content.  Raises `OSError` (EFBIG) if it has more than `limit` bytes."""
        with self.open_file(name) as file:
            data = b""
            while len(data) <= limit:
                more = os.read(file.fileno(), limit + 1 - len(data))
                if not more:
                    return data
                data += more
        raise OSError(errno.EFBIG, f"has more than the {limit} bytes that are read", name)

    # Names

    def names(self) -> list[str]:
        """Return the names in it, sorted; bytes that are not UTF-8 come as surrogates (PEP 383)."""
        return sorted(_names(self._descriptor))

    def make_directory(self, name: str) -> None:
        """Create a directory; its parent must exist."""
        with self._parent(name) as (parent, last):
            os.mkdir(last, dir_fd=parent)

    def rename(self, source: str, target: str) -> None:
        """Give a file another name below this directory, replacing what had it."""
        with self._parent(source) as (old, first), self._parent(target) as (new, second):
            os.rename(first, second, src_dir_fd=old, dst_dir_fd=new)

    def unlink(self, name: str) -> None:
        """Remove a name; a link is removed, not what it leads to."""
        with self._parent(name) as (parent, last):
            os.unlink(last, dir_fd=parent)

    def sync(self) -> None:
        """Make the names in it durable."""
        os.fsync(self._descriptor)

    # Trees

    def remove_tree(self, name: str) -> int:
        """
        Remove a directory and everything below it; return how many entries are left.

        Works at any depth and with three descriptors: the directories inside a
        directory are moved up to the top of the tree before it is removed, so
        that nothing has to be held open on the way down.  Mount points, and what
        this user may not remove, stay and are counted.  Raises `OSError` only
        where `name` itself cannot be opened.
        """
        with self._parent(name) as (parent, last):
            top = os.open(last, _LIST | os.O_NOFOLLOW, dir_fd=parent)
            try:
                left = _empty(top)
            finally:
                os.close(top)
            if not left:
                os.rmdir(last, dir_fd=parent)
        return left

    @contextmanager
    def _parent(self, name: str) -> Iterator[tuple[int, str]]:
        """Open the directory that a name lies in, one component after the other."""
        *above, last = components(name)
        if not above:
            yield self._descriptor, last
            return
        descriptor = self._descriptor
        try:
            for component in above:
                inner = os.open(component, _SEARCH | os.O_NOFOLLOW, dir_fd=descriptor)
                if descriptor != self._descriptor:
                    os.close(descriptor)
                descriptor = inner
            yield descriptor, last
        finally:
            if descriptor != self._descriptor:
                os.close(descriptor)


def components(name: str) -> tuple[str, ...]:
    """
    Split a relative path into its names.

    Raises `Invalid` for one that is empty, absolute, or leads out of where it
    begins, and for one that no file can have.
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise Invalid(f"{name!r} is not a path below a directory: use names without '..'")
    return path.parts


def open_regular(
    path: str,
    parent: int | None = None,
    *,
    writing: bool = False,
    create: bool = False,
    exclusive: bool = False,
) -> FileIO:
    """
    Open a regular file by a path whose last name is not followed.

    For a path whose directory the user has named; below an open directory,
    `Directory.open_file` looks at every name.  Raises `Irregular` for whatever
    is no regular file.

    The descriptor belongs to an object that closes it once, whatever interrupts
    the closing, and also when nobody holds it any more.
    """
    flags = _SAFELY | (os.O_RDWR if writing else os.O_RDONLY)
    if create:
        flags |= os.O_CREAT | (os.O_EXCL if exclusive else 0)
    if not exclusive:  # where the kernel refuses whatever is there
        try:
            status = os.stat(path, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            pass
        else:
            require_regular(status, writing)
    try:
        descriptor = os.open(path, flags, 0o644, dir_fd=parent)
    except OSError as error:
        if error.errno == errno.ELOOP:  # put there after the look
            raise Irregular(errno.ELOOP, "is a symbolic link, which is not followed") from None
        raise
    file = _Descriptor(descriptor, "r+b" if writing else "rb")
    try:
        require_regular(os.fstat(descriptor), writing)
    except BaseException:
        file.close()
        raise
    return file


class _Descriptor(FileIO):
    """
    Owns a descriptor, for interruptions (JRN-14).

    `FileIO` forgets the number in the same step in which it closes it, where no
    exception can come between.
    """

    def __del__(self) -> None:
        """Close it without the warning of `FileIO`: an interruption is no mistake of the caller."""
        self.close()


def require_regular(status: os.stat_result, writing: bool = False) -> None:
    """Raise `Irregular` unless a status is a regular file's, of one name if it is for `writing`."""
    kind = status.st_mode & _KIND
    if kind != stat.S_IFREG:
        text, number = _KINDS.get(kind, ("is not a regular file", errno.EINVAL))
        raise Irregular(number, text)
    if writing and status.st_nlink > 1:
        raise Irregular(errno.EMLINK, f"has {status.st_nlink} names (hard links), and is written")


def _names(directory: int) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry in entries]


def _empty(top: int) -> int:
    """Remove everything in a directory; return how many entries resist."""
    resisting: set[str] = set()
    while True:
        names = [name for name in _names(top) if name not in resisting]
        if not names:
            return len(resisting)
        for name in names:
            try:
                _remove_or_flatten(top, name)
            except OSError:
                resisting.add(name)


def _remove_or_flatten(top: int, name: str) -> None:
    """Remove a file, or a directory whose own directories have been moved up to `top`."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=top)
        return
    inner = _open_own(top, name)
    try:
        for entry in _names(inner):
            if stat.S_ISDIR(os.stat(entry, dir_fd=inner, follow_symlinks=False).st_mode):
                _make_own(inner, entry)
                fresh = f".{secrets.token_hex(8)}"
                os.rename(entry, fresh, src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)


def _open_own(top: int, name: str) -> int:
    """Open a directory for emptying, taking the rights to it back if its owner gave them up."""
    _make_own(top, name)
    return os.open(name, _LIST | os.O_NOFOLLOW, dir_fd=top)


def _make_own(parent: int, name: str) -> None:
    """Give oneself all rights to a directory; moving one takes the right to write it."""
    descriptor = os.open(name, _SEARCH | os.O_NOFOLLOW, dir_fd=parent)
    try:
        if os.fstat(descriptor).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            Path(f"/proc/self/fd/{descriptor}").chmod(stat.S_IRWXU)
    finally:
        os.close(descriptor)
