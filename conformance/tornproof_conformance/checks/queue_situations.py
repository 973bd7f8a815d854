"""
Put a drainer behind an adapter into fixed situations: restarts, refusals, closing.

`drainer_situations` has the situations.  Some are those of a queue in this process, where they
need no simulated disk; others take a fault at a fault point of the adapter.  The contract
decides what is right afterwards.  A violation is reported under the requirement that the
situation is about.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from attrs import frozen
from tornproof_models.contract.delivery import SHOWS_ANOTHER, Mode
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.arming import (
    Arming,
    Faults,
    ambiguous_commits,
    at_each_point,
    endless_races,
    errors_at_two_points,
)
from tornproof_conformance.adapter.blame import blame_error
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal
from tornproof_conformance.cases.case import ExerciseCase, Problem
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.deliveries import delivery_faults
from tornproof_conformance.checks.delivering import Delivery
from tornproof_conformance.checks.drainer_situations import (
    a_close_that_cannot_flush_ends,
    a_closed_queue_has_landed_everything,
    a_panic_without_end_is_given_up,
    a_race_is_not_retried_for_ever,
    an_ambiguous_commit_is_looked_into,
    an_id_is_minted_once,
    dead_letters_are_counted_or_it_is_an_error,
    shown_by,
    the_next_process_begins_with_what_was_left,
    what_a_panic_takes_is_counted,
    what_is_admitted_survives,
    what_is_too_large_is_refused_at_submit,
    what_no_column_holds_is_refused_at_submit,
    what_the_dead_letters_refuse_stays,
    without_a_spool_a_crash_takes_what_had_not_landed,
)
from tornproof_conformance.stream.run_events import Progress

BOTH = tuple(Mode)
DURABLE = (Mode.DURABLE,)
VOLATILE = (Mode.VOLATILE,)


@frozen
class QueueSituation:
    """A situation, the requirement it is about, and the faults that it takes."""

    requirement: str
    modes: tuple[Mode, ...]
    play: Callable[[Delivery, Faults], None]
    arm: Callable[[Faults], Iterator[Faults]] | None = None
    """Chooses the faults, from all that make sense; none if it needs none."""

    once: bool = False
    """Whether the first of these claims that is claimed is enough."""

    shown_by: str = ""
    """An optional member of a reply, without which the situation shows nothing; empty if none."""

    symptoms: frozenset[str] = SHOWS_ANOTHER
    """What the contract says of an implementation that breaks the requirement in this situation."""

    has_premise: bool = False
    """Whether it notes in `Delivery.met`, by its name, each time that its premise was met."""

    @property
    def name(self) -> str:
        """What it is called in a reproducer."""
        return self.play.__name__.replace("_", "-")

    def programs(self, faults: Faults) -> Iterator[Faults]:
        """Yield the faults with which to play it, one set at a time."""
        if self.arm is None:
            yield ()
        else:
            yield from self.arm(faults)


SITUATIONS: Mapping[str, QueueSituation] = {
    situation.name: situation
    for situation in (
        QueueSituation("DRN-3", DURABLE, what_is_admitted_survives),
        QueueSituation(
            "DRN-16",
            DURABLE,
            the_next_process_begins_with_what_was_left,
            symptoms=frozenset({"DRN-9"}),
        ),
        QueueSituation("EVT-5", DURABLE, what_is_too_large_is_refused_at_submit),
        QueueSituation("EVT-5", DURABLE, what_no_column_holds_is_refused_at_submit),
        QueueSituation(
            "EVT-6", DURABLE, an_id_is_minted_once, shown_by="event_id", symptoms=frozenset()
        ),
        QueueSituation("DRN-11", BOTH, a_closed_queue_has_landed_everything, symptoms=frozenset()),
        QueueSituation(
            "DRN-11",
            DURABLE,
            a_close_that_cannot_flush_ends,
            at_each_point("busy"),
            symptoms=frozenset(),
        ),
        QueueSituation("DRN-18", VOLATILE, without_a_spool_a_crash_takes_what_had_not_landed),
        QueueSituation(
            "DRN-7", BOTH, an_ambiguous_commit_is_looked_into, ambiguous_commits, once=True
        ),
        QueueSituation(
            "DRN-14",
            BOTH,
            dead_letters_are_counted_or_it_is_an_error,
            at_each_point("error"),
            shown_by="dlq_size",
            has_premise=True,
        ),
        QueueSituation(
            "DRN-8",
            DURABLE,
            a_panic_without_end_is_given_up,
            at_each_point("panic"),
            has_premise=True,
        ),
        QueueSituation(
            "DRN-18",
            VOLATILE,
            what_a_panic_takes_is_counted,
            at_each_point("panic"),
            has_premise=True,
        ),
        QueueSituation(
            "DRN-4",
            BOTH,
            a_race_is_not_retried_for_ever,
            endless_races,
            once=True,
            has_premise=True,
        ),
        QueueSituation(
            "DRN-10",
            BOTH,
            what_the_dead_letters_refuse_stays,
            errors_at_two_points,
            once=True,
            has_premise=True,
        ),
    )
}
"""Every situation by name, the quick first."""


@exercise("queue-situation")
def put_into_situation(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Put a drainer into a situation, in a mode, with faults; yields what is violated."""
    yield from _play(subject, arguments)[0]


