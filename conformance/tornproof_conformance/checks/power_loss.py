"""
Record programs of an adapter and cut the power at every crash point.

The same programs and crash models as `exploration`, and the same explorer.  Each program runs
once, recorded; then it is crashed everywhere it matters, and the adapter recovers what is
left.  Some recoveries are recorded and crashed as well.

The creation of a store is judged first and by itself; every other program begins with a store
that is durable.  Programs come in order of length until the time is over.  A violation is told
when it is found, and again when it is found in a milder crash model.
"""

from collections.abc import Generator, Iterator, Sequence
from itertools import product

from attrs import define, evolve, field
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage
from tornproof_models.crash.program import Append, Program, Rotate, Settle, Step, Submit
from tornproof_models.crash.run import run
from tornproof_models.crash.stakes import Stakes
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.trace import Stored, SyncFilesystem, Trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.cases.phases import harshness_of, phase_of
from tornproof_conformance.checks import (
    Budget,
    Check,
    Clock,
    Covered,
    Findings,
    count_images,
    counted,
)
from tornproof_conformance.checks.exploration import ALPHABET, DURABILITIES, EXPLORATION, ROOMY
from tornproof_conformance.power.recorded_session import CannotTrace
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.recorder.lines import Unreadable
from tornproof_conformance.recorder.result import RecordingDiffers
from tornproof_conformance.recorder.strace import CannotRecord
from tornproof_conformance.stream.run_events import Progress

NAME = "power-loss"

SHARE = 0.35
"""Part of the budget's time."""

BOUND = 1 << 12
"""Images of one crash point up to which all are judged: 4,096, as each takes a process's time."""

RECORDINGS = 8
"""Recoveries that are recorded and crashed again, for each second of the time."""

TOGETHER: tuple[tuple[Program, ...], ...] = (
    ((Submit((5, 24)),), (Submit((472, 24, 5)),)),
    ((Append(5), Submit((24, 472))), (Submit((5, 24)), Submit((24, 472, 5)))),
)
"""Programs of one and of two operations for those who have group commit."""

LARGE: tuple[Program, ...] = (
    (Append(4096 - 100), Append(256)),
    (Append(20_000), Append(256)),
    (Append(32_768 - 100), Append(256)),
)
"""
Programs that reach the ends of pages and blocks, and exceed buffers, whatever the format.

A record that ends shortly before 4 KiB or 32 KiB lets the next one cross the boundary: a torn
last record of prometheus/tsdb went unnoticed only there (tsdb#451).  20,000 random bytes exceed
the buffers of most writers, and cannot be compressed into them (fjall-rs/fjall#308).
"""

LARGE_SHARE = 0.04
"""Part of the check's time for each of them: a large record has many sectors to lose."""

LEAST_OPERATIONS = 2
"""
A verdict needs every program of up to so many operations.

Most published bugs of logs need two: one operation to leave something behind, and one to
meet it (`spec/checks.md`).
"""

IN_ORDER = ("process-kill", "prefix")
"""Crash models in which it matters in which order something was stored."""

NO_TRACE = (CannotRecord, CannotTrace, RecordingDiffers, Unreadable)
"""Why nothing can be said of an implementation."""


def programs_of(subject: AdapterSubject, length: int) -> Iterator[tuple[Options, Program]]:
    """Yield the programs of a length that an adapter can run, with what to open it with."""
    for segment_bytes, alphabet in ((512, ALPHABET), (4096, ROOMY)):
        steps = [step for step in alphabet if can_take(subject, step)]
        for program in product(steps, repeat=length):
            for durability in DURABILITIES:
                if any(isinstance(step, Append) for step in program):
                    yield Options(segment_bytes, durability), program
    if subject.takes_many and length <= len(TOGETHER):
        yield from ((Options(4096), program) for program in TOGETHER[length - 1])


def can_take(subject: AdapterSubject, step: Step) -> bool:
    """Tell whether a step is among what an adapter claims."""
    return not isinstance(step, Rotate) or "journal/segments" in subject.claims


