"""
A recording in progress, from strace's log.

Calls go by, line by line; operations of a trace come out (`observations`).
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import define, field

from tornproof_conformance.recorder import arguments
from tornproof_conformance.recorder.kinds import (
    CHANGES,
    CLONES,
    TELLING_ERRORS,
    WRITES,
    clone_flags,
)
from tornproof_conformance.recorder.lines import Assembler, Call, Cut, Ended, Unreadable
from tornproof_conformance.recorder.observations import Observations
from tornproof_conformance.recorder.processes import Task, first_task
from tornproof_conformance.recorder.tree import Tree

Handler: TypeAlias = "Callable[[Recording, Task, Call], None]"
"""What a call does, given that it succeeded."""


@define(eq=False)
class Recording(Observations):
    """Everything that is known after some lines of a log."""

    handlers: Mapping[str, Handler]
    task: Task
    """The task of the first process, as it was started."""

    shared_maps: list[tuple[int, int, int]] = field(factory=list)
    """Start, end and inode of shared mappings that may yet be made writable."""

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
        super().turn_to(tree)
        self.shared_maps = []

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
        handler = self.handlers.get(call.name)
        if handler is None or (call.error and call.name not in TELLING_ERRORS):
            return
        try:
            handler(self, self._task(call.process), call)
        except (Unreadable, ValueError, IndexError) as error:
            raise Unreadable(f"line {call.ended + 1} of the log, {call.name}: {error}") from None

    def _cut(self, cut: Cut) -> None:
        if cut.name in CHANGES and self._concerns(cut):
            self.give_up(cut.name, "the process was killed in it, so it is not known what it did")

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
