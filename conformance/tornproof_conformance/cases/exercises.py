"""
Exercises: what an adapter is put through besides programs, scenarios and images.

An exercise is a function of an adapter and a few words.  The words are all it
takes to do it again, so a reproducer holds them.

- `conversation`: every operation that is claimed, once
- `audit-vector`: one frozen vector of the audit index
- `audit-programs`: random puts, questions and kills, from a seed
- `delivery`: events through the drainer, with faults armed
- `queue-situation`: a drainer that is killed, closed, refused or given up
- `queue-power-loss`: a drainer, recorded, and its power cut everywhere
- `memory`: what opening a long journal takes

Some take an adapter that is recorded:

- `shared-syncs`, `close-together`, `fail-together`: a crowd that shares its syncs
- `show-what-lasts`: a reader, and a loss of power after what it has shown
- `audit-power`: puts into an audit index, and a loss of power wherever it matters
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from tornproof.errors import Invalid
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Target

from tornproof_conformance.adapter.adapter_subject import AdapterTarget
from tornproof_conformance.checks.adapter_audits import try_audit_programs, try_audit_vector
from tornproof_conformance.checks.audit_power_loss import cut_power_of_index
from tornproof_conformance.checks.conversation import converse
from tornproof_conformance.checks.crowds import close_together, fail_together, share_syncs
from tornproof_conformance.checks.deliveries import deliver
from tornproof_conformance.checks.queue_power_loss_cuts import lose_power
from tornproof_conformance.checks.queue_situations import put_into_situation
from tornproof_conformance.checks.reader_power_loss import show_what_lasts
from tornproof_conformance.checks.recovery_memory import measure_memory

Exercise: TypeAlias = Callable[[AdapterTarget, Sequence[str]], Iterator[Violation]]

EXERCISES: Mapping[str, Exercise] = {
    "conversation": converse,
    "audit-vector": try_audit_vector,
    "audit-programs": try_audit_programs,
    "delivery": deliver,
    "queue-situation": put_into_situation,
    "queue-power-loss": lose_power,
    "memory": measure_memory,
    "shared-syncs": share_syncs,
    "close-together": close_together,
    "fail-together": fail_together,
    "show-what-lasts": show_what_lasts,
    "audit-power": cut_power_of_index,
}
"""Every exercise by name."""

RECORDED = frozenset(
    {"shared-syncs", "close-together", "fail-together", "show-what-lasts", "audit-power"}
)
"""Exercises of an adapter that is recorded."""


def exercise(name: str, target: Target, arguments: Sequence[str]) -> list[Violation]:
    """
    Put an adapter through an exercise and return what it violates.

    Raises `Invalid` for a target that is no adapter.
    """
    if not isinstance(target, AdapterTarget):
        raise Invalid(f"{target.name} is no adapter: {name} is an exercise for adapters")
    return list(EXERCISES[name](target, arguments))
