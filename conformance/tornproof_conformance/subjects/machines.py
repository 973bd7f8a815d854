"""
The state machines by name, and the subjects that each judges.

A machine is made for what it judges: the reference, or a miniature that it is
there to convict.  To have another one take part in fuzzing, add it to
`MACHINES`; all that is asked of it is to raise `Violated`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from attrs import frozen
from hypothesis.stateful import RuleBasedStateMachine
from tornproof.audit import AuditIndexer
from tornproof.errors import Invalid
from tornproof_models.contract.delivery import Mode
from tornproof_models.crash.subject import JournalUnderTest, Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.machines import drainer_machine
from tornproof_models.machines.audit_machine import ReferenceStore, StoreFactory, audit_machine
from tornproof_models.machines.batcher_machine import batcher_machine
from tornproof_models.machines.batching_situations import ReferenceBatcher
from tornproof_models.machines.cursor_machine import ReferenceConsumers, cursor_machine
from tornproof_models.machines.group_commit_machine import GroupCommitMachine
from tornproof_models.machines.indexer_machine import IndexerFactory, audit_indexer_machine
from tornproof_models.machines.reader_machine import ReferenceReader, reader_machine
from tornproof_models.machines.reference_queue import ReferenceQueue
from tornproof_models.machines.system_machine import system_machine
from tornproof_models.miniatures import drainer_miniatures as drainer_miniatures
from tornproof_models.miniatures.audit_miniatures import INDEXERS, MINIATURES

Machine: TypeAlias = type[RuleBasedStateMachine]

EVENTUAL = Options(durability="eventual")
"""The level at which readers and cursors see most that is not yet durable."""

STORES: Mapping[str, StoreFactory] = {"reference": ReferenceStore, **MINIATURES}
INDEXERS_UNDER_TEST: Mapping[str, IndexerFactory] = {"reference": AuditIndexer, **INDEXERS}


def _drainer(crash_model: Mode) -> Machine:
    return drainer_machine.machine(partial(ReferenceQueue, crash_model), crash_model)


MACHINES: Mapping[str, Mapping[str, Callable[[], Machine]]] = {
    "cursor-machine": {"reference": partial(cursor_machine, ReferenceConsumers(), EVENTUAL)},
    "reader-machine": {
        "reference": partial(
            reader_machine, ReferenceConsumers(), ReferenceReader(), EVENTUAL, durable_only=True
        )
    },
    "group-commit-machine": {"reference": lambda: GroupCommitMachine},
    "batcher-machine": {"reference": partial(batcher_machine, ReferenceBatcher.of)},
    "audit-machine": {name: partial(audit_machine, store) for name, store in STORES.items()},
    "indexer-machine": {
        name: partial(audit_indexer_machine, indexer)
        for name, indexer in INDEXERS_UNDER_TEST.items()
    },
    "drainer-machine": {
        "reference": partial(_drainer, Mode.DURABLE),
        **{
            name: partial(drainer_machine.machine, queue, Mode.DURABLE)
            for name, queue in drainer_miniatures.MINIATURES.items()
        },
    },
    "volatile-drainer-machine": {"reference": partial(_drainer, Mode.VOLATILE)},
    "system-machine": {"reference": system_machine},
}
"""Each machine, with what it can judge: by the name of a subject, what makes it."""


@frozen
class MachineSubject:
    """A subject that is no journal: its name is all that a machine needs."""

    name: str

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Raise `Invalid`."""
        del filesystem, options
        raise Invalid(f"{self.name} is no journal: only a machine can judge it")


def machines_of(subject: str) -> tuple[str, ...]:
    """Name the machines that can judge a subject."""
    return tuple(name for name, judged in MACHINES.items() if subject in judged)


def make_machine(name: str, subject: str) -> Machine:
    """Make a machine for a subject; raise `Invalid` if there is no such machine or subject."""
    if name not in MACHINES:
        raise Invalid(f"no machine {name!r}: there are {', '.join(MACHINES)}")
    judged = MACHINES[name]
    if subject not in judged:
        raise Invalid(f"{name} cannot judge {subject!r}: it judges {', '.join(judged)}")
    return judged[subject]()
