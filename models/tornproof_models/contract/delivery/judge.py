"""
Judge a history and a state.

`judge` asks a handful of questions, each of which can be answered by counting,
and names every requirement that the state violates.  It knows nothing of
threads, databases or retries.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from tornproof_models.contract.delivery.facts import (
    Appended,
    Died,
    Drain,
    Fact,
    Fault,
    Mode,
    Outcome,
    Replayed,
    Seen,
    State,
    Struck,
    Submitted,
)
from tornproof_models.contract.journal import Violation

MAX_RACES = 6
"""One attempt and five retries (DRN-4)."""

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

JUDGES_AFTER_FAULTS = frozenset({"DRN-4", "DRN-5", "DRN-6", "DRN-8", "DRN-15", "DRN-17"})
"""Requirements that a drainer can violate only after something failed while an event landed."""


def judge(
    history: Iterable[Fact], state: State, *, mode: Mode = Mode.DURABLE
) -> tuple[Violation, ...]:
    """Name every requirement that `state` violates, given what happened before."""
    case = _Case(history, state, mode)
    return tuple(violation for question in _QUESTIONS for violation in question(case))


def judge_drain(
    history: Iterable[Fact], state: State, drain: Drain, *, mode: Mode = Mode.DURABLE
) -> tuple[Violation, ...]:
    """Name what is wrong with the answer of a drain, given what one sees right after it."""
    case = _Case(history, state, mode)
    missing = [each for each in case.admitted if each not in case.places]
    return tuple(_drain_questions(drain, missing, case))


def judge_close(*, returned: bool) -> tuple[Violation, ...]:
    """Closing returns, whoever still holds on to the queue (DRN-11)."""
    if returned:
        return ()
    return (Violation("DRN-11", "close_and_flush waits for a producer to let go, for ever"),)


class _Case:
    """A history and a state, with what several questions need to know of them."""

    def __init__(self, history: Iterable[Fact], state: State, mode: Mode) -> None:
        self.history = tuple(history)
        self.state = state
        self.mode = mode
        self.submits: list[Submitted] = []
        self.admitted: dict[str, None] = {}
        """Ids of which some submit said "admitted", in the order of the submits."""
        self.others: set[str] = set()
        self.replayed: set[str] = set()
        self.began_with = Died((), ())
        """What was there when the process that lives now began."""
        began, fell = 0, 0
        for index, fact in enumerate(self.history):
            match fact:
                case Submitted(event_id, outcome=outcome):
                    self.submits.append(fact)
                    if outcome is Outcome.ADMITTED:
                        self.admitted[event_id] = None
                case Appended(event_id):
                    self.others.add(event_id)
                case Replayed(event_ids):
                    self.replayed.update(event_ids)
                case Died():
                    self.began_with = fact
                    began = fell = index + 1
                case Struck(Fault.PANIC):
                    fell = index
        self.life = self.history[began:]
        """What happened since then."""

        self.panicked = any(
            isinstance(fact, Struck) and fact.fault is Fault.PANIC for fact in self.life
        )

        self.chain = Counter(row.event_id for row in state.chain)
        self.letters = Counter(letter.event_id for letter in state.dead_letters)
        self.places = self.chain | self.letters
        self.forgiven: set[str] = set()
        """What the volatile mode may have lost: all that was admitted before it fell."""
        if mode is Mode.VOLATILE:
            before = self.history[:fell]
            self.forgiven = {fact.event_id for fact in before if isinstance(fact, Submitted)}


def _exactly_once(case: _Case) -> Iterator[Violation]:
    """Nothing twice, nothing missing, nothing else."""
    possible = {each.event_id for each in case.submits if each.outcome is not Outcome.REFUSED}
    possible |= case.others
    known = {each.event_id for each in case.submits} | case.others
    chain, letters = case.chain, case.letters
    for event_id in case.places:
        if event_id not in known:
            yield Violation("DRN-1", f"{event_id} is there and was never submitted")
        elif event_id not in possible:
            yield Violation("DRN-2", f"{event_id} was refused and is there all the same")
        if chain[event_id] > 1:
            yield Violation("DRN-1", f"{event_id} is in the chain {chain[event_id]} times")
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
                )


def _unchanged(case: _Case) -> Iterator[Violation]:
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


def _numbered(case: _Case) -> Iterator[Violation]:
    """One, two, three."""
    for expected, row in enumerate(case.state.chain, start=1):
        if row.sequence != expected:
            yield Violation("CHN-1", f"{row.event_id} has number {row.sequence}, not {expected}")
            return


def _ordered(case: _Case) -> Iterator[Violation]:
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


def _kept(case: _Case) -> Iterator[Violation]:
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


def _positioned(case: _Case) -> Iterator[Violation]:
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


def _retried(case: _Case) -> Iterator[Violation]:
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
        exhausted = lost[letter.event_id] >= MAX_RACES
        if not exhausted and not permanent & {letter.event_id, None}:
            yield Violation("DRN-6", f"{letter.event_id} is dead-lettered without a lasting cause")


def _counted(case: _Case) -> Iterator[Violation]:
    """Every event is in exactly one counter, and it is the right one."""
    counters = case.state.counters
    if counters is None:
        return
    parts = (
        counters.refused
        + counters.pending
        + counters.chained
        + counters.dead_lettered
        + counters.lost
    )
    if counters.submitted != parts:
        yield Violation(
            "DRN-13",
            f"{counters.submitted} submitted, and the parts add up to {parts}: {counters}",
        )
    if case.mode is Mode.DURABLE and counters.lost:
        yield Violation("DRN-13", f"{counters.lost} lost in the durable mode")
    if not case.state.quiescent:
        return  # who has not been told how a commit ended cannot have counted it
    expected = _expected(case)
    missing = expected["pending"]
    found = {name: getattr(counters, name) for name in expected}
    found["pending"] += counters.lost
    if counters.lost > missing and case.panicked:
        # it gave up before it could look how its last commit had ended
        in_doubt = counters.lost - missing
        found |= {"pending": missing, "landed": found.pop("chained") + found.pop("dead_lettered")}
        landed = expected.pop("chained") + expected.pop("dead_lettered")
        expected["landed"] = landed - in_doubt
    for name, number in expected.items():
        if found[name] != number:
            yield Violation("DRN-13", f"{name} is {found[name]} and should be {number}")


def _expected(case: _Case) -> dict[str, int]:
    """Work out from the facts what each counter must say; what is lost counts as pending."""
    # given
    submits = [fact for fact in case.life if isinstance(fact, Submitted)]
    admitted = [each.event_id for each in submits if each.outcome is Outcome.ADMITTED]
    given = {*admitted, *case.began_with.spooled}

    # landed
    replayed = {
        event_id for fact in case.life if isinstance(fact, Replayed) for event_id in fact.event_ids
    }
    chain, letters = set(case.chain), set(case.letters)
    return {
        "submitted": len(submits) + len(case.began_with.spooled),
        "refused": len(submits) - len(admitted),
        "pending": sum(1 for each in given if each not in case.places),
        "chained": len(chain - {*case.began_with.chain, *case.others, *replayed}),
        "dead_lettered": len((letters | replayed) - {*case.began_with.dead_letters}),
    }


_QUESTIONS = (
    _exactly_once,
    _unchanged,
    _numbered,
    _ordered,
    _kept,
    _positioned,
    _retried,
    _counted,
)


def _drain_questions(drain: Drain, missing: Sequence[str], case: _Case) -> Iterator[Violation]:
    """A success is one, a failure names what is left, and nobody waits for nothing."""
    left = [each for each in missing if each not in case.forgiven]
    if drain.drained and left:
        yield Violation("DRN-12", f"drained, it said, and {left[0]} is nowhere yet")
    if not drain.drained and not drain.pending:
        yield Violation("DRN-12", "not drained, it said, and did not name what is left")
    unnamed = [each for each in left if each not in drain.pending]
    if not drain.drained and unnamed and len(drain.pending) < drain.named:
        yield Violation("DRN-12", f"{unnamed[0]} is left and not named")
    if drain.hopeless and not drain.at_once:
        yield Violation("DRN-12", "the drainer had given up, and the drain waited all the same")
