"""
Judge the counters of a queue (DRN-13).

They partition, and each event is counted in the right one.  DRN-13 does not say when they
begin, nor what a replay does to them; so they may be those of this process or of all
processes since the store was made, and a dead letter that a replay has moved may stay
counted as one or count as chained.  Each of these is an account, and one must fit.
"""

from collections.abc import Iterator, Mapping

from tornproof_models.contract.delivery.case import Case
from tornproof_models.contract.delivery.facts import (
    Counters,
    Died,
    Mode,
    Outcome,
    Replayed,
    Submitted,
)
from tornproof_models.contract.journal import Violation

JUDGES = frozenset({"DRN-13"})
"""The requirement that `judge_counters` names."""


def judge_counters(case: Case) -> Iterator[Violation]:
    """Yield what is wrong with the counters: that they do not add up, or fit no account."""
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
    complaints = [[*_differences(case, counters, account)] for account in _accounts(case)]
    yield from min(complaints, key=len)


def _differences(case: Case, counters: Counters, account: Mapping[str, int]) -> Iterator[Violation]:
    """Yield in what counters differ from an account."""
    expected = dict(account)
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


def _accounts(case: Case) -> Iterator[Mapping[str, int]]:
    """Yield what the counters may say; what is lost counts as pending."""
    for facts, began in ((case.life, case.began_with), (case.history, Died((), ()))):
        submits = [fact for fact in facts if isinstance(fact, Submitted)]
        admitted = {each.event_id for each in submits if each.outcome is Outcome.ADMITTED}
        given = {*admitted, *began.spooled}
        times = sum(each.outcome is Outcome.ADMITTED for each in submits)
        refused = sum(each.outcome is Outcome.REFUSED for each in submits)
        unknown = [each.event_id for each in submits if each.outcome is Outcome.UNKNOWN]
        known = 0
        if facts is case.history:
            # of a submit that its process did not answer, a count that goes on may know
            known = sum(each in case.places for each in unknown)
        least = 0 if facts is case.history else len(unknown)
        for heard in range(least, len(unknown) - known + 1):
            for replayed in _replays(facts):
                chain, letters = set(case.chain), set(case.letters)
                yield {
                    "submitted": times + refused + known + heard + len(began.spooled),
                    "refused": refused + heard,
                    "pending": sum(each not in case.places for each in given),
                    "chained": len(chain - {*began.chain, *case.others, *replayed}),
                    "dead_lettered": len((letters | replayed) - {*began.dead_letters}),
                }


def _replays(facts: tuple[object, ...]) -> tuple[set[str], ...]:
    """Return the dead letters that are counted as such although a replay has moved them."""
    moved = {each for fact in facts if isinstance(fact, Replayed) for each in fact.event_ids}
    return (moved, set()) if moved else (set(),)
