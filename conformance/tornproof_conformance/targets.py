"""
What is judged: the built-in reference, a miniature, and later any adapter.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version

from attrs import frozen
from tornproof.errors import Invalid
from tornproof.filesystem import Filesystem
from tornproof.journal import Cursor, Journal, JournalReader
from tornproof.journal.cursor import read_cursors
from tornproof_models.contract.delivery import Profile
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.explore import deliveries
from tornproof_models.explore.schedules import Exploration
from tornproof_models.explore.workload import DIRECTORY, JournalUnderTest, Options, Target
from tornproof_models.machines.chain import ReferenceChain
from tornproof_models.machines.drainer import ReferenceQueue
from tornproof_models.machines.drainer_schedules import explore_drainer
from tornproof_models.miniatures import drainer
from tornproof_models.miniatures.deferred_audit_v07 import DeferredAuditV07
from tornproof_models.miniatures.journal import MINIATURES, MiniatureTarget

from tornproof_conformance.events import Implementation


@frozen
class ReferenceTarget:
    """The journal of this project, in this process."""

    name: str = "reference"

    @property
    def implementation(self) -> Implementation:
        """What reports say of it."""
        return Implementation(self.name, version("tornproof"), "Python")

    def open(self, filesystem: ModelFilesystem, options: Options) -> Journal:
        """Open the reference journal on a simulated disk."""
        return Journal.open(
            DIRECTORY,
            segment_bytes=options.segment_bytes,
            durability=options.durability,
            max_payload=options.max_payload,
            filesystem=filesystem,
        )

    def open_reader(self, filesystem: Filesystem, *, durable_only: bool) -> JournalReader:
        """Open a reader beside it."""
        return JournalReader(DIRECTORY, durable_only=durable_only, filesystem=filesystem)

    def open_cursor(self, filesystem: Filesystem, name: str) -> Cursor:
        """Open a cursor of it."""
        return Cursor.open(DIRECTORY, name, filesystem=filesystem)

    def positions(self, filesystem: Filesystem) -> Mapping[str, int]:
        """Read every cursor."""
        return read_cursors(filesystem, DIRECTORY)

    def open_queue(self, profile: Profile) -> ReferenceQueue:
        """Make a deferred queue, with a database and a spool in memory."""
        return ReferenceQueue(profile)

    def walk_schedules(self, *, events: int, falls: int, faults: int) -> Exploration:
        """Walk every schedule of the drainer within these bounds."""
        return explore_drainer(events=events, falls=falls, faults=faults)

    def open_chain(self) -> ReferenceChain:
        """Make a chain in a database in memory."""
        return ReferenceChain()


@frozen
class QueueMiniature:
    """A deferred queue that is wrong on purpose; it is no journal."""

    name: str
    _make: Callable[[], deliveries.Target]

    claims: frozenset[str] = frozenset({Profile.DURABLE.value})

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Raise `Invalid`."""
        del filesystem, options
        raise Invalid(f"{self.name} is no journal")

    def open_queue(self, profile: Profile) -> deliveries.Target:
        """Make the queue, which promises what the durable profile does."""
        del profile
        return self._make()


QUEUES: Mapping[str, Callable[[], deliveries.Target]] = {
    **drainer.MINIATURES,
    DeferredAuditV07.name: DeferredAuditV07,
}
"""The miniatures of queues, and the design of v0.7, judged by what the durable profile asks."""


def find_target(name: str) -> Target:
    """
    Return the target of a name: `reference`, or that of a miniature.

    Raises `Invalid` for any other, with the names there are.
    """
    if name == "reference":
        return ReferenceTarget()
    if name in MINIATURES:
        return MiniatureTarget(name, MINIATURES[name])
    if name in QUEUES:
        return QueueMiniature(name, QUEUES[name])
    raise Invalid(
        f"no target {name!r}: it is `reference` or a miniature; `tornproof list miniatures` "
        "shows them"
    )
