"""
The loop that waits for stops.

A traced thread stops twice in each call that the filter names: before the kernel has done
anything, and after.  A listener is told of both, and may say at the first what is to become
of the call.

Threads of this process are not interchangeable to the kernel: what one of them traces, no
other can.  So a tracer starts the process, follows it and all that come from it, and waits
for their ends, all in one thread; `tracing` runs it.
"""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from typing import Protocol

from attrs import define, field

from tornproof_conformance.recorder.ptrace import kernel
from tornproof_conformance.recorder.ptrace.calls import AUDIT_ARCH, CALLS, foreign_name
from tornproof_conformance.recorder.ptrace.injection import Order

STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
NAP = 0.0005
"""Seconds between two looks while calls are held that are to return late."""

WAIT = Order()
"""What a listener says of a call that must not begin yet; it is asked again."""

VECTORS = ("writev", "pwritev", "pwritev2")


@define(eq=False)
class Call:
    """A call that has begun, and later ended."""

    task: int
    name: str
    args: tuple[int, ...]
    concerns: bool = False
    """Whether it would change or sync the tree."""

    inode: int | None = None
    """The file of the tree that it is about, if it names one by a descriptor."""

    paths: tuple[str, ...] = ()
    """The absolute paths that it names."""

    length: int = 0
    """Bytes that it is asked to write."""

    began: int = 0
    ended: int = 0
    """Moments, in whatever the listener counts."""

    result: int = 0
    order: Order | None = None
    restore: Mapping[str, int] = field(factory=dict)
    """Registers that were changed for the length of the call."""

    mend: tuple[int, int] | None = None
    """The address of a word of memory that was changed meanwhile, and what it held."""


class Listener(Protocol):
    """What is told of every call."""

    def begins(self, call: Call) -> Order | None:
        """Take a call that is about to begin, and say what becomes of it."""

    def ends(self, call: Call) -> None:
        """Take a call that has returned."""

    def is_cut(self, call: Call) -> None:
        """Take a call in which its thread was killed."""

    def has_ended(self, task: int) -> None:
        """Take the end of a thread."""

    def is_foreign(self, task: int, name: str, args: tuple[int, ...]) -> None:
        """Take a call of another architecture that may change a file."""

    def forked(self) -> None:
        """Take a process that has made another."""

    def faulted(self, task: int) -> bool:
        """Take a fault of memory, and say whether it was the tracer's own doing."""


