"""
What each call does to a tree, while it is held at its two stops.

Which file a number stands for is asked of the kernel when the call begins: `/proc/PID/fd`
names the file, and `fdinfo`, at its end, the position and the flags.  So nothing needs to be
modelled of dup, fork, exec, or of descriptors that are sent over sockets.

Calls that write to the same file, and calls that change names, pass one after the other: the
second is held before it begins until the first has ended.  So the order of the trace is the
order in which things happened, whatever threads do.

Mapped files are compared whenever a call *begins* that leaves something in the trace: what
was stored before it is found then, and stands before it.  A sync covers what was found when
it began; what was stored while it ran is found later, and not covered.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from attrs import define, field
from tornproof_models.disk.faults import Kind
from tornproof_models.disk.trace import ROOT, PartialSync, Stored, Truncate, Write

from tornproof_conformance.recorder.observations import Observations, Said
from tornproof_conformance.recorder.processes import Stream
from tornproof_conformance.recorder.ptrace import procfs
from tornproof_conformance.recorder.ptrace.calls import BY_DESCRIPTOR, KINDS, MAKES_FILES
from tornproof_conformance.recorder.ptrace.injection import Injector, Order
from tornproof_conformance.recorder.ptrace.mapped import MappedFile, differences
from tornproof_conformance.recorder.ptrace.procfs import Key
from tornproof_conformance.recorder.ptrace.rings import Context, Memory, Ring
from tornproof_conformance.recorder.ptrace.stepping import Stepping
from tornproof_conformance.recorder.ptrace.tracer import WAIT, Call
from tornproof_conformance.recorder.tree import Tree

Handler: TypeAlias = "Callable[[TracedRecording, Call], None]"

NAMES = -1
"""Stands for all names, where one call at a time may pass."""

CUT = -1
"""The result of a call in which its thread was killed."""

FOREIGN = "it is a call of 32 bits or of x32, and those are not followed; take a build of 64 bits"

TELLING_ERRORS = frozenset(
    {"fsync", "fdatasync", "msync", "sync_file_range", "io_uring_enter", "io_submit"}
)
"""Calls that change what is known even if they fail."""

OVERRUN = "completions of an io_uring were lost to the recorder, since it saw them too late"


@define(eq=False)
class TracedRecording(Observations):
    """A listener that follows one directory at a time."""

    handlers: "Mapping[str, Handling]"
    streams: dict[Key, Stream] = field(factory=dict)
    injector: Injector = field(factory=Injector)
    stepping: Stepping | None = None
    """Whether every store into a mapping is seen by itself."""

    operations: int | None = None
    """After so many operations everything is killed, before the next call that makes one."""

    tasks: set[int] = field(factory=set)
    """Every thread that was stopped at."""

    mapped: dict[int, MappedFile] = field(factory=dict)
    """Files of the tree that somebody has mapped, and may change without a call."""

    inodes: dict[Key, int] = field(factory=dict)
    inodes_of_maps: dict[Key, int] = field(factory=dict)
    """The same by the numbers in `/proc/PID/maps`, which are others on btrfs and overlays."""

    rings: dict[tuple[int, int], Ring] = field(factory=dict)
    contexts: dict[tuple[int, int], Context] = field(factory=dict)
    """Where orders are given through memory."""

    sources: dict[int, int] = field(factory=dict)
    """Files that orders write, open for reading."""

    links: set[tuple[int, str]] = field(factory=set)
    """Symbolic links that were made, as directory and name."""

    _clock: int = 0
    _busy: dict[int, int] = field(factory=dict)
    """For each file that is being written, by a call that has begun, the thread."""

    _paths: dict[int, str] | None = None
    _deleted: set[int] = field(factory=set)
    """Files that have lost their last name; their numbers may be given to others."""

    def turn_to(self, tree: Tree) -> None:
        """Go on with another directory."""
        super().turn_to(tree)
        for mapped in self.mapped.values():
            mapped.close()
        for source in self.sources.values():
            os.close(source)
        for memory in self._memories():
            memory.pending.clear()
        self.sources = {}
        self.mapped, self.inodes, self.inodes_of_maps, self._paths = {}, {}, {}, None
        self.links, self._busy, self._deleted = set(), {}, set()
        if self.stepping is not None:
            self.stepping.forget()
        self.learn_all()

    def learn_all(self) -> None:
        """Find out what the files of the tree are to the kernel."""
        if Path(self.tree.root).is_dir():
            for path, inode in [("", ROOT), *self.tree.paths()]:
                self.learn(f"{self.tree.root}{path}", inode)

    # What the tracer tells

    def begins(self, call: Call) -> Order | None:
        """Compare what is mapped, so that it stands before the call; decide what becomes of it."""
        handling = self.handlers[call.name]
        kind = KINDS.get(call.name)
        self.tasks.add(call.task)
        self.look()
        handling.begins(self, call)
        if call.concerns and kind in (Kind.WRITE, Kind.NAME):
            key = call.inode if kind is Kind.WRITE and call.inode is not None else NAMES
            if self._busy.setdefault(key, call.task) != call.task:
                return WAIT
        self._clock += 1
        call.began = self._clock
        if not call.concerns or kind is None:
            return None
        if self.operations is not None and self.count_operations() >= self.operations:
            return Order(is_last=False)
        return self.injector.decide(call.name, kind, self.path_below(call), call.length)

    def count_operations(self) -> int:
        """Count what was noted so far and is not said."""
        return sum(not isinstance(item, Said) for item in self.items)

    def ends(self, call: Call) -> None:
        """Take a call that has returned."""
        self._clock += 1
        call.ended = self._clock
        if call.result >= 0 or call.name in TELLING_ERRORS:
            self.handlers[call.name].ends(self, call)
        self._free(call.task)

    def is_cut(self, call: Call) -> None:
        """
        Take a call in which its thread was killed: look at what it has done, if anything.

        A call that the kernel had begun may have had its effect before the thread died.
        """
        self._clock += 1
        call.ended, call.result = self._clock, CUT
        handling = self.handlers[call.name]
        if call.concerns and KINDS.get(call.name) is Kind.WRITE and call.inode is not None:
            self._reconcile(call, call.inode)
        elif call.concerns and handling.has_happened(self, call):
            handling.ends(self, call)
        self._free(call.task)

    def has_ended(self, task: int) -> None:
        """Take the end of a process: look at what its orders have done that it has not heard of."""
        for memories in (self.rings, self.contexts):
            for key in [key for key in memories if key[0] == task]:
                memory: Memory = memories.pop(key)
                is_of_thread = key[1] < 0  # and the ring goes on without it
                cut = [] if is_of_thread else [each.call for each in memory.pending]
                for call in cut:
                    if call.concerns:
                        self.is_cut(call)

    def is_foreign(self, task: int, name: str, args: tuple[int, ...]) -> None:
        """Give up at a call of another architecture, unless it concerns no file of the tree."""
        if name in BY_DESCRIPTOR:
            concerns = self.inode(task, args[BY_DESCRIPTOR[name]]) is not None
        elif name in ("open", "openat"):
            concerns = bool(args[1 if name == "open" else 2] & MAKES_FILES)
        else:
            concerns = True
        if concerns:
            self.give_up(name, FOREIGN)

    def forked(self) -> None:
        """Compare as a whole what a child may have mapped as well."""
        for mapped in self.mapped.values():
            mapped.forget()

    def faulted(self, task: int) -> bool:
        """Take a store into a mapping that is kept read-only."""
        return self.stepping is not None and self.stepping.step(task)

    def _free(self, task: int) -> None:
        for key in [key for key, holder in self._busy.items() if holder == task]:
            del self._busy[key]

    def _reconcile(self, call: Call, inode: int) -> None:
        path = {number: path for path, number in self.tree.paths()}.get(inode)
        if path is None:
            return
        try:
            descriptor = os.open(f"{self.tree.root}{path}", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # another thread was killed in a call that renamed or removed it
        size, content = os.fstat(descriptor).st_size, self.tree.contents[inode]
        if size != len(content):
            self.resized(call, inode, size)
        for offset, data in differences(descriptor, content):
            self.written(call, inode, *content.changed(offset, data))
        os.close(descriptor)

    # What passes through memory

    @property
    def next_moment(self) -> int:
        """The moment of what is noted next."""
        return self._clock + 1

    def look(self) -> None:
        """Note what has happened without a call since the last time."""
        for memory in self._memories():
            if memory.pending:
                self._complete(memory)
        if self.mapped:
            self.compare()

    def _memories(self) -> "list[Memory]":
        return [*dict.fromkeys(self.rings.values()), *self.contexts.values()]

    def _complete(self, memory: Memory) -> None:
        """Note the orders that are done."""
        for key, result, goes_on in memory.completed():
            ordered = memory.take(key, goes_on=goes_on)
            if ordered is None:
                continue
            call, call_before = ordered.call, ordered.after.call if ordered.after else None
            if call_before is not None or ordered.drains:
                ended = memory.ended if call_before is None else call_before.ended
                call.began = max(call.began, ended)
            self._clock += 1
            call.result, call.ended, memory.ended = result, self._clock, self._clock
            if result >= 0 or call.name in TELLING_ERRORS:
                ordered.ends(call)
        if memory.is_overrun:
            self.give_up("io_uring_enter", OVERRUN)

    def compare(self) -> None:
        """Note what has been stored into mapped files since the last time, in unknown order."""
        self._clock += 1
        for inode, mapped in self.mapped.items():
            content = self.tree.contents[inode]
            parts = tuple(mapped.changes(content))
            for offset, data in parts:
                content.write(offset, data)
            if parts:
                self.note_at(self._clock, Stored(inode, parts))

    def store(self, inode: int, first: int, now: bytes) -> None:
        """Note one store: the bytes that differ from what is known."""
        content = self.tree.contents[inode]
        place, data = content.changed(first, now)
        if data:
            self._clock += 1
            content.write(place, data)
            self.note_at(self._clock, Write(inode, place, data))

    # What handlers ask and say

    def learn(self, path: str, inode: int) -> None:
        """Find out what a file of the tree is to the kernel."""
        found = self.tree.take_attributes_of(path, inode)
        self.inodes[found.st_dev, found.st_ino] = inode

    def inode(self, task: int, descriptor: int) -> int | None:
        """Return the inode of an open file of the tree."""
        found = procfs.status_of(task, descriptor)
        if found is None:
            return None
        key = found.st_dev, found.st_ino
        inode = self.inodes.get(key)
        if inode in self._deleted and found.st_nlink:
            del self.inodes[key]  # the kernel has given the number to another file
            return None
        return inode

    def written(self, call: Call, inode: int, offset: int, data: bytes, flags: int = 0) -> None:
        """Note that bytes went to a file, and that they are durable if the flags say so."""
        if data:
            self.tree.write(inode, offset, data)
            self.note(call, Write(inode, offset, data))
            if flags & os.O_DSYNC:
                end, data_only = offset + len(data), flags & os.O_SYNC != os.O_SYNC
                self.note(call, PartialSync(inode, offset, end, 0, data_only=data_only))

    def resized(self, call: Call, inode: int, size: int) -> None:
        """Note that a file was given a size."""
        self.tree.resize(inode, size)
        self.note(call, Truncate(inode, size))

    def unnamed(self, inode: int) -> None:
        """Note that a file has lost a name, perhaps its last."""
        if not any(inode in names.values() for names in self.tree.names.values()):
            self._deleted.add(inode)

    def renamed(self) -> None:
        """Note that names are not what they were."""
        self._paths = None

    def path_below(self, call: Call) -> str:
        """Name the file that a call concerns, below the directory."""
        if call.paths:
            return call.paths[0].removeprefix(self.tree.root)
        if call.inode is None:
            return ""
        if self._paths is None:
            self._paths = {inode: path for path, inode in self.tree.paths()}
        return self._paths.get(call.inode, "a deleted file")


def _never(rec: TracedRecording, call: Call) -> bool:
    del rec, call
    return False


@define
class Handling:
    """What is done at the two stops of a call."""

    begins: Handler
    """Says whether it concerns the tree, and which file."""

    ends: Handler
    """Notes what it has done."""

    has_happened: "Callable[[TracedRecording, Call], bool]" = _never
    """Tells from the disk whether a call that changes names had its effect when it was cut."""
