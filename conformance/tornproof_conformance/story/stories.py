"""
Describe a problem: program, crashes, bytes, expected and recovered records.
"""

import shlex
from base64 import b64encode
from collections.abc import Iterator
from hashlib import blake2b

from attrs import evolve, frozen
from tornproof_models.contract.journal import Record
from tornproof_models.contract.workload import cause
from tornproof_models.crash.findings import Finding
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import DIRECTORY, Subject, new_disk
from tornproof_models.disk.shared_disk import Replay
from tornproof_models.disk.trace import Image, Observed, Trace
from tornproof_models.documents.words import printable

from tornproof_conformance.cases.case import (
    BatchCase,
    DeliveryCase,
    ExerciseCase,
    MachineCase,
    Problem,
    ProgramCase,
    ScenarioCase,
    ScheduleCase,
    VectorCase,
    WorkloadCase,
)
from tornproof_conformance.cases.shrinking import crash_model_of
from tornproof_conformance.specification.requirements import requirement
from tornproof_conformance.story.fates import fates_of
from tornproof_conformance.story.lanes import CALLS, moments_of
from tornproof_conformance.stream.run_events import (
    CrashStory,
    FileStory,
    Moment,
    ShownRecord,
    ViolationFound,
)
from tornproof_conformance.vectors.frames import SEGMENT, read_frames
from tornproof_conformance.vectors.judging import show_vector
from tornproof_conformance.vectors.vector import ImageVector, Recovers, image_vectors
from tornproof_conformance.workload.workload_subject import WorkloadSubject

MOST_MOMENTS = 60
"""How many events before a crash a story tells; what came before is in the program."""

MOST_SAID = 10
"""Last lines of what a command said of an image."""

MOST_LOST = 12
"""Losses of a workload that a story lists."""

MOST_FILES = 8
"""Files of a workload that a story shows, of those that are not as they had been written."""

CONTENT_BYTES = 4096
"""How much of a file a story holds: eight sectors, more than a shrunk program writes."""


def tell(problem: Problem, subject: Subject, reproducer: str) -> ViolationFound:
    """Turn a problem into the event that reports show."""
    return _found(problem, _tell_case(problem, subject), subject, reproducer)


def mention(problem: Problem, subject: Subject, reproducer: str) -> ViolationFound:
    """Say what a problem is, without asking the subject for anything: it may not answer."""
    return _found(problem, _tell_at_once(problem), subject, reproducer)


def _found(problem: Problem, told: "_Told", subject: Subject, reproducer: str) -> ViolationFound:
    return ViolationFound(
        requirement=problem.violation.requirement,
        message=problem.violation.message,
        sentence=requirement(problem.violation.requirement).sentence,
        program=_program(problem, subject),
        crash_model=crash_model_of(problem.case),
        crashes=told.crashes,
        afterwards=told.afterwards,
        expected=told.expected,
        recovered=told.recovered,
        error=told.error,
        reproducer=reproducer,
        command=shlex.join(getattr(subject, "command", ())),
        cause=_cause(problem),
        replay=_replay(problem, subject, reproducer),
    )


def _cause(problem: Problem) -> str:
    """Name what findings of a workload have in common: the loss, or the last operation."""
    if problem.finding is None or not isinstance(problem.case, WorkloadCase):
        return ""
    crash = problem.finding.inner or problem.finding
    lost = crash.lost
    if not lost and problem.trace is not None and problem.finding.inner is None:
        moments = moments_of(problem.trace, crash.crash_point)
        lost = tuple(moment.words for moment in moments)[-1:]
    return cause(problem.violation.requirement, lost)


def _replay(problem: Problem, subject: Subject, reproducer: str) -> str:
    """Return the command that looks at a crash of a workload again."""
    if not isinstance(problem.case, WorkloadCase) or not isinstance(subject, WorkloadSubject):
        return ""
    return shlex.join(
        ["tornproof", "crash", *subject.given.questions.options, "--replay", reproducer]
    )