@define
class Search:
    """What was found and covered so far."""

    subject: RecordedSubject
    clock: Clock

    bound: int = BOUND
    """Images of one crash point up to which all are judged."""

    found: list[Problem] = field(factory=list)
    """Problems that have not been told: new ones, and those in a milder crash model than before."""

    _mildest: dict[tuple[str, str], int] = field(factory=dict)
    """How harsh the mildest crash model was, by requirement and phase."""

    programs: int = 0
    least_planned: int = 0
    """Searches of one program in one crash model that a verdict needs: up to two operations."""

    least_done: int = 0
    """How many of them were made, each within two deviations at every crash point."""

    batches: int = 0
    """Batches of stores through mappings, in whose traces nobody knows the order of stores."""

    stores: int = 0
    """Programs of which every store through a mapping was seen by itself."""

    _explorers: dict[tuple[Options, str], Explorer] = field(factory=dict)

    @property
    def coverage(self) -> Coverage:
        """What was tried, over all crash models."""
        total = Coverage()
        for explorer in self._explorers.values():
            total.add(explorer.coverage)
        return total

    @property
    def stakes(self) -> Stakes:
        """What was at stake, over all crash models."""
        total = Stakes()
        for explorer in self._explorers.values():
            total.add(explorer.stakes)
        return total

    def create(self, options: Options) -> None:
        """Crash a store while it is created, and while it takes its first record."""
        self._run((Append(5),), options, needed=False)

    def run(self, program: Program, options: Options) -> None:
        """
        Run a program on a store that is durable, and crash it in every crash model.

        What all programs begin with, the creation of a store, is judged by itself.
        """
        needed = len(program) <= LEAST_OPERATIONS and program not in LARGE
        self._run((Settle(), *program), options, needed=needed)

    def _run(self, program: Program, options: Options, *, needed: bool) -> None:
        self.programs += 1
        case = ProgramCase(program, options)
        running = run(program, self.subject, options)
        trace = running.filesystem.trace
        self.batches += sum(isinstance(event, Stored) for event in trace.events)
        for violation in running.violations:
            self._keep(Problem(violation, case, None, trace))
        if running.violations:
            self.least_done += len(CLAIMED) * needed  # nothing of it is left to be crashed
        else:
            self.least_done += needed * self._crash(case, trace, CLAIMED)

    def step(self, stepping: RecordedSubject, program: Program, options: Options) -> None:
        """Run a program again, see every store by itself, and crash it where order matters."""
        case = ProgramCase((Settle(), *program), options, every_store=True)
        running = run(case.program, stepping, options)
        self.stores += 1
        if not running.violations:
            self._crash(case, running.filesystem.trace, IN_ORDER)

    def _crash(self, case: ProgramCase, trace: Trace, crash_models: Sequence[str]) -> int:
        """Crash a trace in some crash models; return in how many it was searched well enough."""
        options, done = case.options, 0
        is_large = case.program[1:] in LARGE
        until = self.clock.part(LARGE_SHARE) if is_large else self.clock.grace
        since = _settled(trace) if isinstance(case.program[0], Settle) else 0
        for crash_model in crash_models:
            explorer = self._explorer(options, crash_model)
            explorer.until = until
            disagreed = len(self.subject.disagreements)
            shallow = explorer.stakes.shallow
            findings = explorer.explore(trace, since=since)
            done += explorer.stakes.shallow == shallow
            crashed = evolve(case, crash_model=crash_model)
            for violation in self.subject.disagreements[disagreed:]:
                self._keep(Problem(violation, crashed, None, trace))
            for finding in findings:
                self._keep(Problem(finding.violation, crashed, finding, trace))
            self.subject.require_patience()
        return done

    def _keep(self, problem: Problem) -> None:
        key = problem.violation.requirement, phase_of(problem)
        harshness = harshness_of(problem)
        if key not in self._mildest or harshness < self._mildest[key]:
            self._mildest[key] = harshness
            self.found.append(problem)

    def tell(self) -> Iterator[Problem]:
        """Yield the problems that have not been told."""
        while self.found:
            yield self.found.pop(0)

    def _explorer(self, options: Options, crash_model: str) -> Explorer:
        key = options, crash_model
        if key not in self._explorers:
            self._explorers[key] = Explorer(
                self.subject, options, CRASH_MODELS[crash_model], bound=self.bound
            )
        return self._explorers[key]


def _settled(trace: Trace) -> int:
    """Return the first moment of a trace at which the store had been created for good."""
    events = enumerate(trace.events, start=1)
    return next(number for number, event in events if isinstance(event, SyncFilesystem))


def _power_loss(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    try:
        with RecordedSubject.of(subject) as recorded:
            clock = Clock.start(budget, SHARE)
            return (yield from _search(recorded, budget.operations, clock, subject))
    except NO_TRACE as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)


