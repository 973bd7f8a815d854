"""
The state machines that judge more than a journal, by name.

A machine is made for what is judged: the reference, or one of the miniatures
that it is there to convict.  To add a machine, add a line to `MACHINES`; its
failures must be among `searching.FAILURES`.
"""

from collections.abc import Callable, Mapping

from attrs import frozen
from hypothesis.stateful import RuleBasedStateMachine
from tornproof.audit import AuditIndexer
from tornproof.errors import Invalid
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.explore.workload import JournalUnderTest, Options
from tornproof_models.machines.audit import ReferenceStore, StoreFactory, audit_machine
from tornproof_models.machines.audit_indexer import IndexerFactory, audit_indexer_machine
from tornproof_models.miniatures.audit import INDEXERS, MINIATURES

STORES: Mapping[str, StoreFactory] = {"reference": ReferenceStore, **MINIATURES}
INDEXERS_UNDER_TEST: Mapping[str, IndexerFactory] = {"reference": AuditIndexer, **INDEXERS}

MACHINES: Mapping[str, tuple[Mapping[str, object], Callable[..., type[RuleBasedStateMachine]]]] = {
    "audit-machine": (STORES, audit_machine),
    "indexer-machine": (INDEXERS_UNDER_TEST, audit_indexer_machine),
}
"""Each machine, with what it can judge: by the name of a target, what makes it."""


@frozen
class MachineTarget:
    """A target that is no journal: its name is all that a machine needs."""

    name: str

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Raise `Invalid`."""
        del filesystem, options
        raise Invalid(f"{self.name} is no journal: only a machine can judge it")


def machines_of(target: str) -> tuple[str, ...]:
    """Name the machines that can judge a target."""
    return tuple(name for name, (judged, _) in MACHINES.items() if target in judged)


def make_machine(name: str, target: str) -> type[RuleBasedStateMachine]:
    """Make a machine for a target; raise `Invalid` if there is no such machine or target."""
    if name not in MACHINES:
        raise Invalid(f"no machine {name!r}: there are {', '.join(MACHINES)}")
    judged, make = MACHINES[name]
    if target not in judged:
        raise Invalid(f"{name} cannot judge {target!r}: it judges {', '.join(judged)}")
    return make(judged[target])
