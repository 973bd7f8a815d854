"""
A recording in progress.

Calls go by; operations of a trace come out, and the bytes that passed over standard
input and output, in the order in which they took effect.  An operation takes effect
when its call returns.  A reply takes effect when its call begins: it may have been
read from then on.  And a sync covers what had been done when it began, although it
promises nothing before it returns; what came in between it has *missed*.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

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

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.kinds import (
    CHANGES,
    CLONES,
    TELLING_ERRORS,
    WRITES,
    clone_flags,
)
from tornproof_conformance.recorder.lines import Assembler, Call, Cut, Ended, Unreadable
from tornproof_conformance.recorder.processes import Stream, Task, first_task
from tornproof_conformance.recorder.tree import Tree


@frozen
class Said:
    """Bytes that were read from standard input, or written on standard output."""

    stream: Stream
    data: bytes


Item: TypeAlias = Operation | Said


@frozen
class Performed:
    """A call that changed or synced the tree, so that it can be told to fail next time."""

    name: str
    nth: int
    """Which of its thread's calls of this name it was, from 1: what strace counts."""

    operation: Operation
    """The first thing that it did."""


@frozen
class Untraceable:
    """Something that system calls do not tell; no verdict can rest on the trace."""

    reason: str
    call: str

    def __str__(self) -> str:
        return f"{self.call}: {self.reason}"


Handler: TypeAlias = "Callable[[Recording, Task, Call], None]"
"""What a call does, given that it succeeded."""


