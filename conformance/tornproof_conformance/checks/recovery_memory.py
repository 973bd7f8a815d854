"""
An exercise of recovery: does its memory grow with the journal?

Two journals are made of the same records, one of them much longer.  A fresh process opens
each, and is watched meanwhile.  What it holds more for the longer one should be next to
nothing; an index of where the records are is not, but a small part of it.
"""

from collections.abc import Iterator, Sequence

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options

from tornproof_conformance.adapter.adapter_subject import AdapterTarget, introduction
from tornproof_conformance.adapter.blame import blame
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.speaking.resources import watching_memory

RECORD_BYTES = 16 << 10
SHORT, LONG = 64, 1088
"""Records of a journal of 1 MiB, and of one of 17."""

OPTIONS = Options(64 << 20, "eventual")
"""One segment holds the longer journal: its size is no excuse."""


def measure_memory(target: AdapterTarget, _: Sequence[str] = ()) -> Iterator[Violation]:
    """Open a short and a long journal; blame half of the difference between them, or more."""
    yield from blame("REC-9", _compare(target))


def _compare(target: AdapterTarget) -> Iterator[Violation]:
    short, long = (_peak(target, _make(target, records)) for records in (SHORT, LONG))
    difference = (LONG - SHORT) * RECORD_BYTES
    if long - short > difference / 2:
        message = (
            f"opening a journal of {LONG * RECORD_BYTES >> 20} MiB in records of "
            f"{RECORD_BYTES >> 10} KiB took {(long - short) / (1 << 20):.0f} MiB more memory than "
            f"opening one that is {difference >> 20} MiB shorter; if a garbage collector takes "
            "what it is not denied, limit its heap in the command"
        )
        yield Violation("REC-9", message)


def _make(target: AdapterTarget, records: int) -> DirectoryDisk:
    """Make a journal of so many records, and close it."""
    disk = target.new_disk()
    journal = target.open(disk, OPTIONS)
    payload = grow_payload(RECORD_BYTES, 0)
    for _ in range(records):
        journal.append(payload)
    journal.close()
    return disk


def _peak(target: AdapterTarget, disk: DirectoryDisk) -> int:
    """Return how many bytes of memory a fresh process holds while it opens a journal."""
    with target.start_session() as session:
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
