"""
Exercises: what an adapter is put through besides programs, scenarios and images.

An exercise is a function of an adapter and a few words.  The words are all it
takes to do it again, so a reproducer holds them.

- `conversation`: every operation that is claimed, once
- `audit-vector`: one frozen vector of the audit index
- `audit-programs`: random puts, questions and kills, from a seed
- `delivery`: events through the drainer, with faults armed
- `queue-situation`: a drainer that is killed, closed, refused or given up
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from tornproof.errors import Invalid
from tornproof_models.contract.journal import Violation
from tornproof_models.explore.workload import Target

from tornproof_conformance.adapter.audits import try_audit_programs, try_audit_vector
from tornproof_conformance.adapter.conversation import converse
from tornproof_conformance.adapter.deliveries import deliver
from tornproof_conformance.adapter.queue_situations import put_into_situation
from tornproof_conformance.adapter.target import AdapterTarget

Exercise: TypeAlias = Callable[[AdapterTarget, Sequence[str]], Iterator[Violation]]

EXERCISES: Mapping[str, Exercise] = {
    "conversation": converse,
    "audit-vector": try_audit_vector,
    "audit-programs": try_audit_programs,
    "delivery": deliver,
    "queue-situation": put_into_situation,
}
"""Every exercise by name."""


def exercise(name: str, target: Target, arguments: Sequence[str]) -> list[Violation]:
    """
    Put an adapter through an exercise and return what it violates.

    Raises `Invalid` for a target that is no adapter.
    """
    if not isinstance(target, AdapterTarget):
        raise Invalid(f"{target.name} is no adapter: {name} is an exercise for adapters")
    return list(EXERCISES[name](target, arguments))
