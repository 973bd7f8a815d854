"""
Kill an adapter with SIGKILL at chosen calls and at random moments.

The same steps and the same contract as for what runs in this process; only the
crash is another.  A kill takes what the process held in its own memory, and
leaves the page cache: it finds what was acknowledged out of a buffer and what
recovery makes of half a record, and no missing fsync.

Where processes can be traced, a short program is killed before and after each of its calls
that change or sync a file, one after the other, and random programs are killed at a random
one: nothing depends on a clock.  Elsewhere random programs are killed after so many
microseconds.  Programs are made up from one seed after the other until the time is over.
"""

from collections.abc import Generator, Iterator
from itertools import count, product

from attrs import frozen
from hypothesis.errors import Flaky
from tornproof_models.contract import journal
from tornproof_models.crash.program import (
    Append,
    Batch,
    DropHead,
    DropTail,
    Interrupt,
    Kill,
    KillAt,
    Program,
    Reopen,
    Rotate,
    Step,
    Sync,
)
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.machines.journal_machine import mortal_journal_machine

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.cases.case import Problem, ProgramCase
from tornproof_conformance.cases.hypothesis_search import Order, search_machine
from tornproof_conformance.checks import Budget, Check, Clock, Covered, Findings, counted
from tornproof_conformance.checks.claimed_programs import NEEDED
from tornproof_conformance.checks.exploration import DURABILITIES, not_claimed
from tornproof_conformance.power.recorded_session import RecordedDisk
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.recorder.recorders import require_recorder
from tornproof_conformance.recorder.strace import CannotRecord
from tornproof_conformance.stream.run_events import Progress

SHARE = 0.15
"""Part of the budget's time."""

LATEST = 2
"""
So many times its share goes at most into the kills that a verdict needs.

What starts in a second or more would spend most of the budget on them, and leave too little of it
to the search after them.
"""

LEAST_KILLS = 25
"""
A verdict needs so many programs with a kill.

A store that loses a record in four of ten kills survives 25 of them once in 300,000 tries.
"""


@frozen
class Pace:
    """How much to try between two looks at the clock."""

    programs: int
    steps: int


def pace_of(subject: AdapterSubject) -> Pace:
    """Choose longer programs, and more, where a kill costs little."""
    return Pace(1, 12) if subject.is_slow else Pace(10, 50)


FIRST: tuple[Program, ...] = (
    (Append(5), Append(600), Kill()),
    (Append(5), Reopen(), Interrupt((5, 600, 5, 600), 1, 200), Append(24), Kill()),
    (Append(5), Sync(), Append(600), Kill(), Append(24), Kill()),
    (Append(5), Rotate(), Append(600), Kill(), Rotate(), Interrupt((600, 600, 600), 0, 500)),
)
"""The programs that are tried before the random ones: those in which a kill can do most harm."""


def steps_of(subject: AdapterSubject) -> frozenset[type[Step]]:
    """Choose the steps that an adapter can take."""
    steps: set[type[Step]] = {Append, Sync, Reopen, Kill, Interrupt}
    if isinstance(subject, RecordedSubject):
        steps.add(KillAt)
    return frozenset(steps | {step for step, claim in NEEDED.items() if claim in subject.claims})


def _begin(
    subject: AdapterSubject, clock: Clock, known: set[str]
) -> Generator[Progress | Problem, None, int]:
    """
    Try the first programs while there is time, and return how many.

    The first of all is tried however slow the adapter is.  A step that it does not have
    is left out.
    """
    steps, tried = steps_of(subject), 0
    for planned, durability in product(FIRST, DURABILITIES):
        if not clock.has_time and planned is not FIRST[0]:
            break
        yield clock.progress("kills", f"{durability}: choosing kill points")
        tried += 1
        options = Options(durability=durability)
        program = tuple(step for step in planned if type(step) in steps)
        for violation in run(program, subject, options).violations:
            if violation.requirement not in known:
                known.add(violation.requirement)
                yield Problem(violation, ProgramCase(program, options))
    return tried


KILLED: tuple[Program, ...] = (
    *((step,) for step in (Append(600), Sync(), Rotate(), Reopen())),
    *((Append(24), step) for step in (Batch((5, 600)), DropTail(1), DropHead(1))),
)
"""What is killed in the middle, after an append that was answered."""


