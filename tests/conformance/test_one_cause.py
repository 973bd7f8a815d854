"""What reads or writes frames wrong is one finding, and hides no second fault."""

import pytest
from tornproof_conformance.cases.case import Case, ScenarioCase, VectorCase, try_case
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_conformance.run.findings import Findings
from tornproof_conformance.scenarios import SCENARIOS as ALL
from tornproof_conformance.subjects.reference import QueueMiniature
from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.journal import History, Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.database_faults import Kind, Strike
from tornproof_models.miniatures.drainer_ending import DeadLettersWithoutReason
from tornproof_models.miniatures.drainer_landing import MintsAnIdForEachAttempt
from tornproof_models.miniatures.drainer_trouble import KeepsTheBrokenConnection
from tornproof_models.miniatures.journal_damage import ForeignFilesRemoved
from tornproof_models.miniatures.journal_framing import (
    BigEndianLength,
    CrcOfThePayloadOnly,
    HashOfAnotherKind,
    HashUnchecked,
    NoMaximum,
    ZerosAreARecord,
)
from tornproof_models.miniatures.journal_miniatures import MiniatureSubject
from tornproof_models.miniatures.journal_segments import NoLock, OversizeRecordRefused
from tornproof_models.miniatures.journal_tail import TornTailRefused
from tornproof_models.miniatures.small_journal import SmallJournal
from tornproof_models.queues.delivery_program import Arm, Move, Submit
from tornproof_models.queues.fault_sweep import violations_of

VECTORS = (
    "frm/one-record",
    "frm/zero-length-payload",
    "frm/wrong-hash-right-crc",
    "frm/hash-is-sha256",
    "frm/forty-zeros",
    "rec/header-cut-by-one-byte",
    "rec/garbage-tail",
    "rec/unknown-files",
    "seg/two-segments",
)
SCENARIOS = (
    "frames-on-disk",
    "no-flipped-bit-is-returned",
    "zeros-are-no-record",
    "what-decodes-is-canonical",
    "too-large-is-refused",
    "a-large-record-is-taken",
    "segments-on-disk",
    "foreign-files-stay",
    "one-writer",
)


def found(journal: type[SmallJournal]) -> list[tuple[str, ...]]:
    """Judge a journal by frozen images and situations; name each finding, and what it lists."""
    subject: Subject = MiniatureSubject("wrong", journal)
    cases: list[Case] = [VectorCase(name) for name in VECTORS]
    cases += [ScenarioCase(name) for name in SCENARIOS]
    findings = Findings()
    for each in cases:
        for problem in try_case(each, subject):
            findings.add(problem, "test")
    return [(each.requirement, *each.also) for each in findings]


class OtherLengthNoMaximum(BigEndianLength, NoMaximum):
    """Reads other frames, and takes payloads of any size."""


class OtherLengthNoLock(BigEndianLength, NoLock):
    """Reads other frames, and locks nobody out."""


class OtherLengthRemoves(BigEndianLength, ForeignFilesRemoved):
    """Reads other frames, and removes what is not its own."""


class ZerosAndHashes(ZerosAreARecord, HashUnchecked):
    """Takes zeros for a record, and looks at no hash."""

    def check_frame(self, length, crc, digest, payload):  # type: ignore[no-untyped-def]
        """Spare the empty, and trust the hash of the others."""
        return (
            None if length == 0 else HashUnchecked.check_frame(self, length, crc, digest, payload)
        )


class RefusesTwice(TornTailRefused, OversizeRecordRefused):
    """Refuses a torn tail, and what is larger than a segment."""


@pytest.mark.parametrize(
    ("journal", "layout"),
    [
        pytest.param(BigEndianLength, "FRM-1", marks=requirement("FRM-1")),
        pytest.param(CrcOfThePayloadOnly, "FRM-2", marks=requirement("FRM-2")),
        pytest.param(HashOfAnotherKind, "FRM-3", marks=requirement("FRM-3")),
    ],
)
def test_other_frames_are_one_finding(journal: type[SmallJournal], layout: str) -> None:
    """It is told under the field that is another one, whatever else is not read."""
    (only,) = found(journal)

    assert only[0] == layout
    assert "REC-1" in only


@requirement("FRM-4", "FRM-6")
def test_each_kind_of_frame_that_is_none_is_its_own_finding() -> None:
    """A wrong hash and a run of zeros are two faults, alone and together."""
    assert [each[0] for each in found(HashUnchecked)] == ["FRM-4"]
    assert [each[0] for each in found(ZerosAreARecord)] == ["FRM-6"]
    assert {each[0] for each in found(ZerosAndHashes)} == {"FRM-4", "FRM-6"}


@pytest.mark.parametrize(
    ("journal", "second"),
    [(OtherLengthNoMaximum, "FRM-8"), (OtherLengthNoLock, "JRN-9"), (OtherLengthRemoves, "REC-10")],
)
def test_other_frames_hide_no_second_fault(journal: type[SmallJournal], second: str) -> None:
    """What does not come from them is a finding of its own."""
    assert {each[0] for each in found(journal)} == {"FRM-1", second}


@requirement("REC-1", "SEG-6")
def test_two_errors_are_two_causes() -> None:
    """What is refused with another error is refused for another reason."""
    assert {each[0] for each in found(RefusesTwice)} == {"REC-1", "SEG-6"}


@requirement("JRN-2")
def test_a_record_in_another_place_is_not_gone() -> None:
    """It is told as out of order, and not as a promise that was broken."""
    history = History()
    for call, payload in enumerate((b"one", b"two")):
        history = history.invoke(call, payload).acknowledge(call, 43 * call, durable=True)

    told: list[Violation] = history.judge([(43, b"two"), (0, b"one")])

    assert "JRN-2" in {each.requirement for each in told}
    assert "JRN-3" not in {each.requirement for each in told}


class OtherIdNoReason(MintsAnIdForEachAttempt, DeadLettersWithoutReason):
    """Gives each attempt an id of its own, and dead-letters without a reason."""


@requirement("EVT-6", "DRN-5")
def test_what_is_no_loss_keeps_its_name_in_a_situation() -> None:
    """A dead letter without a reason is DRN-5, also where commits are ambiguous (DRN-7)."""
    situation = ALL["an-ambiguous-commit-is-looked-into"]

    assert {
        each.requirement
        for each in situation.judge(QueueMiniature("wrong", DeadLettersWithoutReason))
    } == {"DRN-5"}


@requirement("EVT-6", "DRN-5")
def test_another_id_hides_no_second_fault() -> None:
    """Both are told: of the situation in which an id may change, and of the commits."""
    subject = QueueMiniature("wrong", OtherIdNoReason)

    told = {
        each.requirement
        for name in ("an-attempt-does-not-change-the-id", "an-ambiguous-commit-is-looked-into")
        for each in ALL[name].judge(subject)
    }

    assert {"EVT-6", "DRN-5"} <= told


@requirement("DRN-8")
def test_a_lock_that_stays_is_a_verdict() -> None:
    """A drainer that comes to rest inside a transaction is told, and ends no run with an error."""
    program = (Arm(Strike(Kind.PANIC, point="insert")), Submit(), Move(9), Submit(), Move(9))

    told = violations_of(program, KeepsTheBrokenConnection, Mode.DURABLE)

    assert {each.requirement for each in told} == {"DRN-8"}
