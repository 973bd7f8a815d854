"""
Let every kind of system call of an adapter fail.

As `faults` does in this process: a program runs, one of its calls that change or sync its files
fails, and further appends follow.  The contract allows the failed append either outcome and
nothing else; then the power goes, in every crash model.  `fault_places` says which calls there
are, and which come first.

One thing is tried besides.  Syncs take their time on a real disk, and here they hardly
take any; so some programs run with syncs that return late, which shows an answer that
does not wait for them.
"""

from collections.abc import Generator, Iterator
from itertools import product

from attrs import Factory, define, evolve, field
from tornproof_models.contract import journal
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Append, Kill, Program, Reopen, Sync
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
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
from tornproof_conformance.checks.crash_search import BOUND, CrashSearch
from tornproof_conformance.checks.exploration import DURABILITIES, not_claimed
from tornproof_conformance.checks.fault_places import FaultPlaces, Injection, Place
from tornproof_conformance.checks.faults import FAULTS
from tornproof_conformance.checks.recorded import NO_TRACE
from tornproof_conformance.power.copied_files import require_copies
from tornproof_conformance.power.recorded_session import RecordedDisk
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.recorder.ptrace.injection import CallMade
from tornproof_conformance.stream.run_events import Progress

NAME = "io-errors"

SHARE = 0.3
"""Part of the budget's time."""

MINIMUM = 4
"""Faults that are tried however slow the adapter is: all of an append that writes and syncs."""

NEEDED: tuple[Program, ...] = ((Kill(), Append(7), Reopen()), (Append(6), Kill(), Append(7)))
"""What follows an error for a verdict: a kill, or one more record and a kill."""

AFTER: tuple[Program, ...] = (*NEEDED, (Append(6), Append(7)))
"""What may follow an error.  In the end the power goes."""

LATE = 0.02
"""Seconds that syncs return late."""

WAITING: tuple[Program, ...] = (
    (Append(5), Append(600)),
    (Append(5), Sync(), Append(5), Sync()),
    (Append(5), Reopen(), Append(5)),
)
"""Programs whose answers must wait for syncs."""

WAITING_SHARE = 0.25
"""Part of the time for them: where a recovery takes long, a verdict needs the rest for faults."""


@define
class Search:
    """What was found and covered so far."""

    subject: RecordedSubject
    clock: Clock
    crash_models: tuple[str, ...] = CLAIMED
    """Where power is lost, from mild to harsh."""

    bound: int = BOUND
    """Images of one crash point up to which all are judged."""

    hits: list[CallMade] = field(factory=list)
    """The calls that were struck."""

    struck: dict[Place, None] = field(factory=dict)
    """The places of which a call was struck."""

    strayed: int = 0
    """Programs that made another call where one was to be struck: they are not alike each time."""

    crashes: CrashSearch = field(
        default=Factory(
            lambda self: CrashSearch(
                self.subject, self.clock, self.crash_models, self.bound, depth=1
            ),
            takes_self=True,
        )
    )

    @property
    def coverage(self) -> Coverage:
        """What was tried, over all crash models."""
        return self.crashes.coverage

    def inject(self, injection: Injection, after: Program) -> Iterator[Problem]:
        """Let the call fail that an injection names, and crash what that leaves."""
        program, hits = injection.program(after), len(self.hits)
        yield from self.fail(program, injection.options)
        meant = evolve(injection.place, is_further=False)
        if [Place.of(call, injection.step) for call in self.hits[hits:]] == [meant]:
            self.struck[injection.place] = None
        else:
            self.strayed += 1

    def fail(self, program: Program, options: Options) -> Iterator[Problem]:
        """Run a program in which something fails, and crash what it leaves."""
        running = run(program, self.subject, options)
        disk = running.filesystem
        assert isinstance(disk, RecordedDisk)
        if disk.struck:
            self.hits.append(disk.struck[0])
            yield from self._judge(ProgramCase(program, options), running)

    def wait(self, late: RecordedSubject, program: Program, options: Options) -> Iterator[Problem]:
        """Run a program whose syncs are late, and crash what it leaves."""
        yield from self._judge(ProgramCase(program, options), run(program, late, options))

    def go_on(self) -> Iterator[Problem]:
        """Go on with the crash points that have more images than were looked at first."""
        while not self.crashes.is_done and self.clock.has_time:
            self.crashes.deepen()
            yield from self.crashes.tell()

    def _judge(self, case: ProgramCase, running: Run) -> Iterator[Problem]:
        self.crashes.judge(case, running, since=running.armed_after)
        yield from self.crashes.tell()


def _io_errors(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    try:
        with (
            RecordedSubject.of(subject) as recorded,
            RecordedSubject.of(subject, late=LATE) as late,
        ):
            require_copies(recorded)
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
    search = Search(subject, clock, crash_models)
    try:
        waited = yield from _wait(search, late, clock)
        yield clock.progress(NAME, "listing the calls that can fail")
        found = FaultPlaces.of(subject)
        done = yield from _inject(search, found, clock)
        yield from search.go_on()
    except OutOfPatience:
        yield from search.crashes.conclude()
        raise
    yield from search.crashes.conclude()
    planned = len(found.first) * len(NEEDED)
    words = (
        f"{counted(len(search.hits), 'fault')} at {len(search.struck):,} of "
        f"{counted(len(found.places), 'place')}, each followed by a kill or by none, and by a "
        f"crash; {counted(waited, 'program')} with syncs that return late: {search.coverage}"
    )
    if search.strayed:
        words += f"; {counted(search.strayed, 'program')} made other calls than when it was listed"
    counts = {
        "faults": len(search.hits),
        "places": len(search.struck),
        **count_images(search.coverage),
    }
    missing = (
        f"every fault at a call of each of {counted(len(found.places), 'place')}, once followed "
        f"by a kill and once by a record and a kill ({done:,} of {planned:,} done)"
    )
    return Covered(
        words,
        counts,
        search.crash_models,
        done=min(done, planned),
        planned=planned,
        missing=missing if done < planned else "",
        notes=tuple({**subject.warnings, **late.warnings}),
    )


def _wait(
    search: Search, late: RecordedSubject, clock: Clock
) -> Generator[Progress | Problem, None, int]:
    """Run programs whose syncs are late, one in any case; return how many."""
    waited = 0
    for program, durability in product(WAITING, DURABILITIES):
        if waited and clock.spent > clock.seconds * WAITING_SHARE:
            break
        yield clock.progress(NAME, f"{durability}: syncs that return late")
        yield from search.wait(late, program, Options(4096, durability))
        waited += 1
    return waited


def _inject(
    search: Search, found: FaultPlaces, clock: Clock
) -> Generator[Progress | Problem, None, int]:
    """Let calls fail while there is time, one of each place first; return how many had."""
    every = [
        (one, after) for some in (found.first, found.others) for after in AFTER for one in some
    ]
    for number, (injection, after) in enumerate(every):
        if not clock.has_time and len(search.hits) >= MINIMUM:
            return number
        if number % 5 == 0:
            yield clock.progress(NAME, f"{number:,} faults", search.coverage.judged)
        yield from search.inject(injection, after)
    return len(every)


IO_ERRORS = Check(
    NAME,
    "system calls that fail, and then the power",
    FAULTS.requirements | journal.JUDGES_CLAIMED,
    _io_errors,
    not_claimed,
)
