"""
Measure the memory that recovery takes.

Two journals are made of the same records, one of them much longer.  A fresh process opens
each, and its memory is watched.  An implementation may hold a little more for the longer
journal, such as an index of where records are, but not a large part of it.  A cache or a write
buffer of some fixed size may be as large as the longer journal: so whoever holds a large part of
it is given a third one, sixteen times as long, of which a buffer is a small part.

What a garbage collector has not collected yet is no part of the journal: the processes run
with small heaps, by the variables that the usual runtimes read.  A process that does not
answer, or not in time, shows nothing of its memory; then nothing is said.
"""

import os
from collections.abc import Iterator, Mapping, Sequence

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options, Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.blame import NO_ANSWER
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.introduction import introduction
from tornproof_conformance.adapter.speaking.resources import is_measurable, watching_memory
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.stream.run_events import Progress

MEMORY_BOUND = "REC-9"

JOURNALS = ((64, 16 << 10), (1088, 16 << 10), (1088, 256 << 10))
"""Records and bytes of each of a journal of 1 MiB, of one of 17, and of one of 272."""

OPTIONS = Options(512 << 20, "eventual")
"""One segment holds the longest journal: its size is no excuse."""

SMALL_HEAPS: Mapping[str, str] = {
    "JAVA_TOOL_OPTIONS": "-Xmx32m -XX:+UseSerialGC",
    "NODE_OPTIONS": "--max-old-space-size=32 --max-semi-space-size=1",
    "GOGC": "10",
    "GOMEMLIMIT": "24MiB",
    "DOTNET_GCHeapHardLimit": "0x2000000",
    "DOTNET_gcServer": "0",
}
"""
What the runtimes of Java, Node, Go and .NET read: 32 MiB, or to collect early.

Each is twice the difference of the first two journals, so that one who holds all of it is seen.
"""


@exercise("memory")
def measure_memory(subject: AdapterSubject, _: Sequence[str] = ()) -> Iterator[Violation]:
    """Open journals, each longer than the last; blame who holds half of each difference."""
    held = [_peak(subject, _make(subject, count, size)) for count, size in JOURNALS[:2]]
    if not _holds_half(held):
        return
    held.append(_peak(subject, _make(subject, *JOURNALS[2])))
    if _holds_half(held):
        sizes = [count * size >> 20 for count, size in JOURNALS]
        taken = [bytes_held / (1 << 20) for bytes_held in held]
        message = (
            f"opening a journal of {sizes[1]} MiB took {taken[1] - taken[0]:.0f} MiB more memory "
            f"than opening one of {sizes[0]} MiB, and one of {sizes[2]} MiB took "
            f"{taken[2] - taken[1]:.0f} MiB more again; if the runtime has a garbage collector "
            f"that reads none of {', '.join(SMALL_HEAPS)}, limit its heap and run again"
        )
        yield Violation(MEMORY_BOUND, message)


def _holds_half(held: Sequence[int]) -> bool:
    """Tell whether memory has grown by half of what the last journal is longer, or more."""
    shorter, longer = (count * size for count, size in JOURNALS[len(held) - 2 : len(held)])
    return held[-1] - held[-2] > (longer - shorter) / 2


def _make(subject: AdapterSubject, records: int, size: int) -> DirectoryDisk:
    """Make a journal of so many records of so many bytes, and close it."""
    disk = subject.new_disk()
    journal = subject.open(disk, OPTIONS)
    payload = grow_payload(size, 0)
    for _ in range(records):
        journal.append(payload)
    journal.close()
    return disk


def _peak(subject: AdapterSubject, disk: DirectoryDisk) -> int:
    """
    Return how many bytes of memory a fresh process holds while it opens a journal.

    Where a small heap is too small for it, it has one of its own choice.
    """
    try:
        return _measured(subject, disk, {**os.environ, **SMALL_HEAPS})
    except NO_ANSWER:
        return _measured(subject, disk, None)


def _measured(
    subject: AdapterSubject, disk: DirectoryDisk, environment: Mapping[str, str] | None
) -> int:
    with subject.start_session(environment) as session:
        introduction(session)
        with watching_memory(session.pid) as peak:
            session.call(
                "journal.open",
                dir=str(disk.directory),
                segment_bytes=OPTIONS.segment_bytes,
                max_payload=OPTIONS.max_payload,
            )
        session.call("journal.close")
    return peak.bytes


NAME = "memory"
ONLY = frozenset({MEMORY_BOUND})


def _memory(subject: Subject, _: Budget) -> Findings:
    if why := _why_unseen(subject):
        return Covered(f"nothing: {why}")
    yield Progress(NAME, 0, 1, "opening a long journal")
    try:
        yield from try_case(ExerciseCase("memory"), subject)
    except NO_ANSWER as error:
        return Covered(f"nothing: {type(error).__name__}: {error}", is_conclusive=False)
    count, size = JOURNALS[1]
    return Covered(f"a journal of {count * size >> 20} MiB, opened and watched")


def _why_unseen(subject: Subject) -> str:
    """Say why memory shows nothing here, or of this library; empty if it does."""
    if not is_measurable():
        return "this system does not say what its processes take"
    if getattr(subject, "returns_everything", False):
        return "opening returns all records, as `hello` says"
    return ""


def _unseen(subject: Subject) -> frozenset[str]:
    """Name what cannot be seen: here, or of a library that returns all records."""
    return ONLY if _why_unseen(subject) else frozenset()


MEMORY = Check(NAME, "the memory that opening a long journal takes", ONLY, _memory, _unseen)