def _play(subject: AdapterSubject, arguments: Sequence[str]) -> tuple[list[Violation], bool]:
    """Put a drainer into a situation; return what is violated, and whether its premise was met."""
    name, mode, *faults = arguments
    situation = SITUATIONS[name]
    found: list[Violation] = []
    met: Counter[str] = Counter()
    try:
        reported_as = dict.fromkeys(situation.symptoms, situation.requirement)
        delivery = Delivery(subject, Mode(mode), reported_as=reported_as, violations=found, met=met)
        situation.play(delivery, [Arming.parse(words) for words in faults])
        delivery.disarm()
        delivery.close()
    except (ProcessFailed, Refusal, sqlite3.Error) as failed:
        found.append(blame_error(situation.requirement, failed, f"{name}: "))
    is_met = not situation.has_premise or met[name] > 0
    told = sorted(found, key=lambda each: each.requirement != situation.requirement)
    return told, is_met


def queue_situations_check(chosen: Sequence[QueueSituation]) -> Check:
    """Make the check of these situations."""
    return Check(
        "queue-situations",
        "restarts, refusals and endings of a drainer",
        frozenset(each.requirement for each in chosen),
        partial(_queue_situations, chosen),
        partial(_unplayable, chosen),
    )


def _queue_situations(chosen: Sequence[QueueSituation], subject: Subject, _: Budget) -> Findings:
    faults = delivery_faults(subject)
    programs = [
        (situation.name, mode, *map(str, armed))
        for situation, mode in _playable(chosen, subject)
        for armed in situation.programs(faults)
    ]
    assert isinstance(subject, AdapterSubject)
    met = Counter(dict.fromkeys((each.requirement for each in chosen), 0))
    for number, program in enumerate(programs):
        yield Progress("queue-situations", number, len(programs), program[0])
        found, is_met = _play(subject, program)
        met[SITUATIONS[program[0]].requirement] += is_met
        for violation in found:
            yield Problem(violation, ExerciseCase("queue-situation", program))
    played = len({name for name, *_ in programs})
    words = f"{played} situations of a drainer, {len(programs)} times"
    counts = {"queue_situations": len(programs)}
    return Covered(words, counts, ("process-kill",), at_stake=met)


def _playable(
    chosen: Sequence[QueueSituation], subject: Subject
) -> Iterator[tuple[QueueSituation, str]]:
    """Choose the situations of the claims that a subject claims."""
    assert isinstance(subject, AdapterSubject)
    for situation in chosen:
        claimed = [each.value for each in situation.modes if each.value in subject.claims]
        for mode in claimed[:1] if situation.once else claimed:
            yield situation, mode


def _unplayable(chosen: Sequence[QueueSituation], subject: Subject) -> frozenset[str]:
    """Name what cannot be seen of an adapter, for want of a mode, of points or of words."""
    assert isinstance(subject, AdapterSubject)
    faults, shown = delivery_faults(subject), {"", *shown_by(subject)}
    played = {
        each.requirement
        for each, _ in _playable(chosen, subject)
        if each.shown_by in shown and list(each.programs(faults))
    }
    return frozenset(each.requirement for each in chosen) - played


QUEUE_SITUATIONS = queue_situations_check(tuple(SITUATIONS.values()))
