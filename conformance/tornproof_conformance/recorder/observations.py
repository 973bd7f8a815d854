"""
What the recorder knows of a directory after some calls.

Operations of a trace come out of the calls of a process, and the bytes that passed over its
standard input and output, in the order in which they took effect.  An operation takes
effect when its call returns.  A reply takes effect when its call begins: it may have been
read from then on.  A sync covers what had been done when it began, although it promises
nothing before it returns; what came in between it has *missed*.

The two recorders, by ptrace and by strace's log, note what they see here.
"""

from bisect import bisect_left
from typing import Protocol, TypeAlias

from attrs import define, field, frozen
from tornproof_models.disk.legality import LARGEST_FILE_BYTES
from tornproof_models.disk.trace import (
    Create,
    MakeDirectory,
    Operation,
    PartialSync,
    Sync,
    SyncDirectory,
    SyncFailed,
    SyncFilesystem,
    Truncate,
    Write,
)

from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.tree import Tree


@frozen
class Said:
    """Bytes that were read from standard input, or written on standard output."""

    stream: Stream
    data: bytes


Item: TypeAlias = Operation | Said


@frozen
class Untraceable:
    """Something that system calls do not tell; no verdict can rest on the trace."""

    reason: str
    call: str

    def __str__(self) -> str:
        return f"{self.call}: {self.reason}"


class Timed(Protocol):
    """A call, and the moments at which it began and ended, in whatever a recorder counts."""

    @property
    def name(self) -> str: ...
    @property
    def began(self) -> int: ...
    @property
    def ended(self) -> int: ...


@define(eq=False)
class Observations:
    """Operations, what was said between them, and what cannot be told."""

    tree: Tree
    items: list[Item] = field(factory=list, kw_only=True)
    untraceable: list[Untraceable] = field(factory=list, kw_only=True)
    warnings: dict[str, None] = field(factory=dict, kw_only=True)
    """What is worth knowing, each thing once."""

    replies: int = field(default=0, kw_only=True)
    """How many whole lines were written on standard output."""

    outside: dict[str, None] = field(factory=dict, kw_only=True)
    """Paths of files outside the directory that were written, as they are called now."""

    _roots: dict[str, None] = field(factory=dict, kw_only=True)
    """The directories that were recorded before."""

    _moments: list[int] = field(factory=list, kw_only=True)
    """For each item the moment at which it took effect."""

    _taken: int = field(default=0, kw_only=True)

    def turn_to(self, tree: Tree) -> None:
        """Go on with another directory; what is open of the one before is of no interest."""
        self._roots[self.tree.root] = None
        self.tree, self.outside = tree, {}
        self.items, self._moments, self._taken = [], [], 0
        self.untraceable, self.warnings = [], {}

    def take(self, replies: int | None) -> list[Item]:
        """Hand over the items that have not been: up to so many replies (lines), or all."""
        taken: list[Item] = []
        for item in self.items[self._taken :]:
            if replies == 0:
                break
            taken.append(item)
            if isinstance(item, Said) and item.stream is Stream.REPLIES:
                replies = None if replies is None else replies - item.data.count(b"\n")
        self._taken += len(taken)
        return taken

    # What handlers say

    def note(self, call: Timed, operation: Operation) -> None:
        """Add an operation, which took effect when its call ended."""
        self.note_at(call.ended, operation)

    def note_at(self, moment: int, operation: Operation) -> None:
        """Add an operation that took effect at a moment, after all that were noted before."""
        match operation:
            case Write(inode) | Truncate(inode):
                self.tree.dirty[inode] = None
            case Create() | MakeDirectory():
                self.tree.dirty[operation.inode] = self.tree.dirty[operation.directory] = None
            case Sync(inode) | SyncDirectory(inode) | SyncFailed(inode):
                self.tree.dirty.pop(inode, None)
            case SyncFilesystem():
                self.tree.dirty.clear()
        self.items.append(operation)
        self._moments.append(moment)

    def touch(self, inode: int) -> None:
        """Note that a directory's names have changed."""
        self.tree.dirty[inode] = None

    def note_outside(self, path: str | None) -> None:
        """Note that a file was written that is not below the directory, nor below one before."""
        if path is None or path.startswith(NO_FILES) or CACHE in path:
            return
        if not any(path.startswith(f"{root}/") for root in (self.tree.root, *self._roots)):
            self.outside[path] = None

    def note_sync(self, call: Timed, inode: int, *, data_only: bool = False) -> None:
        """Add a sync, which covers what had been done when its call began."""
        missed = self.missed(call)
        if missed:
            end = LARGEST_FILE_BYTES
            self.note(call, PartialSync(inode, 0, end, missed, data_only=data_only))
        elif self.tree.is_directory(inode):
            self.note(call, SyncDirectory(inode))
        else:
            self.note(call, Sync(inode, data_only=data_only))

    def note_sync_of_all(self, call: Timed) -> None:
        """Add a sync of the whole filesystem, which covers what had been done when it began."""
        if self.missed(call):
            for inode in list(self.tree.dirty):
                self.note_sync(call, inode)
        else:
            self.note(call, SyncFilesystem())

    def missed(self, call: Timed) -> int:
        """Count the operations that took effect between a call's beginning and now."""
        since = bisect_left(self._moments, call.began + 1)
        until = bisect_left(self._moments, call.ended)  # what it did itself is not missed
        return sum(not isinstance(item, Said) for item in self.items[since:until])

    def note_request(self, call: Timed, data: bytes) -> None:
        """Add what was read from standard input."""
        self.items.append(Said(Stream.REQUESTS, data))
        self._moments.append(call.ended)

    def note_reply(self, call: Timed, data: bytes) -> None:
        """Add what was written on standard output; it may have been read from the beginning on."""
        self.replies += data.count(b"\n")
        place = bisect_left(self._moments, call.began)
        self.items.insert(place, Said(Stream.REPLIES, data))
        self._moments.insert(place, call.began)

    def give_up(self, call: Timed | str, reason: str) -> None:
        """Note that something cannot be traced."""
        name = call if isinstance(call, str) else call.name
        found = Untraceable(reason, name)
        if found not in self.untraceable:
            self.untraceable.append(found)

    def warn(self, sentence: str) -> None:
        """Note something that is worth knowing."""
        self.warnings[sentence] = None


NO_FILES = ("/proc/", "/sys/")
"""Where paths are the kernel's."""

CACHE = "/__pycache__/"
"""Where an interpreter keeps what it has compiled: nothing that an implementation persists."""
