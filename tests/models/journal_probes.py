"""
Probes: the smallest situations in which a journal's bugs show.

A probe takes a subject and returns the requirements that it finds violated.  It
runs a program and perhaps crashes it, or opens an image, or looks at what lies
on the disk.
"""

import struct
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tornproof.errors import BeyondEnd, Corrupt, Locked, NotABoundary, TooLarge, Trimmed
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Step
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import DIRECTORY, JournalUnderTest, Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

from tests.spec.framing import digest, frame, frames, name

Probe: TypeAlias = Callable[[Subject], set[str]]

A, B, C = b"first", b"second record", b"the third"

# Programs


def runs(*program: Step, durability: str = "immediate") -> Probe:
    """Run a program, and judge what is read while the process lives."""
    return lambda subject: {
        violation.requirement
        for violation in run(program, subject, Options(durability=durability)).violations
    }


def crashes(
    *program: Step,
    crash_model: str,
    durability: str = "immediate",
    segment_bytes: int = 512,
) -> Probe:
    """Run a program, and judge every image that a crash under the crash model may leave."""

    def probe(subject: Subject) -> set[str]:
        options = Options(segment_bytes=segment_bytes, durability=durability)
        running = run(program, subject, options)
        assert not running.violations
        explorer = Explorer(subject, options, CRASH_MODELS[crash_model])
        findings = explorer.explore(running.filesystem.trace)
        assert explorer.coverage.complete
        return {finding.violation.requirement for finding in findings}

    return probe


# Images


def holding(files: Mapping[str, bytes]) -> ModelFilesystem:
    """Make a disk whose journal directory holds these files."""
    paths = {f"{DIRECTORY}/{file}": content for file, content in files.items()}
    return ModelFilesystem(Image(paths, frozenset({DIRECTORY})))


def recovers(violated: str, *kept: bytes, tail: bytes = b"") -> Probe:
    """Open a segment of whole frames and a tail, of which the frames must be kept."""
    return opens(violated, {name(0): frames(*kept) + tail}, *kept)


def opens(violated: str, files: Mapping[str, bytes], *payloads: bytes) -> Probe:
    """Open a journal that must show these payloads."""

    def probe(subject: Subject) -> set[str]:
        try:
            shown = [payload for _, payload in subject.open(holding(files), Options()).scan()]
        except Exception:
            return {violated}
        return set() if shown == list(payloads) else {violated}

    return probe


def refuses(violated: str, files: Mapping[str, bytes]) -> Probe:
    """Open a damaged journal, which must be an error that changes nothing."""

    def probe(subject: Subject) -> set[str]:
        filesystem = holding(files)
        try:
            subject.open(filesystem, Options())
        except Corrupt:
            return set() if filesystem.image == filesystem.initial else {violated}
        return {violated}

    return probe


# Situations of their own


def opened(
    subject: Subject, options: Options | None = None
) -> tuple[ModelFilesystem, JournalUnderTest]:
    """Open a journal on an empty disk."""
    filesystem = ModelFilesystem()
    return filesystem, subject.open(filesystem, options or Options())


def outcome(action: Callable[..., object], *arguments: object) -> object:
    """Return what a call returns, or the class of the error that it raises."""
    try:
        return action(*arguments)
    except Exception as error:
        return type(error)


def failed(action: Callable[..., object], *arguments: object) -> bool:
    """Tell whether a call raises an error."""
    return isinstance(outcome(action, *arguments), type)


def frame_on_disk(subject: Subject) -> set[str]:
    """Append one record and compare its frame with the specification, field by field."""
    filesystem, journal = opened(subject)
    journal.append(A)
    (found,) = (data for path, data in filesystem.image.files.items() if path.endswith(".wal"))
    expected = frame(A, hash=found[8:40])
    violated = set()
    if found[:4] != struct.pack("<I", len(A)):
        violated.add("FRM-1")
    elif found[4:8] != expected[4:8]:
        violated.add("FRM-2")
    if found[8:40] != digest(A):
        violated.add("FRM-3")
    return violated


def length_of_four_gigabytes(subject: Subject) -> set[str]:
    """Open a journal whose last header claims a payload of almost four gigabytes."""
    filesystem = holding({name(0): frames(A) + b"\xff" * 60})
    subject.open(filesystem, Options())
    return {"FRM-5"} if filesystem.largest_read > 1 << 20 else set()


def above_the_maximum(subject: Subject) -> set[str]:
    """Append one byte more than the maximum: a typed error, and nothing changes."""
    filesystem, journal = opened(subject, Options(max_payload=100))
    journal.append(A)
    before = filesystem.image
    refused = outcome(journal.append, bytes(101)) is TooLarge
    return set() if refused and filesystem.image == before else {"FRM-8"}


