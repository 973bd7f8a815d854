"""
Find what a loss of power does to foreign software.

Every program of a short list runs once on a log, recorded, and is crashed everywhere
it matters, in one crash model after the other.

Three times of a log's life are told apart.  While it is being *created* nothing was
acknowledged, so nothing can be lost; but a crash may leave something that never
opens again.  *Later* there are records that somebody relies on.  And *after a failed
sync*, when the log has been opened again, what it shows may be in memory alone.

An entry with a published bug may name a program of its own, which shows the bug; it and the
entry with the fix run that as well.
"""

from collections.abc import Iterator

from attrs import define, field, frozen
from tornproof.errors import Invalid
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage, Finding
from tornproof_models.crash.program import Append, Fail, Kill, Program, Reopen
from tornproof_models.crash.run import run
from tornproof_models.crash.sites import smallest
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault, Kind
from tornproof_models.disk.trace import Acked, Trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.patience import OutOfPatience, Patience
from tornproof_conformance.cases.programs import parse_program
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.story.narration import describe_trace
from tornproof_conformance.survey.entries import (
    NO_CRASH,
    Entry,
    harshness_of,
    reported_programs,
)

PROGRAMS: tuple[Program, ...] = (
    (Append(20),),
    (Append(600),),
    (Append(20), Append(30)),
    (Append(600), Append(700)),
    (Append(20), Append(1300)),
    (Append(20), Reopen(), Append(600)),
    (Append(600), Append(700), Append(20)),
)
"""Records within a sector and over several, one behind the other and after a reopening."""

OPTIONS = Options(segment_bytes=4096)

BOUND, SAMPLE = 512, 64
"""Images of a crash point up to which all are judged, and others that are; a database has many."""

REPLY_SECONDS = 10.0
"""How long a log may take to answer: some hang for ever, and many images make them."""

HANGS = 2
"""Of how many images of a program and a crash model that is waited for."""

CREATED, LATER, FAILED = "while it is created", "later", "after a failed sync"
REPORTED = "in the program of the report"

FIRST, SECOND = Append(5), Append(20)
"""Records before and in the failure; the kernel then holds as clean what is not on disk."""


@frozen
class Harm:
    """What a crash does to a log."""

    time: str
    violation: Violation
    crash_model: str
    """The mildest in which it happens."""

    program: Program
    last: str
    """What had happened last."""

    lost: tuple[str, ...]

    @property
    def harshness(self) -> int:
        """How much a crash must do for it, to compare."""
        return harshness_of(self.crash_model)


@frozen
class Examined:
    """Everything that was found out about an entry."""

    version: str
    times: tuple[str, ...]
    """In which it was crashed: a sync that does not exist cannot fail."""

    harms: tuple[Harm, ...]
    coverage: Coverage

    @property
    def mildest(self) -> dict[str, str]:
        """For each time in which harm was done, the mildest crash model that does it."""
        found: dict[str, str] = {}
        for harm in sorted(self.harms, key=lambda harm: harm.harshness):
            found.setdefault(harm.time, harm.crash_model)
        return found


def examine(entry: Entry) -> Iterator[Program | Examined]:
    """
    Yield each program when it begins, and what was found out at the end.

    Raises `Invalid` if the smallest program goes wrong without any crash: then the adapter
    is broken or does not fit this version, and everything would count as harm.
    """
    mildest: dict[tuple[str, str], Harm] = {}
    reported = tuple(parse_program(text) for text in reported_programs(entry))
    search = _Search(reported)
    with (
        AdapterSubject.running(
            entry.runnable, timeout=REPLY_SECONDS, patience=Patience(HANGS)
        ) as adapter,
        RecordedSubject.of(adapter) as subject,
    ):
        if violations := run(PROGRAMS[0], subject, OPTIONS).violations:
            raise Invalid(
                f"{entry.name} cannot append a record and close, without any crash: "
                f"{violations[0].message}; mend its adapter, {entry.language}/{entry.adapter}"
            )
        failing = tuple(_failing(subject))
        for program in (*PROGRAMS, *failing, *reported):
            yield program
            for harm in search.run(subject, program):
                key = harm.time, harm.violation.requirement
                if key not in mildest or harm.harshness < mildest[key].harshness:
                    mildest[key] = harm
        said = subject.implementation.version
    times = (CREATED, LATER, *((FAILED,) if failing else ()), *((REPORTED,) if reported else ()))
    harms = sorted(mildest.values(), key=lambda harm: harm.harshness)
    yield Examined(said, times, tuple(harms), search.coverage)


def _failing(subject: RecordedSubject) -> Iterator[Program]:
    """See which calls an append makes, and let each of its syncs fail and the process die."""
    made = subject.calls_of((FIRST, Fail(1, Fault.ERROR), SECOND), OPTIONS)
    for number, call in enumerate(made, start=1):
        if call.kind is Kind.SYNC:
            yield FIRST, Fail(number, Fault.ERROR), SECOND, Kill()


def _patiently(subject: RecordedSubject, findings: Iterator[Finding]) -> list[Finding]:
    """Return the smallest of what is found until a log has hung over three images."""
    found: list[Finding] = []
    subject.patience.renew()
    try:
        for finding in findings:
            found.append(finding)
    except OutOfPatience:
        subject.stop()  # each image after that may take as long, and there are hundreds
    return smallest(found)


@define
class _Search:
    """Runs programs and crashes them."""

    reported: tuple[Program, ...]
    coverage: Coverage = field(factory=Coverage)

    def run(self, subject: RecordedSubject, program: Program) -> Iterator[Harm]:
        """Run a program, and crash it in each time of the log's life."""
        running = run(program, subject, OPTIONS)
        trace = running.filesystem.trace
        fails = any(isinstance(step, Fail) for step in program)
        time = REPORTED if program in self.reported else FAILED if fails else LATER
        for violation in running.violations:
            yield Harm(time, violation, NO_CRASH, program, "", ())
        if time != LATER:
            yield from self._crash(subject, program, time, trace, running.armed_after)
            return
        events = enumerate(trace.events)
        acknowledged = next((n for n, event in events if isinstance(event, Acked)), None)
        created = Trace(trace.initial, trace.events[:acknowledged])
        yield from self._crash(subject, program, CREATED, created, 0)
        if acknowledged is not None:
            yield from self._crash(subject, program, LATER, trace, acknowledged + 1)

    def _crash(
        self, subject: RecordedSubject, program: Program, time: str, trace: Trace, since: int
    ) -> Iterator[Harm]:
        """Crash a trace in one crash model after the other, until one does harm."""
        for crash_model in CLAIMED:
            explorer = Explorer(
                subject, OPTIONS, CRASH_MODELS[crash_model], depth=1, bound=BOUND, sample=SAMPLE
            )
            found = _patiently(subject, explorer.findings(trace, since=since))
            self.coverage.add(explorer.coverage)
            for finding in found:
                last = describe_trace(trace)[finding.crash_point - 1]
                yield Harm(time, finding.violation, crash_model, program, last, finding.lost)
            if found:
                return  # what is harsher allows the same
