"""
Traces: disk operations, and the promises made between them.

A trace is the one thing that every part of the judge works on.  It begins with the directory
tree as it was, and goes on with events in program order: *operations*, which change what a disk
may hold, and *marks*, which change what the implementation owes.  Where it came from, a
simulated disk or the system calls of a real process, can no longer be told.

Files are named by inode, not by path, because names change and a crash treats a
name and a file as two things.  The inodes of the initial tree are numbered by
`number_inodes`; later ones continue from there.
"""

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import TypeAlias

from attrs import field, frozen

from tornproof_models.disk.digests import digest_tree
from tornproof_models.disk.marks import Batched, Truncating

ROOT = 0
"""The inode of the root directory."""

NAMELESS = -1
"""The directory of files made without a name (O_TMPFILE); a rename out of it is a `linkat`."""

COMPARED = 1 << 12
"""Bytes that are compared at once, where two files differ in few."""


@frozen(slots=False)
class Image:
    """
    A directory tree at rest: what a disk holds when nobody is writing.

    Paths are absolute, without a trailing slash.  The root exists always and is
    not listed.
    """

    files: Mapping[str, bytes] = field(factory=dict)
    directories: frozenset[str] = frozenset()

    known_digest: int | None = field(default=None, eq=False, repr=False, kw_only=True)
    """The digest, if whoever made the image knows it already."""

    @cached_property
    def digest(self) -> int:
        """A hash of everything that a program could see."""
        if self.known_digest is not None:
            return self.known_digest
        return digest_tree(self.files, self.directories)

    @property
    def key(self) -> tuple[tuple[str, bytes | None], ...]:
        """Everything that a program could see, as something hashable."""
        entries: list[tuple[str, bytes | None]] = [(path, None) for path in self.directories]
        entries += self.files.items()
        return tuple(sorted(entries, key=_path_of))

    def difference(self, other: "Image") -> int:
        """Count the bytes in which two trees differ, and the names that only one has."""
        names = self.directories ^ other.directories | (self.files.keys() ^ other.files.keys())
        contents = (
            (self.files.get(path, b""), other.files.get(path, b""))
            for path in self.files.keys() | other.files.keys()
        )
        return len(names) + sum(_difference(*pair) for pair in contents)


def _difference(one: bytes, another: bytes) -> int:
    """Count the bytes in which two contents differ, block by block, as most blocks are equal."""
    total = abs(len(one) - len(another))
    for start in range(0, min(len(one), len(another)), COMPARED):
        left, right = one[start : start + COMPARED], another[start : start + COMPARED]
        if left != right:
            total += sum(map(int.__ne__, left, right))
    return total


def _path_of(entry: tuple[str, bytes | None]) -> str:
    return entry[0]


def number_inodes(image: Image) -> Mapping[str, int]:
    """Number a tree's inodes from 1 in the order of their paths; the root is 0."""
    return _number((*image.directories, *image.files))


@lru_cache(1 << 10)
def _number(paths: tuple[str, ...]) -> Mapping[str, int]:
    # images come by the thousand with the same names
    return {path: number for number, path in enumerate(sorted(paths), start=1)}


# Operations


@frozen
class Create:
    """A new, empty file gets a name."""

    directory: int
    name: str
    inode: int


@frozen
class MakeDirectory:
    """A new, empty directory gets a name."""

    directory: int
    name: str
    inode: int


@frozen
class Link:
    """A file gets one more name."""

    directory: int
    name: str
    inode: int


@frozen
class Rename:
    """A name moves, replacing what bore the target's."""

    source_directory: int
    source: str
    target_directory: int
    target: str


@frozen
class Exchange:
    """Two names exchange what they refer to, in one step (RENAME_EXCHANGE)."""

    directory: int
    name: str
    other_directory: int
    other: str


@frozen
class Unlink:
    """A name goes."""

    directory: int
    name: str


@frozen
class Write:
    """Bytes go to a file, which grows if they reach beyond its end."""

    inode: int
    offset: int
    data: bytes