def _program(problem: Problem, subject: Subject) -> tuple[str, ...]:
    match problem.case:
        case ProgramCase(program, options):
            opening = f"open({options.durability}, segments of {options.segment_bytes} bytes)"
            return (opening, *map(str, program))
        case ScenarioCase(name):
            return (f"scenario {name}",)
        case VectorCase(name):
            return (f"open the image of vector {name}",)
        case MachineCase(machine, _, _, steps):
            return (machine, *steps)
        case ExerciseCase(name, arguments):
            return (name, *arguments)
        case DeliveryCase(crash_model, steps):
            return (f"open a queue ({crash_model.value})", *map(str, steps))
        case ScheduleCase() | BatchCase():
            return problem.case.steps
        case WorkloadCase():
            assert isinstance(subject, WorkloadSubject)
            return subject.given.words


# What happened


@frozen
class _Told:
    crashes: tuple[CrashStory, ...] = ()
    afterwards: tuple[Moment, ...] = ()
    expected: tuple[ShownRecord, ...] = ()
    recovered: tuple[ShownRecord, ...] | None = None
    error: str = ""


def _tell_case(problem: Problem, subject: Subject) -> _Told:
    match problem.case:
        case ProgramCase():
            return _tell_program(problem, problem.case, subject)
        case WorkloadCase():
            assert isinstance(subject, WorkloadSubject)
            return _tell_workload(problem, problem.case, subject)
        case VectorCase(name):
            images = {vector.id: vector for vector in image_vectors()}
            return _tell_vector(images[name], subject) if name in images else _Told()
        case _:
            return _Told()


def _tell_vector(vector: ImageVector, subject: Subject) -> _Told:
    """Open the image again, for what is shown of it."""
    files = tuple(tell_file(name, data) for name, data in sorted(vector.files.items()))
    owed = vector.expect.records if isinstance(vector.expect, Recovers) else ()
    shown = show_vector(vector, subject)
    story, expected = (CrashStory((), (), files),), tell_records(owed)
    if isinstance(shown, Exception):
        return _Told(story, expected=expected, error=f"{type(shown).__name__}: {shown}")
    return _Told(story, expected=expected, recovered=tell_records(shown))


def _tell_at_once(problem: Problem) -> _Told:
    """Tell the crashes of a program as far as they are known; of a second one, what it lost."""
    finding, trace = problem.finding, problem.trace
    if finding is None or trace is None or not isinstance(problem.case, ProgramCase):
        return _Told()
    written = written_image(trace, finding.crash_point)
    files = tell_files(finding.image, written)
    crashes = [CrashStory(moments_before(trace, finding), finding.lost, files)]
    if finding.inner is not None:
        image = finding.inner.image
        begun = Moment(CALLS, "recovery begins")
        crashes.append(CrashStory((begun,), finding.inner.lost, tell_files(image, image)))
    recovered = None if finding.recovered is None else tell_records(finding.recovered)
    owed = tell_records(finding.owed)
    return _Told(tuple(crashes), expected=owed, recovered=recovered, error=finding.error)


def _tell_program(problem: Problem, case: ProgramCase, subject: Subject) -> _Told:
    """Run the program again, and each recovery, for what they do on the disk."""
    crashes = []
    trace = run(case.program, subject, case.options).filesystem.trace
    finding: Finding | None = problem.finding
    while finding is not None:
        moments = moments_before(trace, finding)
        written = written_image(trace, finding.crash_point)
        crashes.append(CrashStory(moments, finding.lost, tell_files(finding.image, written)))
        trace = recover(subject, case.options, new_disk(subject, finding.image)).trace
        finding = finding.inner
    end = None if problem.finding is None or problem.finding.error else _shown(trace)
    afterwards = tuple(moments_of(trace, end))[-MOST_MOMENTS:]
    if problem.finding is None:
        return _Told(tuple(crashes), afterwards)
    recovered = problem.finding.recovered
    return _Told(
        tuple(crashes),
        afterwards,
        tell_records(problem.finding.owed),
        None if recovered is None else tell_records(recovered),
        problem.finding.error,
    )


