"""
Judge a history and a state.

`judge` asks a handful of questions, each of which can be answered by counting,
and names every requirement that the state violates.  It knows nothing of
threads, databases or retries.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from tornproof_models.contract.delivery.case import Case
from tornproof_models.contract.delivery.counting import judge_counters
from tornproof_models.contract.delivery.facts import (
    Died,
    Drain,
    Fact,
    Fault,
    Mode,
    Outcome,
    Seen,
    State,
    Struck,
    Submitted,
)
from tornproof_models.contract.journal import Violation

MAX_RACES = 6
"""One attempt and five retries (DRN-4)."""

FEWEST_RACES = 2
"""One attempt and the retry that is owed; five are the most, and no number is the least."""

JUDGES_STATE = frozenset(
    {"DRN-1", "DRN-2", "DRN-4", "DRN-5", "DRN-6", "DRN-9", "DRN-13", "DRN-15", "DRN-17", "CHN-1"}
)
"""The requirements that `judge` names."""

JUDGES_COUNTERS = frozenset({"DRN-13"})
"""The requirement on counters, one of those that `judge` names."""

JUDGES_DRAIN = frozenset({"DRN-12"})
"""The requirement that `judge_drain` names."""

JUDGES_CLOSE = frozenset({"DRN-11"})
"""The requirement that `judge_close` names."""

JUDGES = JUDGES_STATE | JUDGES_DRAIN | JUDGES_CLOSE

MADE_UP = "an event is there under an id that nobody submitted"
"""The cause where an event is given another id on its way (EVT-6)."""

LANDS_TWICE = "an event lands twice"
"""The cause where nobody looks whether an event has landed (DRN-7)."""

LOST_WITH_A_PROCESS = "an admitted event is lost when a process ends"
"""The cause where what was admitted does not outlive the process that admitted it (DRN-3)."""

SHOWS_ANOTHER = frozenset({"DRN-1", "DRN-9", "DRN-17"})
"""
What `judge` says of a loss, a double or an overtaking, whatever it comes from.

