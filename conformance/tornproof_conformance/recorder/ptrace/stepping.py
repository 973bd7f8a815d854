"""
Record every single store into a mapping, in order.

Comparing finds what was stored between two calls, not in which order, and of two stores into
one sector only the second.  Here a shared mapping is made read-only behind the back of the
process, so a store is a fault; the tracer opens the page, lets the one instruction pass, sees
what it has changed, and closes the page again.  A string instruction that repeats itself
(`rep movsb`) is told in pieces, one a repetition.

It costs some 0.25 ms a store, so it is for short programs.  What it cannot do: a call that
stores into the mapping (`read` into it) fails with EFAULT, and a second thread that stores
into the page while it is open is found later, by comparing.
"""

import os
import signal
from collections.abc import Callable

from attrs import define, field

from tornproof_conformance.recorder.ptrace import kernel
from tornproof_conformance.recorder.ptrace.kernel import PAGE

MPROTECT = 10
READABLE, WRITABLE = 1, 2
SEGV_ACCERR = 2
"""The code of a fault at an address that is mapped and may not be written."""

WIDEST = 64
"""Bytes that one instruction stores at most, unless it repeats itself."""


@define(eq=False)
class ReadOnly:
    """A mapping that is kept read-only."""

    task: int
    start: int
    end: int
    offset: int
    inode: int
    descriptor: int


@define(eq=False)
class Stepping:
    """Mappings that are kept read-only, and what becomes of a fault in them."""

    changed: Callable[[int, int, bytes], None]
    """Told the inode, the offset, and what is in the file there now, a little around the store."""

    stores: int = 0
    _syscalls: dict[int, int] = field(factory=dict)
    """For each process, where a `syscall` instruction stands."""

    _watched: list[ReadOnly] = field(factory=list)

    def watch(
        self, task: int, start: int, length: int, offset: int, inode: int, descriptor: int
    ) -> None:
        """Keep a mapping read-only whose `mmap` has just ended."""
        leader = kernel.leader(task)
        found = ReadOnly(
            leader, start, start + -(-length // PAGE) * PAGE, offset, inode, descriptor
        )
        self._syscalls[leader] = kernel.next_instruction(task) - 2
        self._watched = [each for each in self._watched if not _overlaps(each, found)]
        self._watched.append(found)
        kernel.inject_call(task, MPROTECT, found.start, found.end - found.start, READABLE)

    def forget(self) -> None:
        """Let go of all mappings: they stay read-only, and what is stored there is let pass."""
        self._watched = [
            ReadOnly(each.task, each.start, each.end, each.offset, -1, -1) for each in self._watched
        ]

    def step(self, task: int) -> bool:
        """Let the instruction pass that has met a fault; say whether the fault was ours."""
        code, address = kernel.fault_address(task)
        leader = kernel.leader(task)
        found = next((each for each in self._watched if each.start <= address < each.end), None)
        if found is None or code != SEGV_ACCERR:
            return False
        gadget = self._syscalls.get(leader, self._syscalls[found.task])
        low = address - address % PAGE  # and the next page, for a store across both
        length = min(2 * PAGE, found.end - low)
        kernel.inject_call(task, MPROTECT, low, length, READABLE | WRITABLE, at=gadget)
        self._pass(task, found, address)
        kernel.inject_call(task, MPROTECT, low, length, READABLE, at=gadget)
        return True

    def _pass(self, task: int, found: ReadOnly, address: int) -> None:
        """Step over one instruction, however often it repeats itself, and tell what it stores."""
        began, repetitions = kernel.next_instruction(task), 0
        while True:
            target = kernel.string_target(task)
            kernel.ptrace(kernel.SINGLESTEP, task)
            _, status = os.waitpid(task, kernel.WAITING)
            if not os.WIFSTOPPED(status):
                raise kernel.Gone(f"{task} has ended")
            if os.WSTOPSIG(status) == signal.SIGSEGV:
                return  # it has come to the next page, and will fault there again
            repeats = kernel.next_instruction(task) == began
            place = target if repeats or repetitions else address
            self._tell(found, place)
            if not repeats:
                return
            repetitions += 1

    def _tell(self, found: ReadOnly, address: int) -> None:
        self.stores += 1
        if found.inode < 0:
            return
        first, end = max(address - WIDEST, found.start), min(address + WIDEST, found.end)
        place = first - found.start + found.offset
        self.changed(found.inode, place, os.pread(found.descriptor, end - first, place))


def _overlaps(one: ReadOnly, other: ReadOnly) -> bool:
    return one.task == other.task and one.start < other.end and other.start < one.end
