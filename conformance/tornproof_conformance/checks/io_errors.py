"""
Let every system call of an adapter fail.

As `faults` does in this process: a program is run again and again, and each time the next
of its calls fails that change or sync its files, in each way in which it may fail, with
further appends after it.  The contract allows the failed append either outcome and nothing
else; then the power goes, in every crash model.

One thing is tried besides.  Syncs take their time on a real disk, and here they hardly
take any; so some programs run with syncs that return late, which shows an answer that
does not wait for them.
"""

from collections.abc import Iterator
from itertools import count, product

from attrs import define, evolve, field
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import (
    Append,
    Fail,
    Kill,
    Program,
    Reopen,
    Rotate,
    Settle,
    Step,
    Sync,
)
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.stakes import Stakes
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
from tornproof_conformance.checks.crash_search import BOUND, can_take
from tornproof_conformance.checks.exploration import DURABILITIES
from tornproof_conformance.checks.faults import FAULTS
from tornproof_conformance.checks.recorded import NO_TRACE
from tornproof_conformance.power.injection import faults_of
from tornproof_conformance.power.recorded_session import RecordedDisk
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.recorder.ptrace.injection import CallMade

NAME = "io-errors"

SHARE = 0.3
"""Part of the budget's time."""

MINIMUM = 4
"""Faults that are tried however slow the adapter is: all of an append that writes and syncs."""

STRUCK: tuple[Step, ...] = (Append(5), Append(600), Sync(), Rotate(), Reopen())
ONE_FAULT = 0.02
"""Part of the check's time for the images of one fault in one crash model, at the most."""

LARGE = Append(20_000)
"""A record that exceeds the buffers of most writers: fjall-rs/fjall#308 takes one that fails."""

LARGE_CALLS = 2
"""How many calls of a large append fail, each in three ways: the first write, and the next."""

AFTER: tuple[Program, ...] = ((Append(6), Append(7)), (Append(6), Kill(), Append(7)))
"""What may follow an error: go on, or die and start again."""

LATE = 0.02
"""Seconds that syncs return late."""

WAITING: tuple[Program, ...] = (
    (Append(5), Append(600)),
    (Append(5), Sync(), Append(5), Sync()),
    (Append(5), Reopen(), Append(5)),
)
"""Programs whose answers must wait for syncs."""


@define
class Search:
    """What was found and covered so far."""

    subject: RecordedSubject
    clock: Clock
    crash_models: tuple[str, ...] = CLAIMED
    """Where power is lost, from mild to harsh."""

    bound: int = BOUND
    """Images of one crash point up to which all are judged."""

    coverage: Coverage = field(factory=Coverage)
    known: set[str] = field(factory=set)
    hits: list[CallMade] = field(factory=list)
    """The calls that were struck."""

    planned: int = 0
    done: int = 0
    """
    Programs of two operations, an append and another, of which every call is to fail in every
    way, and those of which all did.
    """

    stakes: Stakes = field(factory=Stakes)

    _explorers: dict[tuple[Options, str], Explorer] = field(factory=dict)

    def injections(self) -> Iterator[Iterator[Problem]]:
        """
        Yield what comes of each program with a fault, once it is asked for.

        The first call of a step fails, then the second, until there is none: which calls there
        are is seen as they are made.  What else may happen to a call follows from what it is.
        """
        steps = [step for step in STRUCK if can_take(self.subject, step)]
        every = list(product(steps, AFTER, DURABILITIES))
        self.planned = len(every)
        large = (Fault.NO_SPACE, Fault.SHORT_THEN_NO_SPACE, Fault.ERROR)
        for fault in large if self.clock.has_time else ():
            for number in range(1, LARGE_CALLS + 1):
                program = (Settle(), Append(5), Fail(number, fault), LARGE, *AFTER[1])
                yield self.fail(program, Options(1 << 16))
        for step, after, durability in every:
            options = Options(4096, durability)
            for number in count(1):
                before = len(self.hits)
                yield self.fail(
                    (Settle(), Append(5), Fail(number, Fault.ERROR), step, *after), options
                )
                if len(self.hits) == before:
                    break  # the program makes fewer calls
                for fault in faults_of(self.hits[-1]):
                    if fault is not Fault.ERROR:
                        yield self.fail(
                            (Settle(), Append(5), Fail(number, fault), step, *after), options
                        )
            self.done += 1

    def fail(self, program: Program, options: Options) -> Iterator[Problem]:
        """Run a program in which something fails, and crash what it leaves."""
        running = run(program, self.subject, options)
        disk = running.filesystem
        assert isinstance(disk, RecordedDisk)
        if not disk.struck:
            return
        self.hits.append(disk.struck[0])
        yield from self._judge(ProgramCase(program, options), running)

    def wait(self, late: RecordedSubject, program: Program, options: Options) -> Iterator[Problem]:
        """Run a program whose syncs are late, and crash what it leaves."""
        yield from self._judge(ProgramCase(program, options), run(program, late, options))

    def _judge(self, case: ProgramCase, running: Run) -> Iterator[Problem]:
        trace = running.filesystem.trace
        for violation in running.violations:
            yield from self._first(Problem(violation, case, None, trace))
        if running.violations:
            return
        for crash_model in self.crash_models:
            explorer = self._explorer(case.options, crash_model)
            explorer.until = self.clock.part(ONE_FAULT)
            findings = explorer.explore(trace, since=running.armed_after)
            for finding in findings:
                crashed = evolve(case, crash_model=crash_model)
                yield from self._first(Problem(finding.violation, crashed, finding, trace))
            self.subject.require_patience()

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
                stakes=self.stakes,
            )
        return self._explorers[key]


def _io_errors(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    try:
        with (
            RecordedSubject.of(subject) as recorded,
            RecordedSubject.of(subject, late=LATE) as late,
        ):
            clock = Clock.start(budget, SHARE)
            return (yield from _search(recorded, late, clock, budget.crash_models))
    except NO_TRACE as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)


def _search(
    subject: RecordedSubject,
    late: RecordedSubject,
    clock: Clock,
    crash_models: tuple[str, ...],
) -> Findings:
    rest, waited = "", 0
    search = Search(subject, clock, crash_models)
    for program, durability in product(WAITING, DURABILITIES):
        if waited and not clock.has_time:
            break
        yield clock.progress(NAME, f"{durability}: syncs that return late")
        yield from search.wait(late, program, Options(4096, durability))
        waited += 1
    for struck in search.injections():
        if not clock.has_time and len(search.hits) >= MINIMUM:
            rest = ", as far as the time went"
            break
        if len(search.hits) % 5 == 0:
            yield clock.progress(NAME, f"{len(search.hits):,} faults", search.coverage.judged)
        yield from struck
    words = (
        f"{counted(len(search.hits), 'fault')}{rest}, each "
        f"followed by a crash, and {counted(waited, 'program')} with syncs that return late: "
        f"{search.coverage}"
    )
    counts = {"faults": len(search.hits), **count_images(search.coverage)}
    missing = (
        f"every fault of every call of {search.planned} programs of two operations "
        f"({search.done} programs done)"
    )
    return Covered(
        words,
        counts,
        search.crash_models,
        done=search.done,
        planned=search.planned,
        missing=missing if search.done < search.planned else "",
        notes=tuple({**subject.warnings, **late.warnings}),
    )


IO_ERRORS = Check(
    NAME,
    "system calls that fail, and then the power",
    FAULTS.requirements,
    _io_errors,
)
