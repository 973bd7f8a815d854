"""
Measure the memory that recovery takes.

Two journals are made of the same records, one of them much longer.  A fresh process opens
each, and its memory is watched.  An implementation may hold a little more for the longer
journal, such as an index of where records are, but not a large part of it.
"""

from collections.abc import Iterator, Sequence

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options, Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject, introduction
from tornproof_conformance.adapter.blame import blame
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.speaking.resources import is_measurable, watching_memory
from tornproof_conformance.cases.case import ExerciseCase, try_case
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.stream.run_events import Progress

MEMORY_BOUND = "REC-9"

RECORD_BYTES = 16 << 10
SHORT, LONG = 64, 1088
"""Records of a journal of 1 MiB, and of one of 17."""

OPTIONS = Options(64 << 20, "eventual")
"""One segment holds the longer journal: its size is no excuse."""


@exercise("memory")
def measure_memory(subject: AdapterSubject, _: Sequence[str] = ()) -> Iterator[Violation]:
    """Open a short and a long journal; blame half of the difference between them, or more."""
    yield from blame(MEMORY_BOUND, _compare(subject))


def _compare(subject: AdapterSubject) -> Iterator[Violation]:
    short, long = (_peak(subject, _make(subject, records)) for records in (SHORT, LONG))
    difference = (LONG - SHORT) * RECORD_BYTES
    if long - short > difference / 2:
        message = (
            f"opening a journal of {LONG * RECORD_BYTES >> 20} MiB in records of "
            f"{RECORD_BYTES >> 10} KiB took {(long - short) / (1 << 20):.0f} MiB more memory than "
            f"opening one that is {difference >> 20} MiB shorter; if the runtime has a garbage "
            "collector, limit its heap (for example `java -Xmx64m`) and run again"
        )
        yield Violation(MEMORY_BOUND, message)


def _make(subject: AdapterSubject, records: int) -> DirectoryDisk:
    """Make a journal of so many records, and close it."""
    disk = subject.new_disk()
    journal = subject.open(disk, OPTIONS)
    payload = grow_payload(RECORD_BYTES, 0)
    for _ in range(records):
        journal.append(payload)
    journal.close()
    return disk


def _peak(subject: AdapterSubject, disk: DirectoryDisk) -> int:
    """Return how many bytes of memory a fresh process holds while it opens a journal."""
    with subject.start_session() as session:
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
    if not is_measurable():
        return Covered("nothing: this system does not say what its processes take")
    yield Progress(NAME, 0, 1, "opening a long journal")
    yield from try_case(ExerciseCase("memory"), subject)
    return Covered(f"a journal of {LONG * RECORD_BYTES >> 20} MiB, opened and watched")


MEMORY = Check(
    NAME,
    "the memory that opening a long journal takes",
    ONLY,
    _memory,
    lambda _: frozenset() if is_measurable() else ONLY,
)
