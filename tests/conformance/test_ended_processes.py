"""A process may end when a call fails, and is started again; one that ends otherwise is wrong."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from attrs import define
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.lender import Lender
from tornproof_conformance.adapter.opened_journal import AdapterJournal
from tornproof_conformance.adapter.speaking.diagnosis import Exited, NoReply
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.subjects.reference import ReferenceSubject
from tornproof_models.contract.journal import Record
from tornproof_models.crash.program import Append, Fail
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem

from tests.recorders import needs_recorder

VARIANT = (sys.executable, "-m", "tornproof_conformance.variants", "ends-on-a-failed-sync")


@requirement("JRN-7", "JRN-15")
@needs_recorder
def test_a_process_that_ends_on_a_failed_sync_is_started_again() -> None:
    """What it had acknowledged is there, and it takes what comes next."""
    program = (Append(5), Fail(2, Fault.ERROR), Append(6), Append(7))
    with AdapterSubject.running(VARIANT) as adapter, RecordedSubject.of(adapter) as subject:
        running = run(program, subject, Options())

    assert running.violations == []
    assert [len(payload) for _, payload in running.appended] == [5, 6, 7]


@define
class EndedJournal:
    """Its process ends by itself after it has been opened."""

    discarded_bytes: int = 0
    has_ended: bool = False

    def scan(self) -> Iterator[Record]:
        """Show nothing, and end."""
        if self.has_ended:
            raise Exited("is asked for journal.scan and has ended")
        self.has_ended = True
        yield from ()

    def append(self, payload: bytes) -> int:
        """Give no answer."""
        raise Exited(f"is asked for an append of {len(payload)} bytes and has ended")


class EndsSubject(ReferenceSubject):
    """Its process ends after each opening."""

    def open(self, filesystem: ModelFilesystem, options: Options) -> Any:
        """Open what is about to end."""
        del filesystem, options
        return EndedJournal()


@requirement("JRN-15")
def test_a_process_that_ends_without_a_failed_call_is_wrong() -> None:
    """Nothing has failed under it, so a scan is owed an answer."""
    running = run((Append(5),), EndsSubject(), Options())

    assert [each.requirement for each in running.violations] == ["JRN-15"]


@define
class SilentSession:
    """It keeps silent, once; then it is dead."""

    is_released: bool = False

    def call(self, op: str, **arguments: Any) -> Mapping[str, Any]:
        """Keep silent."""
        del arguments
        if self.is_released:
            raise Exited(f"is asked for {op} and has ended")
        raise NoReply(f"no reply to {op} in 10 s")

    def kill(self) -> None:
        """End it."""
        self.is_released = True


class QuietDisk:
    """Nothing was lost on it, and no call failed."""

    def outcome(self, failure: Exception) -> Exception:
        """Leave a failure as it is."""
        return failure


@requirement("ADP-11")
def test_whoever_asks_on_after_a_silence_is_told_of_the_silence() -> None:
    """The suite has killed that process: it has not ended by itself."""
    lender = cast("Lender", AdapterSubject(("none",)))
    disk, session = cast("DirectoryDisk", QuietDisk()), cast("Session", SilentSession())
    journal = AdapterJournal(lender, session, disk, Options(), 0)

    for _ in range(2):
        with pytest.raises(NoReply, match=r"no reply to journal\.append"):
            journal.append(b"record")

    assert not journal.has_ended