def _search(
    subject: RecordedSubject, operations: int, clock: Clock, adapter: AdapterSubject
) -> Findings:
    search = Search(subject, clock)
    subject.recordings = int(clock.seconds * RECORDINGS)
    try:
        programs = yield from _try_programs(search, operations, clock)
        if search.batches:
            yield from _see_every_store(search, clock, adapter)
    except OutOfPatience:
        yield from search.tell()
        raise
    yield from search.tell()
    return _covered(search, programs)


def _see_every_store(
    search: Search, clock: Clock, adapter: AdapterSubject
) -> Generator[Progress, None, None]:
    """Run the shortest programs once more, store by store; the first of all in any case."""
    with RecordedSubject.of(adapter, every_store=True) as stepping:
        for options, program in programs_of(adapter, 1):
            if search.stores and not clock.has_time:
                return
            yield clock.progress(NAME, f"every store of {search.stores + 1} programs")
            search.step(stepping, program, options)


def _try_programs(
    search: Search, operations: int, clock: Clock
) -> Generator[Progress | Problem, None, str]:
    """Try programs in order of length while there is time; say which."""
    parts: list[str] = []
    least = range(1, LEAST_OPERATIONS + 1)
    counts = (sum(1 for _ in programs_of(search.subject, length)) for length in least)
    search.least_planned = sum(counts) * len(CLAIMED)
    yield clock.progress(NAME, "creating a store")
    for segment_bytes, durability in product((512, 4096), DURABILITIES):
        search.create(Options(segment_bytes, durability))
        yield from search.tell()
    for program in LARGE if clock.has_time else ():
        yield clock.progress(NAME, "records that cross the ends of pages and blocks")
        search.run(program, Options(1 << 16))
        yield from search.tell()
    for length in range(1, operations + 1):
        todo: Sequence[tuple[Options, Program]] = list(programs_of(search.subject, length))
        done = 0
        for options, program in todo:
            if not clock.has_time and (parts or done > 0):
                break
            if done % 10 == 0:
                coverage = search.coverage
                detail = f"programs of {length} operations: {coverage.judged:,} images"
                yield clock.progress(NAME, detail, coverage.judged)
            search.run(program, options)
            yield from search.tell()
            done += 1
        if done < len(todo):
            if done:
                parts.append(
                    f"{done:,} of the {len(todo):,} programs of {counted(length, 'operation')}"
                )
            break
        parts = [f"every program of up to {counted(length, 'operation')}"]
    return " and ".join(parts)


def _covered(search: Search, programs: str) -> Covered:
    coverage, subject = search.coverage, search.subject
    words = (
        f"{coverage}, of {programs}, in {len(CLAIMED)} crash models; "
        f"{subject.recovered:,} distinct images recovered, {subject.watched:,} of them "
        "twice, recorded and crashed again"
    )
    if search.batches:
        words += (
            f"; {search.batches:,} batch{'es'[: 2 * (search.batches != 1)]} of stores through "
            "mappings, order unknown, and a sector stored into twice between two calls shows its "
            f"last content only; {counted(search.stores, 'program')} also store by store"
        )
    for warning in subject.warnings:
        words += f"; note: {warning}"
    counts = {
        "programs": search.programs,
        **count_images(coverage),
        "recoveries": subject.recovered,
        "crashed_again": subject.watched,
        **({"batches": search.batches, "every_store": search.stores} if search.batches else {}),
    }
    done, planned = search.least_done, search.least_planned
    missing = (
        f"every program of up to {LEAST_OPERATIONS} operations in every crash model, within two "
        f"deviations ({done:,} of {planned:,} done)"
    )
    return Covered(
        words,
        counts,
        CLAIMED,
        done=done,
        planned=planned,
        missing=missing if done < planned else "",
        at_stake=search.stakes.counts,
    )


def _not_claimed(subject: Subject) -> frozenset[str]:
    """Leave out what concerns segments where there are none."""
    if isinstance(subject, AdapterSubject) and "journal/segments" in subject.claims:
        return frozenset()
    return frozenset(each for each in EXPLORATION.requirements if each.startswith("SEG-"))


POWER_LOSS = Check(
    NAME,
    "small programs, recorded, and the power cut everywhere, in every crash model",
    EXPLORATION.requirements,
    _power_loss,
    _not_claimed,
)
