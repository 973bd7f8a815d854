"""
Name the requirements that one look at a queue could have shown violated.

A verdict of *holds* rests on how often a requirement was at stake: where no race was lost,
nothing has been seen of how many retries an event has.
"""

from collections.abc import Iterable

from tornproof_models.contract.delivery.facts import (
    Died,
    Fact,
    Fault,
    Outcome,
    Replayed,
    Seen,
    State,
    Struck,
    Submitted,
)

JUDGES = frozenset(
    {
        *("CHN-1", "DRN-1", "DRN-2", "DRN-4", "DRN-5", "DRN-6", "DRN-8", "DRN-9"),
        *("DRN-12", "DRN-13", "DRN-15", "DRN-17"),
    }
)
"""The requirements whose premises `at_stake` knows."""


def at_stake(history: Iterable[Fact], state: State, *, races: int = 0) -> frozenset[str]:
    """
    Name the requirements whose premise was met, given how many races were lost.

    A fault that was armed may not have struck; what it leaves in the tables shows that it did.
    """
    facts = tuple(history)
    admitted = [
        each for each in facts if isinstance(each, Submitted) and each.outcome is Outcome.ADMITTED
    ]
    landed = len(state.chain) + len(state.dead_letters)
    seen = [each for each in facts if isinstance(each, Seen | Died)]
    replayed = any(isinstance(each, Replayed) and each.event_ids for each in facts)
    met = {
        "DRN-1": bool(admitted),
        "DRN-2": any(isinstance(e, Submitted) and e.outcome is Outcome.REFUSED for e in facts),
        "DRN-4": races > 0,
        "DRN-5": bool(state.dead_letters),
        "DRN-6": races > 0 or bool(state.dead_letters) or replayed,
        "DRN-8": Struck(Fault.PANIC) in facts and landed > 0,
        "DRN-9": len(state.chain) > 1 and len(admitted) > 1,
        "DRN-12": bool(admitted),
        "DRN-13": state.counters is not None and bool(admitted),
        "DRN-15": bool(state.dead_letters) or replayed,
        "DRN-17": any(each.chain or each.dead_letters for each in seen),
        "CHN-1": len(state.chain) > 1,
    }
    return frozenset(requirement for requirement, is_met in met.items() if is_met)
