"""
System calls that fail.

strace can let a system call return an error instead of doing anything, by its name and
number: the third `fdatasync` of a thread.  A write that is short cannot be made that way,
since the call that is said to have written half would have written nothing.  It takes a
real disk that becomes full in the middle of a write, and a limit on the size of files
(`RLIMIT_FSIZE`) is one, for one process: the write is short, and the next one fails.
"""

from collections.abc import Iterator, Mapping

from attrs import frozen
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.trace import SYNCS, Write

from tornproof_conformance.recorder.recording import Performed

ERRORS: Mapping[Fault, str] = {Fault.ERROR: "EIO", Fault.NO_SPACE: "ENOSPC"}
"""What a call returns that does nothing."""


@frozen
class Injection:
    """One fault, as strace or the kernel is told of it."""

    options: tuple[str, ...] = ()
    """Options of strace."""

    limit: int | None = None
    """The size in bytes beyond which no file grows, if it is that."""


def faults_of(performed: Performed) -> Iterator[Fault]:
    """Yield the faults that may strike a call."""
    yield Fault.ERROR
    if not isinstance(performed.operation, SYNCS):
        yield Fault.NO_SPACE
    if isinstance(performed.operation, Write) and len(performed.operation.data) > 1:
        yield Fault.SHORT_THEN_NO_SPACE


def inject(performed: Performed, fault: Fault) -> Injection:
    """Say how a call is made to fail; not at all, if no real process can be made to meet it."""
    if fault in ERRORS:
        what = f"{performed.name}:error={ERRORS[fault]}:when={performed.nth}"
        return Injection(options=(f"-einject={what}",))
    if fault is Fault.SHORT_THEN_NO_SPACE and isinstance(performed.operation, Write):
        write = performed.operation
        return Injection(limit=write.offset + max(len(write.data) // 2, 1))
    return Injection()
