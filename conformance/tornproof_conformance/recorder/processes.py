"""
Which process has which file open.

An open file is a *description*: a file, a position, and flags.  Descriptors are
numbers for descriptions.  `dup` makes a second number for the same description, and
so does `fork`; threads share the numbers themselves.  All of it matters, because a
`write` names a number and goes to a position.
"""

from enum import Enum

from attrs import define


class Stream(Enum):
    """The two ends at which a process is spoken to."""

    REQUESTS = "standard input"
    REPLIES = "standard output"


@define(eq=False)
class Description:
    """An open file of the tree, or one of the two streams."""

    inode: int | None = None
    stream: Stream | None = None
    position: int = 0
    is_appending: bool = False
    is_writable: bool = False
    is_synced: bool = False
    """Opened with O_DSYNC or O_SYNC: a write returns when it is durable."""

    is_data_synced: bool = True
    """If so, with O_DSYNC, which does what fdatasync does, and not fsync."""


@define
class Descriptor:
    """A number for a description."""

    description: Description
    closes_on_exec: bool = False


Descriptors = dict[int, Descriptor]
"""Those numbers that stand for something of interest; the others are not kept."""


@define
class WorkingDirectory:
    """Where relative paths start; threads share it."""

    path: str


@define
class Task:
    """A thread, or a process with one."""

    descriptors: Descriptors
    working_directory: WorkingDirectory

    def describe(self, number: int) -> Description | None:
        """Return what a number stands for; none if that is of no interest."""
        found = self.descriptors.get(number)
        return found.description if found else None

    def fork(self, shared: frozenset[str]) -> "Task":
        """Return a new task that shares what `CLONE_…` flags say, and has a copy of the rest."""
        return Task(
            self.descriptors if "CLONE_FILES" in shared else copy(self.descriptors),
            self.working_directory
            if "CLONE_FS" in shared
            else WorkingDirectory(self.working_directory.path),
        )

    def execute(self) -> None:
        """Close what an exec closes; what was shared with others is shared no longer."""
        kept = {n: each for n, each in self.descriptors.items() if not each.closes_on_exec}
        self.descriptors = copy(kept)

    def unshare(self) -> None:
        """Go on with descriptors of its own."""
        self.descriptors = copy(self.descriptors)


def copy(descriptors: Descriptors) -> Descriptors:
    """Copy the numbers; the descriptions stay the same."""
    return {
        number: Descriptor(each.description, each.closes_on_exec)
        for number, each in descriptors.items()
    }


def first_task(working_directory: str) -> Task:
    """Return the task of a process that was just started, with its two streams."""
    return Task(
        {
            0: Descriptor(Description(stream=Stream.REQUESTS)),
            1: Descriptor(Description(stream=Stream.REPLIES)),
        },
        WorkingDirectory(working_directory),
    )
