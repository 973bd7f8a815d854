"""
Every system call fails, on an adapter.

As `faults` does in this process: a program is run to see which calls change or sync its
files, then again for each of them and each way in which it may fail, with further appends
after it.  The contract allows the failed append either outcome and nothing else; then the
power goes, in every crash model.

One thing is tried besides.  Syncs take their time on a real disk, and here they hardly
take any; so some programs run with syncs that return late, which shows an answer that
does not wait for them.
"""

from collections.abc import Iterator
from itertools import product

from attrs import define, evolve, field, frozen
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Append, Fail, Kill, Program, Reopen, Rotate, Step, Sync
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.checks import (
    Budget,
    Check,
    Clock,
    Covered,
    Findings,
    count_images,
    counted,
)
from tornproof_conformance.checks.exploration import DURABILITIES
from tornproof_conformance.checks.faults import FAULTS
from tornproof_conformance.checks.power_loss import BOUND, NO_TRACE, can_take
from tornproof_conformance.power.injection import faults_of
from tornproof_conformance.power.recorded_subject import RecordedSubject

NAME = "io-errors"

SHARE = 0.2
"""Part of the budget's time."""

MINIMUM = 4
"""Faults that are tried however slow the adapter is: all of an append that writes and syncs."""

STRUCK: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())
AFTER: tuple[Program, ...] = ((Append(6), Append(7)), (Append(6), Kill(), Append(7)))
"""What may follow an error: go on, or die and start again."""

LATE = "-einject=fsync,fdatasync,syncfs,sync_file_range:delay_exit=20000"
"""Lets syncs return 20 ms late."""

WAITING: tuple[Program, ...] = (
    (Append(5), Append(600)),
    (Append(5), Sync(), Append(5), Sync()),
    (Append(5), Reopen(), Append(5)),
)
"""Programs whose answers must wait for syncs."""


@frozen
class Injected:
    """A program in which one call fails."""

    program: Program
    options: Options


def injections(subject: RecordedSubject) -> Iterator[Injected]:
    """Yield every program with a fault, rehearsing each program once."""
    steps = [step for step in STRUCK if can_take(subject, step)]
    for step, after, durability in product(steps, AFTER, DURABILITIES):
        options = Options(4096, durability)
        rehearsed = (Append(5), Fail(1, Fault.ERROR), step)
        for number, performed in enumerate(subject.rehearse(rehearsed, options), start=1):
            for fault in faults_of(performed):
                yield Injected((Append(5), Fail(number, fault), step, *after), options)


@define
class Search:
    """What was found and covered so far."""

    subject: RecordedSubject
    clock: Clock

    bound: int = BOUND
    """Images of one crash point up to which all are judged."""

    faults: int = 0
    struck: int = 0
    """Faults that did strike: a thread may do in another order what it was to fail in."""

    coverage: Coverage = field(factory=Coverage)
    known: set[str] = field(factory=set)
    _explorers: dict[tuple[Options, str], Explorer] = field(factory=dict)

    def fail(self, injected: Injected) -> Iterator[Problem]:
        """Run a program in which something fails, and crash what it leaves."""
        running = run(injected.program, self.subject, injected.options)
        self.faults += 1
        self.struck += running.filesystem.struck_since(0)
        yield from self._judge(ProgramCase(injected.program, injected.options), running)

    def wait(self, late: RecordedSubject, program: Program, options: Options) -> Iterator[Problem]:
        """Run a program whose syncs are late, and crash what it leaves."""
        yield from self._judge(ProgramCase(program, options), run(program, late, options))

    def _judge(self, case: ProgramCase, running: Run) -> Iterator[Problem]:
        trace = running.filesystem.trace
        for violation in running.violations:
            yield from self._first(Problem(violation, case, None, trace))
        if running.violations:
            return
        for crash_model in CLAIMED:
            explorer = self._explorer(case.options, crash_model)
            explorer.until = self.clock.grace
            findings = explorer.explore(trace, since=running.armed_after)
            for finding in findings:
                crashed = evolve(case, crash_model=crash_model)
                yield from self._first(Problem(finding.violation, crashed, finding, trace))
            self.subject.require_patience()
            if findings:
                return

    def _first(self, problem: Problem) -> Iterator[Problem]:
        if problem.violation.requirement not in self.known:
            self.known.add(problem.violation.requirement)
            yield problem

    def _explorer(self, options: Options, crash_model: str) -> Explorer:
        key = options, crash_model
        if key not in self._explorers:
            self._explorers[key] = Explorer(
                self.subject,
                options,
                CRASH_MODELS[crash_model],
                depth=1,
                bound=self.bound,
                coverage=self.coverage,
            )
        return self._explorers[key]


def _io_errors(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    try:
        with RecordedSubject.of(subject) as recorded, RecordedSubject.of(subject, LATE) as late:
            return (yield from _search(recorded, late, Clock.start(budget, SHARE)))
    except NO_TRACE as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)


def _search(subject: RecordedSubject, late: RecordedSubject, clock: Clock) -> Findings:
    rest, waited = "", 0
    search = Search(subject, clock)
    for program, durability in product(WAITING, DURABILITIES):
        if waited and not clock.has_time:
            break
        yield clock.progress(NAME, f"{durability}: syncs that return late")
        yield from search.wait(late, program, Options(4096, durability))
        waited += 1
    for injected in injections(subject):
        if not clock.has_time and search.faults >= MINIMUM:
            rest = ", as far as the time went"
            break
        if search.faults % 5 == 0:
            detail = f"{injected.options.durability}: {search.faults:,} faults"
            yield clock.progress(NAME, detail, search.coverage.judged)
        yield from search.fail(injected)
    words = (
        f"{counted(search.faults, 'fault')}{rest}, of which {search.struck:,} struck, each "
        f"followed by a crash, and {counted(waited, 'program')} with syncs that return late: "
        f"{search.coverage}"
    )
    counts = {"faults": search.faults, "struck": search.struck, **count_images(search.coverage)}
    return Covered(words, counts, CLAIMED)


IO_ERRORS = Check(
    NAME,
    "system calls that fail, and then the power",
    FAULTS.requirements,
    _io_errors,
)