def cut_is_reported(subject: Subject) -> set[str]:
    """Open a journal with twenty torn bytes."""
    journal = subject.open(holding({name(0): frames(A) + frame(B)[:20]}), Options())
    return set() if journal.discarded_bytes == 20 else {"REC-7"}


def memory_is_bounded(subject: Subject) -> set[str]:
    """Open two megabytes of small records."""
    filesystem = holding({name(0): frame(bytes(1000)) * 2000})
    subject.open(filesystem, Options())
    return {"REC-9"} if filesystem.largest_read > 1 << 20 else set()


def files_after_opening(violated: str, file: str, *, stays: bool) -> Probe:
    """Open a journal beside another file, and see whether that file is still there."""

    def probe(subject: Subject) -> set[str]:
        filesystem = holding({name(0): frames(A), file: b""})
        subject.open(filesystem, Options())
        return set() if (f"{DIRECTORY}/{file}" in filesystem.image.files) == stays else {violated}

    return probe


def poisoned_by_a_failed_sync(subject: Subject) -> set[str]:
    """Let one fsync fail: the append must fail, and so must the next, and a sync."""
    filesystem, journal = opened(subject)
    journal.append(A)
    filesystem.fail(2, Fault.ERROR)
    refused = failed(journal.append, B), failed(journal.append, C), failed(journal.sync)
    return set() if all(refused) else {"JRN-7"}


def behind_a_fragment(subject: Subject) -> set[str]:
    """Append while the disk is full, then again when it is not, and reopen."""
    filesystem, journal = opened(subject)
    journal.append(A)
    filesystem.fail(1, Fault.SHORT_THEN_NO_SPACE)
    failed(journal.append, B)
    journal.append(C)
    journal.close()
    shown = [payload for _, payload in subject.open(filesystem, Options()).scan()]
    return set() if shown in ([A, C], [A, B, C]) else {"JRN-8"}


def twice_after_an_error(subject: Subject) -> set[str]:
    """Let a write reach the disk and report an error, and reopen."""
    filesystem, journal = opened(subject)
    journal.append(A)
    filesystem.fail(1, Fault.ERROR_AFTER)
    failed(journal.append, B)
    journal.close()
    shown = [payload for _, payload in subject.open(filesystem, Options()).scan()]
    return {"JRN-6"} if shown.count(B) > 1 else set()


def segments_on_disk(subject: Subject) -> set[str]:
    """Fill four segments: each holds whole frames, and begins where the last one ends."""
    filesystem, journal = opened(subject)
    for size in (300, 300, 700, 100):
        journal.append(bytes(size))
    files = sorted(file for file in filesystem.image.files if file.endswith(".wal"))
    if [len(filesystem.image.files[file]) for file in files] != [340, 340, 740, 140]:
        return {"SEG-5"}
    expected = [f"{DIRECTORY}/{name(base)}" for base in (0, 340, 680, 1420)]
    return set() if files == expected else {"SEG-2"}


def many_segments(subject: Subject) -> set[str]:
    """Fill segments up to an offset of four hexadecimal digits, and reopen."""
    filesystem, journal = opened(subject)
    payloads = [bytes([number]) * 460 for number in range(10)]
    for payload in payloads:
        journal.append(payload)
    journal.close()
    return {"REC-1"} if failed(subject.open, filesystem, Options()) else set()


def every_record_by_offset(subject: Subject) -> set[str]:
    """Read each of three records in two segments by the offset that its append returned."""
    _, journal = opened(subject)
    records = {journal.append(payload): payload for payload in (A, bytes(460), B)}
    found = {offset: outcome(journal.read, offset) for offset in records}
    return set() if found == records else {"SEG-3"}


def three_errors(subject: Subject) -> set[str]:
    """Read below the first segment, at a frame inside a payload, and at the end."""
    journal = subject.open(holding({name(1000): frames(frame(A))}), Options())
    found = [outcome(journal.read, offset) for offset in (999, 1040, 1080 + len(A))]
    return set() if found == [Trimmed, NotABoundary, BeyondEnd] else {"SEG-8"}


def larger_than_a_segment(subject: Subject) -> set[str]:
    """Append a record larger than a segment, and read it after a restart."""
    filesystem, journal = opened(subject)
    if failed(journal.append, bytes(600)):
        return {"SEG-6"}
    journal.close()
    shown = [payload for _, payload in subject.open(filesystem, Options()).scan()]
    return set() if shown == [bytes(600)] else {"SEG-6"}


def second_writer(subject: Subject) -> set[str]:
    """Open a journal that is open."""
    filesystem, journal = opened(subject)
    journal.append(A)
    return set() if outcome(subject.open, filesystem, Options()) is Locked else {"JRN-9"}


def writer_after_a_death(subject: Subject) -> set[str]:
    """Open a journal whose writer has died."""
    filesystem, journal = opened(subject)
    journal.append(A)
    filesystem.release_locks()
    return {"JRN-9"} if failed(subject.open, filesystem, Options()) else set()