In a situation that is made for one requirement, it shows that this one is violated.
"""

JUDGES_AFTER_FAULTS = frozenset({"DRN-4", "DRN-5", "DRN-6", "DRN-8", "DRN-15", "DRN-17"})
"""Requirements that a drainer can violate only after something failed while an event landed."""


def judge(
    history: Iterable[Fact], state: State, *, mode: Mode = Mode.DURABLE
) -> tuple[Violation, ...]:
    """Name every requirement that `state` violates, given what happened before."""
    case = Case(history, state, mode)
    return tuple(violation for question in _QUESTIONS for violation in question(case))


def judge_drain(
    history: Iterable[Fact], state: State, drain: Drain, *, mode: Mode = Mode.DURABLE
) -> tuple[Violation, ...]:
    """Name what is wrong with the answer of a drain, given what one sees right after it."""
    case = Case(history, state, mode)
    missing = [each for each in case.admitted if each not in case.places]
    return tuple(_drain_questions(drain, missing, case))


def judge_races(races: int, retries: int | None, *, is_dead: bool) -> Iterator[Violation]:
    """
    Judge the races that one event has lost, and how often it says that it was retried (DRN-4).

    `is_dead` tells whether it became a dead letter, which is the end of its retries.
    """
    if is_dead and 0 < races < FEWEST_RACES:
        yield Violation("DRN-4", "an event lost a race, and its insertion was not retried")
    if races > MAX_RACES:
        words = f"an event lost {races} races, and was retried after {races - 1} of them or more"
        yield Violation("DRN-4", f"{words}; it is retried {MAX_RACES - 1} times at most")
    if is_dead and races and retries is not None and retries != races - 1:
        message = f"an event lost {races} races and became a dead letter"
        yield Violation("DRN-4", f"{message}, and race_retries is {retries}")


def judge_close(*, returned: bool) -> tuple[Violation, ...]:
    """Closing returns, whoever still holds on to the queue (DRN-11)."""
    if returned:
        return ()
    return (Violation("DRN-11", "close_and_flush waits until a producer releases the queue"),)


def _exactly_once(case: Case) -> Iterator[Violation]:
    """Nothing twice, nothing missing, nothing else."""
    possible = {each.event_id for each in case.submits if each.outcome is not Outcome.REFUSED}
    possible |= case.others
    known = {each.event_id for each in case.submits} | case.others
    chain, letters = case.chain, case.letters
    for event_id in case.places:
        if event_id not in known:
            message = f"{event_id} is there and was never submitted"
            yield Violation("DRN-1", message, MADE_UP)
        elif event_id not in possible:
            yield Violation("DRN-2", f"{event_id} was refused and is there all the same")
        if chain[event_id] > 1:
            message = f"{event_id} is in the chain {chain[event_id]} times"
            yield Violation("DRN-1", message, LANDS_TWICE)
        if letters[event_id] > 1:
            yield Violation("DRN-1", f"{event_id} is dead-lettered {letters[event_id]} times")
        if chain[event_id] and letters[event_id]:
            yield Violation("DRN-1", f"{event_id} is in the chain and in the dead-letter queue")
    if case.state.quiescent:
        for event_id in case.admitted:
            if event_id not in case.places and event_id not in case.forgiven:
                yield Violation(
                    "DRN-1",
                    f"{event_id} was admitted and is neither in the chain nor in the "
                    "dead-letter queue",
                    _loss_of(event_id, case),
                )


def _loss_of(event_id: str, case: Case) -> str:
    """Name the cause why an event is not there, if a process has ended since it was submitted."""
    return LOST_WITH_A_PROCESS if event_id in case.older else ""


def _unchanged(case: Case) -> Iterator[Violation]:
    """What is kept is what was submitted; a dead letter says why it is one."""
    payloads = {each.event_id: each.payload for each in case.submits}
    for row in case.state.chain:
        if row.payload is not None and row.payload != payloads.get(row.event_id, row.payload):
            yield Violation("DRN-15", f"{row.event_id} is in the chain with other bytes")
    for letter in case.state.dead_letters:
        if letter.payload != payloads.get(letter.event_id, letter.payload):
            kept = "without its bytes" if letter.payload is None else "with other bytes"
            yield Violation("DRN-15", f"{letter.event_id} is in the dead-letter queue {kept}")
        if not letter.reason:
            yield Violation("DRN-5", f"{letter.event_id} is dead-lettered without a reason")


def _numbered(case: Case) -> Iterator[Violation]:
    """One, two, three."""
    for expected, row in enumerate(case.state.chain, start=1):
        if row.sequence != expected:
            yield Violation("CHN-1", f"{row.event_id} has number {row.sequence}, not {expected}")
            return


def _ordered(case: Case) -> Iterator[Violation]:
    """A submit that ended before another began comes before it."""
    submits = {each.event_id: each for each in case.submits}
    latest: Submitted | None = None
    for row in case.state.chain:
        submit = submits.get(row.event_id)
        if submit is None or row.event_id in case.replayed:
            continue
        if latest and submit.returned is not None and submit.returned < latest.invoked:
            yield Violation("DRN-9", f"{latest.event_id} has overtaken {row.event_id}")
        if latest is None or submit.invoked > latest.invoked:
            latest = submit


def _kept(case: Case) -> Iterator[Violation]:
    """What was seen in the chain stays, in its place; a dead letter stays or moves there."""
    chain = [row.event_id for row in case.state.chain]
    letters = {letter.event_id for letter in case.state.dead_letters}
    for fact in case.history:
        if isinstance(fact, Seen | Died):
            if chain[: len(fact.chain)] != list(fact.chain):
                gone = next((each for each in fact.chain if each not in chain), fact.chain[-1])
                yield Violation("DRN-17", f"{gone} was seen in the chain and is not there now")
                return
            for event_id in fact.dead_letters:
                if event_id not in letters and event_id not in case.replayed:
                    yield Violation("DRN-17", f"{event_id} was a dead letter and is none now")
                    return


def _positioned(case: Case) -> Iterator[Violation]:
    """The stored position reflects exactly what has landed."""
    if case.state.spool is None:
        return
    for index, event_id in enumerate(case.state.spool):
        landed = event_id in case.places
        if landed != (index < case.state.position):
            place = "below" if index < case.state.position else "above"
            what = "has landed" if landed else "has not landed"
            yield Violation("DRN-17", f"{event_id} {what} and lies {place} the stored position")
            return


def _retried(case: Case) -> Iterator[Violation]:
    """At most five retries for an event, and a dead letter only for cause."""
    life = [fact for fact in case.life if isinstance(fact, Struck)]
    races = Counter(
        fact.event_id
        for fact, following in zip_longest(life, life[1:])
        if fact.fault is Fault.RACE
        and fact.event_id is not None
        # one that a panic follows was a panic, to whoever should have retried
        and not (following and following.fault is Fault.PANIC)
    )
    for event_id, count in races.items():
        if count > MAX_RACES:
            yield Violation("DRN-4", f"{event_id} was tried {count} times against a lost race")
    struck = [fact for fact in case.history if isinstance(fact, Struck)]
    lost = Counter(fact.event_id for fact in struck if fact.fault is Fault.RACE)
    permanent = {fact.event_id for fact in struck if fact.fault is Fault.PERMANENT}
    for letter in case.state.dead_letters:
        # four retries are at most five, and those of a fault whose event is not known count
        exhausted = lost[letter.event_id] + lost[None] >= FEWEST_RACES
        if not exhausted and not permanent & {letter.event_id, None}:
            yield Violation("DRN-6", f"{letter.event_id} is dead-lettered without a lasting cause")


_QUESTIONS = (
    _exactly_once,
    _unchanged,
    _numbered,
    _ordered,
    _kept,
    _positioned,
    _retried,
    judge_counters,
)


def _drain_questions(drain: Drain, missing: Sequence[str], case: Case) -> Iterator[Violation]:
    """A success is one, a failure names what is left, and nobody waits for nothing."""
    left = [each for each in missing if each not in case.forgiven]
    if drain.drained and left:
        message = f"drain said that nothing was left, and {left[0]} has not landed"
        yield Violation("DRN-12", message, _loss_of(left[0], case))
    if not drain.drained and not drain.pending:
        yield Violation("DRN-12", "drain said that events were left, and named none")
    unnamed = [each for each in left if each not in drain.pending]
    if not drain.drained and unnamed and len(drain.pending) < drain.named:
        yield Violation("DRN-12", f"{unnamed[0]} is left and not named")
    if drain.hopeless and not drain.at_once:
        yield Violation("DRN-12", "the drainer had given up, and drain did not return at once")