def _kill_at_each_call(
    subject: RecordedSubject, clock: Clock, known: set[str], needed: int
) -> Generator[Progress | Problem, None, int]:
    """
    Kill before and after each call of some steps while there is time; return how many kills.

    Where the share is over early, calls of the first append are still killed, until there are as
    many as a verdict needs.
    """
    kills, steps = 0, steps_of(subject)

    def goes_on() -> bool:
        is_needed = kills < needed and clock.spent < LATEST * clock.seconds
        return clock.has_time or is_needed

    for durability, struck, is_after in product(DURABILITIES, KILLED, (False, True)):
        if not {type(step) for step in struck} <= steps:
            continue
        if not (clock.has_time or (struck is KILLED[0] and goes_on())):
            break
        yield clock.progress("kills", f"{durability}: {counted(kills, 'kill')} at chosen calls")
        options = Options(durability=durability)
        for nth in count(1):
            if not goes_on():
                break
            program = (Append(5), KillAt(nth, is_after), *struck, Append(24), Kill())
            running = run(program, subject, options)
            disk = running.filesystem
            assert isinstance(disk, RecordedDisk)
            if not disk.struck:
                break
            kills += 1
            for violation in running.violations:
                if violation.requirement not in known:
                    known.add(violation.requirement)
                    yield Problem(violation, ProgramCase(program, options))
    return kills


def search(
    subject: AdapterSubject, durability: str, seed: int, known: set[str]
) -> Iterator[Problem]:
    """Try some random programs, and yield what violates a requirement that is not known to be."""
    options = Options(durability=durability)
    machine = mortal_journal_machine(subject, options, steps_of(subject))
    pace = pace_of(subject)
    order = Order(seed, pace.programs, frozenset(known), steps=pace.steps, shrinks=False)
    stopped: OutOfPatience | None = None
    try:
        search_machine("kills/", machine, order, lambda: None)
    except Flaky:
        pass  # a moment that does not come again; it has been seen all the same
    except OutOfPatience as silence:
        stopped = silence
    if machine.seen:
        smallest = min(machine.seen, key=lambda each: len(each.program))
        for violation in smallest.violations:
            if violation.requirement not in known:
                known.add(violation.requirement)
                yield Problem(violation, ProgramCase(smallest.program, options))
    if stopped:
        raise stopped


def _kills(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    clock = Clock.start(budget, SHARE)
    try:
        require_recorder()
        with RecordedSubject.of(subject) as traced:
            return (yield from _search(traced, budget, clock))
    except CannotRecord:
        return (yield from _search(subject, budget, clock))


def _search(subject: AdapterSubject, budget: Budget, clock: Clock) -> Findings:
    known: set[str] = set()
    begun = yield from _begin(subject, clock, known)
    kills = 0
    if isinstance(subject, RecordedSubject):
        kills = yield from _kill_at_each_call(subject, clock, known, LEAST_KILLS - begun)
    rounds, pace = 0, pace_of(subject)
    while clock.has_time:
        durability = DURABILITIES[rounds % len(DURABILITIES)]
        yield clock.progress("kills", f"{durability}: {rounds * pace.programs} programs")
        yield from search(subject, durability, budget.seed + rounds, known)
        rounds += 1
    tried = rounds * pace.programs
    where = f"{counted(kills, 'kill')} before or after a chosen call, " if kills else ""
    words = f"{where}{counted(begun, 'program')} and {counted(tried, 'random one')} of up to "
    counts = {"programs": begun, "random_programs": tried, "kills": kills}
    words += f"{pace.steps} steps, killed at any moment"
    done = kills + begun + tried
    missing = f"{LEAST_KILLS} programs with a kill ({done} done)" if done < LEAST_KILLS else ""
    return Covered(
        words,
        counts,
        ("process-kill",),
        done=min(done, LEAST_KILLS),
        planned=LEAST_KILLS,
        missing=missing,
    )


KILLS = Check(
    "kills",
    "programs, and SIGKILL at chosen calls and at any moment",
    journal.JUDGES | journal.JUDGES_CLAIMED,
    _kills,
    not_claimed,
)