@define(eq=False)
class Tracer:
    """Everything that is traced by one thread."""

    listener: Listener
    root: int = 0
    stops: int = 0
    code: int | None = None
    """The first process's exit code, negative for a signal, once it has ended."""

    _calls: dict[int, Call] = field(factory=dict)
    _known: set[int] = field(factory=set)
    _gone: set[int] = field(factory=set)
    """Tasks whose end was told; a parent may be told of a child after that."""

    _held: dict[int, float] = field(factory=dict)
    """Threads whose call has ended and has not returned yet, and when it may."""

    _waiting: list[Call] = field(factory=list)
    """Calls that must not begin yet."""

    def begin(self, root: int) -> None:
        """Take a process that is held, and let it go."""
        self.root, self._known = root, {root}
        kernel.ptrace(kernel.CONT, root)

    @property
    def is_done(self) -> bool:
        """Whether nothing is traced any more."""
        return not self._known

    def wait(self) -> tuple[int, int] | None:
        """Wait for the next stop or end; nothing if there is none before a call must return."""
        try:
            if not self._held:
                return os.waitpid(-1, kernel.WAITING)
            task, status = os.waitpid(-1, kernel.WAITING | os.WNOHANG)
        except ChildProcessError:
            self._known.clear()
            return None
        if task:
            return task, status
        time.sleep(NAP)
        return None

    def take(self, task: int, status: int) -> None:
        """Deal with a stop or an end, and let the thread go on."""
        if not os.WIFSTOPPED(status):
            self._known.discard(task)
            self._gone.add(task)
            self._held.pop(task, None)
            self._waiting = [each for each in self._waiting if each.task != task]
            call = self._calls.pop(task, None)
            if call is not None:
                self.listener.is_cut(call)
                self._begin_waiting()
            self.listener.has_ended(task)
            if task == self.root:
                self.code = os.waitstatus_to_exitcode(status)
            return
        self._known.add(task)  # a child may stop before its parent has told of it
        self._gone.discard(task)  # the number is another's by now
        with contextlib.suppress(kernel.Gone):  # its end will be told
            going = self._stopped(task, status)
            if going is not None:
                kernel.ptrace(going[0], task, 0, going[1])

    def kill(self) -> None:
        """Kill everything that is traced, and wait for its end."""
        self.signal_all()
        while not self.is_done:
            try:
                task, status = os.waitpid(-1, kernel.WAITING)
            except ChildProcessError:
                return
            if not os.WIFSTOPPED(status):
                self._known.discard(task)
                if task == self.root:
                    self.code = os.waitstatus_to_exitcode(status)

    def signal_all(self) -> None:
        """Kill everything that is traced; any thread may ask for that."""
        for task in self._known:
            with contextlib.suppress(ProcessLookupError):
                os.kill(task, signal.SIGKILL)

    def release(self) -> None:
        """Let calls return that have been held long enough."""
        now = time.monotonic()
        for task in [task for task, until in self._held.items() if until <= now]:
            del self._held[task]
            with contextlib.suppress(kernel.Gone):
                kernel.ptrace(kernel.CONT, task)

    def _stopped(self, task: int, status: int) -> tuple[int, int] | None:
        """Return how a thread goes on, and with which signal; not at all, if it is held."""
        number, event = os.WSTOPSIG(status), status >> 16
        if event == kernel.EVENT_SECCOMP:
            return self._entered(task)
        if number == kernel.AT_CALL:
            return self._ends(task)
        if event == kernel.EVENT_STOP:
            if number in STOPPING:
                return kernel.LISTEN, 0  # it was stopped by somebody, and stays so
        elif event == kernel.EVENT_EXEC:
            former = kernel.event_message(task)
            if former != task:
                self._known.discard(former)
                self._calls.pop(former, None)
        elif event in (kernel.EVENT_FORK, kernel.EVENT_VFORK, kernel.EVENT_CLONE):
            child = kernel.event_message(task)
            if child in self._gone:  # where there are two cores it may have ended already
                self.listener.forked()
                return kernel.CONT, 0
            self._known.add(child)  # this task may end before the child's first stop is told
            if kernel.leader(child) != kernel.leader(task):
                self.listener.forked()
        elif not event:
            is_ours = number == signal.SIGSEGV and self.listener.faulted(task)
            return kernel.CONT, 0 if is_ours else number
        return kernel.CONT, 0

    def _entered(self, task: int) -> tuple[int, int] | None:
        architecture, number, args = kernel.call_entered(task)
        if architecture != AUDIT_ARCH or number not in CALLS:
            name = foreign_name(architecture, number)
            if name is not None:
                self.listener.is_foreign(task, name, args)
            return kernel.CONT, 0
        self.stops += 1
        return self._begins(Call(task, CALLS[number], args))

    def _begins(self, call: Call) -> tuple[int, int] | None:
        order = self.listener.begins(call)
        if order is WAIT:
            self._waiting.append(call)
            return None
        self._calls[call.task] = call
        if order is not None:
            call.order = order
            self._obey(call, order)
        return kernel.SYSCALL, 0

    def _begin_waiting(self) -> None:
        """Let those calls begin for which another had to end first."""
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            with contextlib.suppress(kernel.Gone):
                going = self._begins(call)
                if going is not None:
                    kernel.ptrace(going[0], call.task)

    def _obey(self, call: Call, order: Order) -> None:
        if order.is_last is False:
            _kill(call.task)
        elif order.error:
            kernel.skip_call(call.task, order.error)
        elif order.length is not None and call.name in VECTORS:
            self._shorten_vector(call, order.length)
        elif order.length is not None:
            register = "r10" if call.name == "sendfile" else "rdx"
            call.restore = kernel.change_registers(call.task, **{register: order.length})

    def _shorten_vector(self, call: Call, length: int) -> None:
        """Give the kernel fewer buffers, the last of them shorter, until the call has ended."""
        address, count = call.args[1:3]
        words, kept = kernel.read_words(call.task, address, 2 * count), 0
        for n in range(0, len(words) - 1, 2):
            kept = n // 2 + 1
            if words[n + 1] >= length:
                last = address + 8 * (n + 1)
                call.args = (*call.args[:2], kept, *call.args[3:])
                call.restore = kernel.change_registers(call.task, rdx=kept)
                kernel.write_memory(call.task, last, length.to_bytes(8, "little"))
                call.mend = last, words[n + 1]
                return
            length -= words[n + 1]

    def _ends(self, task: int) -> tuple[int, int] | None:
        call = self._calls.get(task)
        if call is None:
            return kernel.CONT, 0
        # a thread that is killed now has not ended its call: its end will tell that it was cut
        call.result = kernel.call_result(task)
        del self._calls[task]
        try:
            if call.restore:
                kernel.change_registers(task, **call.restore)
            if call.mend is not None:
                kernel.write_memory(task, call.mend[0], call.mend[1].to_bytes(8, "little"))
        finally:
            try:
                self.listener.ends(call)
            except kernel.Gone:  # killed now: what it has written must be read from the file
                self.listener.is_cut(call)
            if self._waiting:
                self._begin_waiting()
        if call.order is not None and call.order.error_after:
            kernel.change_registers(task, rax=-call.order.error_after)
        if call.order is not None and call.order.is_last:
            _kill(task)
        if call.order is not None and call.order.seconds:
            self._held[task] = time.monotonic() + call.order.seconds
            return None
        return kernel.CONT, 0


def _kill(task: int) -> None:
    """Kill a thread's process, and all that belong to its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgid(task), signal.SIGKILL)