@define
class Recording:
    """Everything that is known after some lines of a log."""

    tree: Tree
    handlers: Mapping[str, Handler]
    task: Task
    """The task of the first process, as it was started."""

    items: list[Item] = field(factory=list)
    untraceable: list[Untraceable] = field(factory=list)
    warnings: dict[str, None] = field(factory=dict)
    """What is worth knowing, each thing once."""

    replies: int = 0
    """How many whole lines were written on standard output."""

    outside: dict[str, None] = field(factory=dict)
    """Paths of files outside the directory that were written, as they are called now."""

    struck: int = 0
    """How many calls met a fault: were made to fail, were short, or found the disk full."""

    performed: list[Performed] = field(factory=list)
    """The calls that changed or synced the tree, in the order of their ends."""

    _roots: dict[str, None] = field(factory=dict)
    """The directories that were recorded before."""

    _counts: Counter[tuple[int, str]] = field(factory=Counter)
    """Calls so far, by thread and name."""

    shared_maps: list[tuple[int, int, int]] = field(factory=list)
    """Start, end and inode of shared mappings that may yet be made writable."""

    _moments: list[int] = field(factory=list)
    """For each item the line at which it took effect."""

    _taken: int = 0

    _assembler: Assembler = field(factory=Assembler)
    _tasks: dict[int, Task] = field(factory=dict)
    _parents: dict[int, tuple[int, frozenset[str]]] = field(factory=dict)
    """For each child that has not been seen yet: its parent, and what they share."""

    @classmethod
    def begin(
        cls, tree: Tree, handlers: Mapping[str, Handler], working_directory: str
    ) -> "Recording":
        """Begin before a process is started."""
        return cls(tree, handlers, first_task(working_directory))

    def turn_to(self, tree: Tree) -> None:
        """Go on with another directory; what is open of the one before is of no interest."""
        for task in self._tasks.values():
            for number, each in list(task.descriptors.items()):
                if each.description.inode is not None:
                    del task.descriptors[number]
        self._roots[self.tree.root] = None
        self.tree, self.shared_maps, self.outside = tree, [], {}
        self.items, self._moments, self._taken = [], [], 0
        self.untraceable, self.warnings, self.performed = [], {}, []

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

    @property
    def processes(self) -> list[int]:
        """Return the numbers of the threads that are known, the first one first."""
        return list(self._tasks)

    # Calls

    def feed(self, text: str) -> None:
        """
        Take whole lines of the log.

        Raises `Unreadable` if they are none; what can be read but not be told is noted
        in `untraceable`.
        """
        ended = [each for line in text.splitlines() for each in self._assembler.feed(line)]
        for each in ended:  # a child may be seen before its parent's call has returned
            if isinstance(each, Call) and each.name in CLONES and not each.error:
                self._parents[arguments.number(each.result)] = each.process, clone_flags(each)
        for each in ended:
            match each:
                case Call():
                    self._observe(each)
                case Cut():
                    self._cut(each)
                case Ended(process):
                    self._tasks.pop(process, None)

    def _observe(self, call: Call) -> None:
        self.struck += call.is_injected or call.error == "EFBIG"
        self._counts[call.process, call.name] += 1
        before = len(self.items)
        handler = self.handlers.get(call.name)
        if handler is None or (call.error and call.name not in TELLING_ERRORS):
            return
        try:
            handler(self, self._task(call.process), call)
        except (Unreadable, ValueError, IndexError) as error:
            raise Unreadable(f"line {call.ended + 1} of the log, {call.name}: {error}") from None
        done = [item for item in self.items[before:] if not isinstance(item, Said)]
        if done:
            nth = self._counts[call.process, call.name]
            self.performed.append(Performed(call.name, nth, done[0]))

    def _cut(self, cut: Cut) -> None:
        if cut.name in CHANGES and self._concerns(cut):
            self.give_up(cut.name, "the process was killed in it, so nobody knows what it did")

    def _concerns(self, cut: Cut) -> bool:
        """Tell whether a call may have changed the tree."""
        task = self._task(cut.process)
        for text in cut.arguments:
            if text.startswith('"') and cut.name not in WRITES:
                return True
            if text[:1].isdigit() and "<" in text:
                description = task.describe(arguments.descriptor(text))
                return description is not None and description.inode is not None
        return False

    def _task(self, process: int) -> Task:
        if process not in self._tasks:
            if not self._tasks:
                self._tasks[process] = self.task
            elif process in self._parents:
                parent, shared = self._parents.pop(process)
                self._tasks[process] = self._task(parent).fork(shared)
            else:
                self._tasks[process] = self._adopt(process)
        return self._tasks[process]

    def _adopt(self, process: int) -> Task:
        """Make the task of a child whose parent's call has not returned yet."""
        cloning = [each for each in self._assembler.begun() if each.name in CLONES]
        if len(cloning) != 1:
            raise Unreadable(f"process {process} has no parent in the log")
        return self._task(cloning[0].process).fork(clone_flags(cloning[0]))

    # What handlers say

    def note(self, call: Call, operation: Operation) -> None:
        """Add an operation, which took effect when its call ended."""
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
        self._moments.append(call.ended)

    def touch(self, inode: int) -> None:
        """Note that a directory's names have changed."""
        self.tree.dirty[inode] = None

    def note_outside(self, descriptor: str) -> None:
        """Note that a file was written that is not below the directory, nor below one before."""
        path = arguments.path_of_descriptor(descriptor)
        if path is None or path.startswith(NO_FILES) or CACHE in path:
            return
        if not any(path.startswith(f"{root}/") for root in (self.tree.root, *self._roots)):
            self.outside[path] = None

    def note_sync(self, call: Call, inode: int, *, data_only: bool = False) -> None:
        """Add a sync, which covers what had been done when its call began."""
        missed = self._missed(call)
        if missed:
            end = LARGEST_FILE_BYTES
            self.note(call, PartialSync(inode, 0, end, missed, data_only=data_only))
        elif self.tree.is_directory(inode):
            self.note(call, SyncDirectory(inode))
        else:
            self.note(call, Sync(inode, data_only=data_only))

    def note_sync_of_all(self, call: Call) -> None:
        """Add a sync of the whole filesystem, which covers what had been done when it began."""
        if self._missed(call):
            for inode in list(self.tree.dirty):
                self.note_sync(call, inode)
        else:
            self.note(call, SyncFilesystem())

    def _missed(self, call: Call) -> int:
        """Count the operations that took effect between a call's beginning and now."""
        since = bisect_left(self._moments, call.began + 1)
        return sum(not isinstance(item, Said) for item in self.items[since:])

    def note_request(self, call: Call, data: bytes) -> None:
        """Add what was read from standard input."""
        self.items.append(Said(Stream.REQUESTS, data))
        self._moments.append(call.ended)

    def note_reply(self, call: Call, data: bytes) -> None:
        """Add what was written on standard output; it may have been read from the beginning on."""
        self.replies += data.count(b"\n")
        place = bisect_left(self._moments, call.began)
        self.items.insert(place, Said(Stream.REPLIES, data))
        self._moments.insert(place, call.began)

    def give_up(self, call: Call | str, reason: str) -> None:
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
