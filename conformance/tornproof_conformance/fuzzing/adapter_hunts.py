"""
The random searches of an adapter.

They are the checks of adapters, let loose: the same steps, the same explorer, the same
contract.  A check begins with what is small and is the same in every run; a hunt makes
things up, from a seed, and they are longer.

- `power-loss`: programs of up to ten steps, recorded, and the power cut everywhere
- `io-errors`: such programs in which a system call fails, and then the power
- `kills`: programs of many steps, killed at any moment
- `audits`: random puts, questions and kills
- `deliveries`: events through the drainer, with several faults armed

What is found is shrunk.  An adapter that starts slowly is given fewer programs in a
round, so that a round takes some seconds with any.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf
from random import Random

from attrs import frozen
from tornproof_models.contract.delivery import Mode
from tornproof_models.crash.program import (
    Append,
    Fail,
    Kill,
    Program,
    Reopen,
    Rotate,
    Step,
    Submit,
    Sync,
)
from tornproof_models.crash.recovery import Recovered
from tornproof_models.crash.subject import Options
from tornproof_models.disk.faults import Fault
from tornproof_models.shrinking.counterexample import minimise

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.arming import Arming, faults_of
from tornproof_conformance.cases.case import ExerciseCase, Problem, try_case
from tornproof_conformance.cases.hypothesis_search import Order
from tornproof_conformance.cases.recorded_cases import for_case
from tornproof_conformance.cases.shrinking import repeat, shrink_problem
from tornproof_conformance.checks import Clock, crash_search, io_errors, kills, small_programs
from tornproof_conformance.checks.exploration import DURABILITIES
from tornproof_conformance.checks.recorded import NO_TRACE
from tornproof_conformance.power.recorded_subject import REPEATING, RecordedSubject
from tornproof_conformance.search.hunts import Catch, Hunt
from tornproof_conformance.specification.claims import claims_with

LONGEST = 10
"""Steps of a program that is crashed everywhere: twice as many as those that are all tried."""

BOUND = 1 << 8
"""Images of one crash point up to which all are judged, and a sample beyond: there are many."""

SIZES = (4, 5, 24, 88, 472, 600, 1200)
"""Payload sizes in bytes: frames that end just below, at and beyond a sector or a segment."""

FAULTS = (Fault.ERROR, Fault.NO_SPACE, Fault.NO_QUOTA, Fault.SHORT_THEN_NO_SPACE)

UNHURRIED = Clock(inf, 0)
"""A round is as long as it takes: what is tried in it follows from the seed alone."""

MOST_FAULTS = 4
"""Faults that are armed in one delivery; the check tries one, and pairs."""

AUDIT_PROGRAMS = 5
"""Programs of an exercise of audits: Hypothesis begins with the simplest."""


@frozen
class PowerLossHunt:
    """Cut the power of random programs."""

    adapter: AdapterSubject
    name: str = "power-loss"

    def play(self, order: Order) -> Catch:
        """Search among programs."""
        return _record(self.adapter, partial(self._search, order))

    def _search(self, order: Order, subject: RecordedSubject, catch: Catch) -> None:
        source = Random(order.seed)
        search = crash_search.CrashSearch(subject, UNHURRIED, bound=BOUND)
        for _ in range(rounds_of(self.adapter)):
            catch.count()
            search.run(make_program(source, subject), make_options(source))
            while not search.is_done:
                search.deepen()
        catch.images = search.coverage.judged
        _keep(catch, list(search.tell()), order, subject)


@frozen
class IoErrorsHunt:
    """Let one system call of a random program fail, then cut the power."""

    adapter: AdapterSubject
    name: str = "io-errors"

    def play(self, order: Order) -> Catch:
        """Search among programs and faults."""
        return _record(self.adapter, partial(self._search, order))

    def _search(self, order: Order, subject: RecordedSubject, catch: Catch) -> None:
        source = Random(order.seed)
        search = io_errors.Search(subject, UNHURRIED, bound=BOUND)
        for _ in range(rounds_of(self.adapter)):
            catch.count()
            program, options = make_program(source, subject), make_options(source)
            faulty = put_fault(source, program, options, subject)
            _keep(catch, search.fail(faulty, options), order, subject)
            _keep(catch, search.go_on(), order, subject)
        catch.images = search.coverage.judged


def _record(adapter: AdapterSubject, search: Callable[[RecordedSubject, Catch], None]) -> Catch:
    """Search with a recorded adapter; say what its recoveries did, or why nothing can be said."""
    catch = Catch()
    try:
        with RecordedSubject.of(adapter) as subject:
            subject.recordings = REPEATING
            search(subject, catch)
            for recovered in subject.outcomes:
                catch.note(_outcome(recovered))
    except NO_TRACE as reason:
        catch.gave_up = str(reason)
    return catch


@frozen
class KillsHunt:
    """Kill random programs."""

    adapter: AdapterSubject
    name: str = "kills"

    def play(self, order: Order) -> Catch:
        """Search with the machine of the check."""
        catch, source = Catch(), Random(order.seed)
        known, found = set(order.overlooked), list[Problem]()
        for durability in DURABILITIES:
            catch.programs += kills.pace_of(self.adapter).programs
            found += kills.search(self.adapter, durability, source.getrandbits(32), known)
        _keep(catch, found, order, self.adapter)
        return catch


@frozen
class AuditsHunt:
    """Ask the audit index at random, and kill it."""

    adapter: AdapterSubject
    name: str = "audits"

    def play(self, order: Order) -> Catch:
        """Search with the machine of the check."""
        catch, steps = Catch(AUDIT_PROGRAMS), 20 if self.adapter.is_slow else 60
        seed = Random(order.seed).getrandbits(32)
        case = ExerciseCase("audit-programs", (str(seed), str(AUDIT_PROGRAMS), str(steps)))
        _keep(catch, try_case(case, self.adapter), order, self.adapter)
        return catch


@frozen
class DeliveriesHunt:
    """Arm several faults in the drainer."""

    adapter: AdapterSubject
    name: str = "deliveries"

    def play(self, order: Order) -> Catch:
        """Search among sets of faults."""
        catch, source = Catch(), Random(order.seed)
        crash_models = [each.value for each in Mode if each.value in self.adapter.claims]
        faults = faults_of(self.adapter)
        for _ in range(rounds_of(self.adapter)):
            catch.count()
            armed = choose_faults(source, faults)
            case = ExerciseCase("delivery", (source.choice(crash_models), *map(str, armed)))
            _keep(catch, try_case(case, self.adapter), order, self.adapter)
        return catch


HUNTS: Sequence[Callable[[AdapterSubject], Hunt]] = (
    PowerLossHunt,
    IoErrorsHunt,
    KillsHunt,
    AuditsHunt,
    DeliveriesHunt,
)
"""Every hunt of adapters; it has the name of a check, and runs with the same claims."""


@contextmanager
def hunting(command: Sequence[str], timeout: float) -> Iterator[tuple[Hunt, ...]]:
    """
    Start an adapter and return the hunts that what it claims can be subjected to.

    Raises a `Diagnosis` if it does not start, or does not say who it is.
    """
    with AdapterSubject.running(command, timeout=timeout) as subject:
        hunts = (hunt(subject) for hunt in HUNTS)
        yield tuple(each for each in hunts if claims_with(each.name) & subject.claims)


# What is made up


def rounds_of(adapter: AdapterSubject) -> int:
    """Choose how many programs a hunt tries in a round: some seconds' worth."""
    return 2 if adapter.is_slow else 10