def _tell_workload(problem: Problem, case: WorkloadCase, subject: WorkloadSubject) -> _Told:
    """Tell the crash of a workload, or of its recovery, and what the commands say after it."""
    finding, trace = problem.finding, problem.trace
    assert finding is not None
    assert trace is not None
    crashes = [_tell_loss(finding, trace)]
    if finding.inner is not None and case.recovery is not None:
        recovery = subject.recoveries[case.recovery].recorded.trace
        crashes.append(_tell_loss(finding.inner, recovery))
    said = [Moment(CALLS, printable(line)) for line in finding.error.splitlines()[-MOST_SAID:]]
    return _Told(tuple(crashes), tuple(said))


def _tell_loss(finding: Finding, trace: Trace) -> CrashStory:
    """
    Tell one crash: what was done before it, and which files are not as they were written.

    If nothing was lost, tell the files that the last operation has changed.
    """
    written = written_image(trace, finding.crash_point).files
    before = written if finding.lost else written_image(trace, finding.crash_point - 1).files
    files = tuple(
        tell_file(path.removeprefix("/"), finding.image.files.get(path, b""), written.get(path))
        for path in sorted({*finding.image.files, *written})
        if finding.image.files.get(path) != before.get(path)
    )
    moments = moments_before(trace, finding)
    lost = finding.lost
    if len(lost) > MOST_LOST:
        lost = (*lost[:MOST_LOST], f"and {len(lost) - MOST_LOST:,} more")
    return CrashStory(moments, lost, files[:MOST_FILES])


def moments_before(trace: Trace, finding: Finding) -> tuple[Moment, ...]:
    """Tell what happened before a crash, the last so much, and what became of each write."""
    told = tuple(moments_of(trace))
    end = finding.crash_point
    since = max(end - MOST_MOMENTS, 0)
    fates = fates_of(trace, end, finding.image, told, since)
    return tuple(evolve(told[n], fate=fates.get(n)) for n in range(since, end))


def _shown(trace: Trace) -> int | None:
    """Return after how many events a recovery had shown what it found; none if it did not."""
    events = enumerate(trace.events, start=1)
    return next((number for number, event in events if isinstance(event, Observed)), None)


def written_image(trace: Trace, end: int) -> Image:
    """Return the tree as programs saw it after so many events: what a crash could at most keep."""
    disk = Replay(trace.initial)
    for event in trace.events[:end]:
        disk.apply(event)
    return disk.image


# Files and records


def tell_files(image: Image, written: Image) -> tuple[FileStory, ...]:
    """Tell the files that a crash left, and where they are not what had been written."""
    return tuple(
        tell_file(path.removeprefix(f"{DIRECTORY}/"), content, written.files.get(path))
        for path, content in sorted(image.files.items())
    )


def tell_file(name: str, content: bytes, written: bytes | None = None) -> FileStory:
    """
    Tell a file, a segment with its frames.

    Without knowing what had been written to it, say nothing about differences.
    """
    frames = read_frames(content) if SEGMENT.fullmatch(name) else ()
    return FileStory(
        name,
        len(content),
        tuple((frame.position, frame.size, frame.verdict) for frame in frames),
        b64encode(content[:CONTENT_BYTES]).decode(),
        () if written is None else tuple(_differences(content, written)),
    )


def _differences(content: bytes, written: bytes) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a file that are not as they had been written, the end exclusive."""
    begin = None
    for position, byte in enumerate(content):
        same = position < len(written) and written[position] == byte
        if same and begin is not None:
            yield begin, position
            begin = None
        elif not same and begin is None:
            begin = position
    if begin is not None:
        yield begin, len(content)


def tell_records(records: tuple[Record, ...]) -> tuple[ShownRecord, ...]:
    """Tell records by where they are, how large, and a digest."""
    return tuple(
        ShownRecord(offset, len(payload), blake2b(payload, digest_size=4).hexdigest())
        for offset, payload in records
    )