@frozen
class Stored:
    """
    Bytes were stored into a file through a shared mapping, in an order that nobody knows.

    The parts are pairs of offset and bytes.  They were found together, at one moment at which
    the process was looked at; each sector holds what was stored there last.  A store never
    makes a file grow.
    """

    inode: int
    parts: tuple[tuple[int, bytes], ...]


@frozen
class Truncate:
    """A file gets a size."""

    inode: int
    size: int


@frozen
class Sync:
    """
    An fsync of a file returned success, or an fdatasync if `data_only`.

    Both cover the file's data and size.  What else is covered on the way, such as earlier
    changes of names, differs between the two: see `crash_models`.
    """

    inode: int
    data_only: bool = False


@frozen
class SyncFilesystem:
    """A sync or syncfs returned success: it covers everything, or nearly (see `crash_models`)."""


@frozen
class Settled(SyncFilesystem):
    """Everything is durable, whatever a filesystem makes of a sync: a program begins here."""


@frozen
class SyncDirectory:
    """An fsync of a directory returned success."""

    inode: int


@frozen
class PartialSync:
    """
    A sync returned success that covers less than it could.

    A write through O_SYNC or O_DSYNC, and an msync, wait for their own bytes alone, `start`
    inclusive to `end` exclusive.  An fsync covers what had been written when it began: not the
    last `missed` operations before this one, which came while it ran.  `data_only` says that
    it was O_DSYNC, msync or fdatasync, and not O_SYNC or fsync.
    """

    inode: int
    start: int
    end: int
    missed: int
    data_only: bool = False


@frozen
class WritebackStarted:
    """
    A sync_file_range returned success, for bytes `start` inclusive to `end` exclusive.

    It covers nothing: neither the disk's cache nor the file's size and place on the disk.  It
    stands in the trace because people take it for a sync.
    """

    inode: int
    start: int
    end: int


@frozen
class SyncFailed:
    """
    An fsync of a file or directory returned an error.

    What was dirty is clean from now on, and may or may not be on disk; a later sync covers only
    what is written again.
    """

    inode: int


Operation: TypeAlias = (
    Create
    | MakeDirectory
    | Link
    | Rename
    | Exchange
    | Unlink
    | Write
    | Stored
    | Truncate
    | Sync
    | SyncDirectory
    | SyncFilesystem
    | PartialSync
    | WritebackStarted
    | SyncFailed
)

SYNCS = (Sync, SyncDirectory, SyncFilesystem, PartialSync)
"""The operations after which something is promised to last."""

PROMISE_NOTHING = (SyncFailed, WritebackStarted)
"""The operations that change neither the tree nor what is promised."""


# Marks


@frozen
class Invoked:
    """A call began: its effect may be there from now on."""

    call: int
    operation: str
    payload: bytes


@frozen
class Acked:
    """
    A call returned: where its record is, and whether that was promised to last.

    An acknowledgement that is not durable promises order, not survival.
    """

    call: int
    offset: int
    durable: bool


@frozen
class Failed:
    """A call returned an error; `definite` if it certainly had no effect."""

    call: int
    definite: bool


@frozen
class Flushed:
    """A sync or close returned: everything acknowledged so far was promised to last."""

    operation: str


@frozen
class Observed:
    """Recovery showed these records, as (offset, payload): they must stay for ever."""

    records: tuple[tuple[int, bytes], ...]


@frozen
class Printed:
    """A workload began to print a whole line: whoever reads it may hold it to that."""

    line: bytes


Mark: TypeAlias = Invoked | Batched | Truncating | Acked | Failed | Flushed | Observed | Printed
Event: TypeAlias = Operation | Mark

MARKS = (Invoked, Batched, Truncating, Acked, Failed, Flushed, Observed, Printed)


@frozen
class Trace:
    """A tree, and all that happened to it."""

    initial: Image
    events: tuple[Event, ...]