def make_program(source: Random, subject: AdapterSubject) -> Program:
    """Make a program up of steps that an adapter can take."""

    def append() -> Step:
        return Append(source.choice(SIZES) if source.random() < 0.8 else source.randint(4, 1500))

    def submit() -> Step:
        return Submit(tuple(source.choices(SIZES, k=source.randint(2, 4))))

    makers: list[tuple[Callable[[], Step], int]] = [(append, 6), (Sync, 2), (Reopen, 1), (Kill, 1)]
    if small_programs.can_take(subject, Rotate()):
        makers.append((Rotate, 1))
    if subject.takes_many:
        makers.append((submit, 2))
    steps, weights = zip(*makers, strict=True)
    length = source.randint(2, LONGEST - 1)
    return (append(), *(make() for make in source.choices(steps, weights, k=length)))


def make_options(source: Random) -> Options:
    """Choose what to open a journal with."""
    return Options(source.choice((512, 4096)), source.choice(DURABILITIES))


def put_fault(
    source: Random, program: Program, options: Options, subject: RecordedSubject
) -> Program:
    """Let one call fail of those that a program makes after some step."""
    place = source.randrange(len(program))
    harmless = (*program[:place], Fail(1, Fault.ERROR), *program[place:])
    calls = len(subject.calls_of(harmless, options))
    fail = Fail(source.randint(1, max(calls, 1)), source.choice(FAULTS))
    return (*program[:place], fail, *program[place:])


def choose_faults(source: Random, faults: Sequence[Arming]) -> Sequence[Arming]:
    """Choose some faults, no two at the same visit to a point."""
    chosen = source.sample(faults, min(source.randint(1, MOST_FAULTS), len(faults)))
    return tuple({(each.point, each.nth): each for each in chosen}.values())


# What is found


def _keep(catch: Catch, found: Iterable[Problem], order: Order, subject: AdapterSubject) -> None:
    """Keep the first problem of each requirement that was not known, as small as it can be."""
    known = {*order.overlooked, *(each.violation.requirement for each in catch.problems)}
    for problem in found:
        if problem.violation.requirement not in known:
            known.add(problem.violation.requirement)
            catch.problems.append(smallest(problem, subject))


def smallest(problem: Problem, subject: AdapterSubject) -> Problem:
    """Shrink a problem; one that does not come again is left as it is."""
    match problem.case:
        case ExerciseCase("delivery", (crash_model, *faults)):
            cases: Iterable[ExerciseCase] = _fewer_faults(problem, crash_model, faults, subject)
        case ExerciseCase("audit-programs", (seed, programs, most)):
            steps = (each for each in (3, 5, 8, 13, 21, 34) if each < int(most))
            cases = (ExerciseCase("audit-programs", (seed, programs, str(n))) for n in steps)
        case _:
            with for_case(subject, problem.case) as judged:
                return shrink_problem(problem, judged)
    shown = (repeat(case, problem.violation.requirement, subject) for case in cases)
    return next((each for each in shown if each), problem)


def _fewer_faults(
    problem: Problem, crash_model: str, faults: Sequence[str], subject: AdapterSubject
) -> Iterator[ExerciseCase]:
    """Yield the delivery of which no fault can be left out."""

    def still_fails(fewer: Sequence[str]) -> bool:
        case = ExerciseCase("delivery", (crash_model, *fewer))
        return repeat(case, problem.violation.requirement, subject) is not None

    yield ExerciseCase("delivery", (crash_model, *minimise(faults, still_fails)))


def _outcome(recovered: Recovered) -> str:
    """Say what a recovery did: cut, how many records it kept, and what was wrong."""
    kept = None if recovered.records is None else len(recovered.records)
    return f"{kept} {recovered.cut} {recovered.error}"
