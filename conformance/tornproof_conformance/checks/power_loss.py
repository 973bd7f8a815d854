"""
Record programs of an adapter and cut the power at every crash point.

The same programs and crash models as `exploration`, and the same explorer.  Each program runs
once, recorded; then it is crashed everywhere it matters, and the adapter recovers what is
left.  Some recoveries are recorded and crashed as well.

The creation of a store is judged first and by itself; every other program begins with a store
that is durable.  Programs come in order of length until the time is over.  All that a verdict
needs get a first round at each of their crash points; after that, going on with them and longer
programs take turns, image for image.  A violation is told when it is found, and again when it
is found in a milder crash model.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice, product

from tornproof_models.crash.program import Program
from tornproof_models.crash.subject import Options, Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.cases.case import Problem
from tornproof_conformance.checks import (
    Budget,
    Check,
    Clock,
    Covered,
    Findings,
    count_images,
    counted,
)
from tornproof_conformance.checks.boundaries import Geometry, special_programs
from tornproof_conformance.checks.crash_search import AT_ONCE, CrashSearch
from tornproof_conformance.checks.exploration import DURABILITIES, EXPLORATION, not_claimed
from tornproof_conformance.checks.recorded import NO_TRACE
from tornproof_conformance.checks.small_programs import LEAST_OPERATIONS, programs_of
from tornproof_conformance.power.copied_files import require_copies
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.stream.run_events import Progress

NAME = "power-loss"

SHARE = 0.35
"""Part of the budget's time."""

TURN = 4
"""Programs of two operations after which one that depends on the format has its turn."""

FIRST = 3
"""How many of them come before everything else: a large record, and two ends of units."""

RECORDINGS = 8
"""Recoveries that are recorded and crashed again, for each second of the time."""


