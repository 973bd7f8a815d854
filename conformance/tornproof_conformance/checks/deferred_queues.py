"""
Check a deferred queue in this process: fault sweep, schedules and random programs.

- `drainer`: each statement of each small scenario fails in every way
- `schedules`: every order of submits, moves, panics, deaths and database faults
- `drainer-machine`: long random programs

Within the usual budget, one program in four of the first is tried, and two
events take part in the second; `--queue-events 3` tries them all.
"""

from functools import partial
from itertools import islice

from tornproof.errors import Invalid
from tornproof_models.contract import audit_fold, delivery
from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.queues import delivery_run
from tornproof_models.queues.delivery_program import Program
from tornproof_models.queues.fault_sweep import SCENARIOS, programs, shrink, violations_of

from tornproof_conformance.cases.case import DeliveryCase, Problem, ScheduleCase
from tornproof_conformance.cases.hypothesis_search import STEPS, Order
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.search.hunts import MachineHunt
from tornproof_conformance.stream.run_events import Progress
from tornproof_conformance.subjects.machines import machines_of
from tornproof_conformance.subjects.queues import HasQueue, HasSchedules

ALL_EVENTS = 3
"""With so many events everything is tried."""

STRIDE = 4
FAULTS = 1
"""Faults of the database in one schedule."""

SYSTEM = "system-machine"
MACHINES = ("drainer-machine", "volatile-drainer-machine", SYSTEM)

EXAMPLES_EACH = 10
"""One random program of a queue for so many of a journal."""


def _queue_of(subject: Subject) -> HasQueue:
    if not isinstance(subject, HasQueue):
        raise Invalid(f"{subject.name} has no deferred queue to be judged")
    return subject


def modes_of(subject: Subject) -> list[Mode]:
    """Name what a subject's queue promises; what runs in this process promises both."""
    claims = getattr(subject, "claims", None)
    return [each for each in Mode if claims is None or each.value in claims]


def _hunt(subject: Subject, budget: Budget) -> Findings:
    queue = _queue_of(subject)
    stride = 1 if budget.queue_events >= ALL_EVENTS else STRIDE
    known: set[str] = set()
    tried = 0
    for mode in modes_of(subject):
        make = partial(queue.open_queue, mode)
        todo = [*SCENARIOS, *islice(programs(make), len(SCENARIOS), None, stride)]
        for number, program in enumerate(todo):
            if number % 25 == 0:
                yield Progress("drainer", number, len(todo), f"{mode.value}: {tried:,} programs")
            tried += 1
            for found in violations_of(program, make, mode):
                if found.requirement not in known:
                    known.add(found.requirement)
                    yield _smallest(program, found, make, mode)
    part = "" if stride == 1 else f", one in {stride}"
    words = f"{tried:,} programs, in each of which something fails at some statement{part}"
    return Covered(words, {"programs": tried}, ("process-kill",))


def _smallest(
    program: Program,
    found: Violation,
    make: "partial[delivery_run.Subject]",
    mode: Mode,
) -> Problem:
    def judge(candidate: Program) -> tuple[Violation, ...]:
        violations = violations_of(candidate, make, mode)
        return tuple(each for each in violations if each.requirement == found.requirement)

    smallest = shrink(program, judge)
    return Problem(judge(smallest)[0], DeliveryCase(mode, smallest))


DRAINER = Check(
    "drainer",
    "every statement of the drainer fails in every way",
    delivery.JUDGES | delivery_run.JUDGES,
    _hunt,
)


def _schedules(subject: Subject, budget: Budget) -> Findings:
    if not isinstance(subject, HasSchedules):
        raise Invalid(f"{subject.name} has no drainer that can be moved step by step")
    falls = 2 if budget.queue_events >= ALL_EVENTS else 1
    yield Progress("schedules", 0, 1, "walking every schedule")
    seen = subject.walk_schedules(events=budget.queue_events, falls=falls, faults=FAULTS)
    for found in seen.counterexamples:
        case = ScheduleCase(budget.queue_events, falls, FAULTS, tuple(map(str, found.schedule)))
        for violation in found.violations:
            yield Problem(violation, case)
    words = (
        f"all {seen.schedules:,} schedules of {budget.queue_events} events, {falls} "
        f"panic{'s' if falls > 1 else ''} or death{'s' if falls > 1 else ''} and a database "
        f"fault, through {seen.states:,} states"
    )
    counts = {"schedules": seen.schedules, "states": seen.states}
    return Covered(words, counts, ("process-kill",))


SCHEDULES = Check(
    "schedules",
    "every order of submits, moves, falls and faults of the drainer",
    delivery.JUDGES_STATE | delivery_run.JUDGES,
    _schedules,
)


def _machine(subject: Subject, budget: Budget) -> Findings:
    names = [name for name in MACHINES if name in machines_of(subject.name)]
    examples = budget.examples // EXAMPLES_EACH
    for number, name in enumerate(names):
        yield Progress("drainer-machine", number, len(names), f"{name}: random programs")
        yield from MachineHunt(name, subject.name).play(Order(0, examples)).problems
    count = examples * len(names)
    words = f"{count} random programs of up to {STEPS} steps, with faults, kills and power cuts"
    return Covered(words, {"random_programs": count}, ("process-kill", "adversarial"))


DRAINER_MACHINE = Check(
    "drainer-machine",
    "long random programs of a queue, with everything that can go wrong",
    DRAINER.requirements | audit_fold.JUDGES,
    _machine,
    lambda subject: frozenset() if SYSTEM in machines_of(subject.name) else audit_fold.JUDGES,
)

QUEUE_CHECKS: tuple[Check, ...] = (DRAINER, SCHEDULES, DRAINER_MACHINE)


def queue_checks_of(subject: Subject) -> tuple[Check, ...]:
    """Choose the checks that a subject's queue can be put through."""
    if not isinstance(subject, HasQueue):
        return ()
    checks = [DRAINER]
    if isinstance(subject, HasSchedules):
        checks.append(SCHEDULES)
    if any(name in MACHINES for name in machines_of(subject.name)):
        checks.append(DRAINER_MACHINE)
    return tuple(checks)
