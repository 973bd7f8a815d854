"""
Let every statement of every small program fail in every way.

SQLite tests itself by failing the Nth operation, for all N.  Here the Nth
statement fails, in each of the ways a statement can, in each of a dozen
scenarios, alone and together with a rejected insertion, which is what leads to
the dead-letter queue.  What is found is shrunk, so a finding reads like an
explanation.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from attrs import evolve, frozen

from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.journal import Violation
from tornproof_models.database_faults import Kind, Strike, When
from tornproof_models.queues.delivery_program import (
    Arm,
    AskDrain,
    Close,
    Hold,
    Kill,
    Move,
    Program,
    Replay,
    Sibling,
    Step,
    Submit,
    Watch,
)
from tornproof_models.queues.delivery_run import Run, Subject, run

POINTS = ("begin", "residence", "head", "insert", "dead letter", "remove", "cursor", "commit")
SEVERAL = 8
"""Times in a row that are more than any budget of retries."""

LANDS = Move(9)
"""More moves than it takes to land an event."""

REJECTED = Arm(Strike(Kind.NO_SUCH_COLUMN, point="insert"))
"""The way to the dead-letter queue."""

SCENARIOS: tuple[Program, ...] = (
    (Submit(), LANDS),
    (Submit(), Submit(), LANDS),
    (REJECTED, Submit(), LANDS),
    (REJECTED, Submit(), LANDS, Replay()),
    (Submit(), LANDS, AskDrain()),
    (Submit(), AskDrain()),
    (Submit(), Close()),
    (Submit(), Hold(), Close()),
    (Submit(), Kill()),
    (Submit(encodable=False), Submit()),
    (Submit(), Submit(), Close()),
    (Submit(), LANDS, Kill()),
    (Submit(), LANDS, Sibling()),
    (Submit(), LANDS, Watch(), Kill(power=0)),
    (Submit(), LANDS, Submit(), AskDrain()),
    (REJECTED, Submit(), LANDS, Replay(), Replay()),
)
"""What may happen on a day; those first in which most mistakes show."""


def strikes() -> Iterator[Strike]:
    """Yield every way in which one statement may go wrong."""
    yield Strike(Kind.RACE, point="insert")
    for times in (1, SEVERAL):
        yield Strike(Kind.UNIQUE, point="insert", times=times)
    for point in POINTS:
        for when in When:
            yield Strike(Kind.BUSY, when, point)
            yield Strike(Kind.NO_SUCH_COLUMN, when, point)
        yield Strike(Kind.PANIC, point=point, times=SEVERAL)
        for when in (When.BEFORE, When.AFTER):
            for nth in (1, 2, 3):
                yield Strike(Kind.PANIC, when, point, nth)
                yield Strike(Kind.DEATH, when, point, nth)


def programs(make_subject: Callable[[], Subject]) -> Iterator[Program]:
    """
    Yield the programs to try: the scenarios as they are, then with one more fault each.

    A fault at a statement that is never made is none, so what each scenario
    makes is found out first.
    """
    yield from SCENARIOS
    for scenario in SCENARIOS:
        for strike in _reached(scenario, make_subject):
            yield (Arm(strike), *scenario)


def _reached(program: Program, make_subject: Callable[[], Subject]) -> Iterator[Strike]:
    """Yield the ways in which a statement of this program may go wrong."""
    subject = make_subject()
    try:
        running = Run(subject, subject.mode)
        running.open()
        for step in program:
            running.take(step)
        visits = Counter(subject.database.plan.visited)
    finally:
        subject.database.close()
    for strike in strikes():
        if strike.point and visits[strike.point] >= strike.nth:
            yield strike


@frozen
class Finding:
    """A program that violates something, shrunk, and what it violates."""

    program: Program
    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        """Tell it, step by step."""
        steps = "\n".join(f"{n}. {step}" for n, step in enumerate(self.program, start=1))
        return f"{steps}\n\n" + "\n".join(f"{v.requirement}: {v.message}" for v in self.violations)


Judge = Callable[[Program], tuple[Violation, ...]]
"""Runs a program and returns what counts of what it violates."""


def hunt(
    make_subject: Callable[[], Subject],
    judged_as: Mode,
    *,
    among: Callable[[Program], bool] | None = None,
    wanted: Callable[[Violation], bool] | None = None,
) -> Finding | None:
    """
    Find a small program that violates the contract, or none.

    `among` limits the programs, and `wanted` what counts as a finding.
    """

    def violations(program: Program) -> tuple[Violation, ...]:
        if among is not None and not among(program):
            return ()
        found = violations_of(program, make_subject, judged_as)
        return tuple(each for each in found if wanted is None or wanted(each))

    for program in programs(make_subject):
        if violations(program):
            smallest = shrink(program, violations)
            return Finding(smallest, violations(smallest))
    return None


def violations_of(
    program: Program, make_subject: Callable[[], Subject], judged_as: Mode
) -> tuple[Violation, ...]:
    """Run a program on a fresh subject, and return what it violates, each once."""
    subject = make_subject()
    try:
        return tuple(dict.fromkeys(run(program, subject, judged_as).violations))
    finally:
        subject.database.close()


def shrink(program: Program, violations: Judge) -> Program:
    """Make a program smaller for as long as it violates what it violated first."""
    wanted = {violation.requirement for violation in violations(program)}

    def still(candidate: Program) -> bool:
        return wanted <= {violation.requirement for violation in violations(candidate)}

    smaller = next((each for each in simpler(program) if still(each)), None)
    while smaller is not None:
        program = smaller
        smaller = next((each for each in simpler(program) if still(each)), None)
    return program


def simpler(program: Program) -> Iterator[Program]:
    """Yield the programs that are one step or one number smaller."""
    for index, step in enumerate(program):
        before, after = program[:index], program[index + 1 :]
        yield before + after
        for simple in _simpler_step(step):
            yield (*before, simple, *after)


def _simpler_step(step: Step) -> Iterator[Step]:
    match step:
        case Move(moves) if moves > 1:
            yield Move(1)
            yield Move(moves // 2)
            yield Move(moves - 1)
        case Arm(strike):
            if strike.times > 1:
                yield Arm(evolve(strike, times=1))
                yield Arm(evolve(strike, times=strike.times - 1))
            if strike.nth > 1:
                yield Arm(evolve(strike, nth=strike.nth - 1))