def _power_loss(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    try:
        with RecordedSubject.of(subject) as recorded:
            require_copies(recorded)
            clock = Clock.start(budget, SHARE)
            return (yield from _search(recorded, budget, clock, subject))
    except NO_TRACE as reason:
        return Covered(f"nothing: {reason}", is_conclusive=False)


def _search(
    subject: RecordedSubject, budget: Budget, clock: Clock, adapter: AdapterSubject
) -> Findings:
    search = CrashSearch(subject, clock, budget.crash_models)
    subject.recordings = int(clock.seconds * RECORDINGS)
    try:
        programs = yield from _try_programs(search, budget.operations, clock)
        if search.batches:
            yield from _see_every_store(search, clock, adapter)
    except OutOfPatience:
        yield from search.conclude()
        raise
    yield from search.conclude()
    return _covered(search, programs)


def _see_every_store(
    search: CrashSearch, clock: Clock, adapter: AdapterSubject
) -> Generator[Progress, None, None]:
    """Run the shortest programs once more, store by store; the first of all in any case."""
    with RecordedSubject.of(adapter, every_store=True) as stepping:
        for options, program in programs_of(adapter, 1):
            if search.stores and not clock.has_time:
                return
            yield clock.progress(NAME, f"every store of {search.stores + 1} programs")
            search.step(stepping, program, options)


def _try_programs(
    search: CrashSearch, operations: int, clock: Clock
) -> Generator[Progress | Problem, None, str]:
    """Try programs in order of length while there is time; say which."""
    parts: list[str] = []
    least = range(1, LEAST_OPERATIONS + 1)
    counts = (sum(1 for _ in programs_of(search.subject, length)) for length in least)
    search.least_planned = sum(counts) * len(search.crash_models)
    yield clock.progress(NAME, "creating a store")
    for segment_bytes, durability in product((512, 4096), DURABILITIES):
        if search.programs and not clock.has_time:
            break
        search.create(Options(segment_bytes, durability))
        yield from search.tell()
    geometry = Geometry.of(search.subject, search.subject.geometry)
    takes_empty = "journal/empty-records" in search.subject.claims
    special = special_programs(geometry, takes_empty=takes_empty)
    untried = iter(special)
    yield from _run_special(search, islice(untried, FIRST), clock)
    for length in range(1, operations + 1):
        todo: Sequence[tuple[Options, Program]] = list(programs_of(search.subject, length))
        done = 0
        for options, program in todo:
            if length > LEAST_OPERATIONS:
                yield from _go_on(search, clock, lambda: search.is_behind)
            if not clock.has_time and (parts or done > 0):
                break
            if done % 10 == 0:
                coverage = search.coverage
                detail = f"programs of {length} operations: {coverage.judged:,} images"
                yield clock.progress(NAME, detail, coverage.judged)
            search.run(program, options, needed=length <= LEAST_OPERATIONS)
            yield from search.tell()
            done += 1
            if length == LEAST_OPERATIONS and done % TURN == 0:
                yield from _run_special(search, islice(untried, 1), clock)
        if done < len(todo):
            if done:
                parts.append(
                    f"{done:,} of the {len(todo):,} programs of {counted(length, 'operation')}"
                )
            break
        parts = [f"every program of up to {counted(length, 'operation')}"]
        if length == LEAST_OPERATIONS:
            yield from _run_special(search, untried, clock)
    tried = len(special) - len(list(untried))
    parts.append(f"{tried} of {counted(len(special), 'program')} at boundaries of the format")
    yield from _go_on(search, clock, lambda: search.is_wanting)
    return " and ".join(parts)


def _run_special(
    search: CrashSearch, programs: Iterator[Program], clock: Clock
) -> Generator[Progress | Problem, None, None]:
    """Run programs that depend on the format, while there is time."""
    while clock.has_time and (program := next(programs, None)) is not None:
        yield clock.progress(NAME, "records that reach the boundaries of the format")
        search.run(program, Options(1 << 16), needed=False)
        yield from search.tell()


def _go_on(
    search: CrashSearch, clock: Clock, is_due: Callable[[], bool]
) -> Generator[Progress | Problem, None, None]:
    """Go on with the crash points that have had their first round, while it is due."""
    while is_due() and clock.has_time:
        if search.deepened % 50 < AT_ONCE:
            judged = search.coverage.judged
            yield clock.progress(NAME, f"crash points with many images: {judged:,} images", judged)
        search.deepen()
        yield from search.tell()


def _covered(search: CrashSearch, programs: str) -> Covered:
    coverage, subject = search.coverage, search.subject
    words = (
        f"{coverage}, of {programs}, in "
        f"{counted(len(search.crash_models), 'crash model')}; "
        f"{subject.recovered:,} distinct images recovered, {subject.watched:,} of them "
        "twice, recorded and crashed again"
    )
    words += _how_new(search)
    if search.batches:
        words += (
            f"; {search.batches:,} batch{'es'[: 2 * (search.batches != 1)]} of stores through "
            "mappings, order unknown, and a sector stored into twice between two calls shows its "
            f"last content only; {counted(search.stores, 'program')} also store by store"
        )
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
        search.crash_models,
        done=done,
        planned=planned,
        missing=missing if done < planned else "",
        notes=tuple(subject.warnings),
        at_stake=search.stakes.counts,
    )


MOST_NEW = 2
"""Phases and crash models that are named for what they had to offer last."""


def _how_new(search: CrashSearch) -> str:
    """Say where the last recoveries still brought something new, and estimate what is unseen."""
    told = sorted(search.novelty.items(), key=lambda each: -each[1].unseen)
    words = [
        f"{phase}, {crash_model}: {novelty.outcomes:,} outcomes of {novelty.trials:,} images, "
        f"{novelty.late:,} of them new in the last tenth, {novelty.unseen:.1%} unseen"
        for (phase, crash_model), novelty in told[:MOST_NEW]
        if novelty.trials
    ]
    return "".join(f"; {each}" for each in words)


def _not_claimed(subject: Subject) -> frozenset[str]:
    """Leave out what concerns segments, batches and truncations where there are none."""
    if isinstance(subject, AdapterSubject) and "journal/segments" in subject.claims:
        return not_claimed(subject)
    segments = (each for each in EXPLORATION.requirements if each.startswith("SEG-"))
    return not_claimed(subject).union(segments)


POWER_LOSS = Check(
    NAME,
    "small programs, recorded, and the power cut everywhere, in every crash model",
    EXPLORATION.requirements,
    _power_loss,
    _not_claimed,
)
