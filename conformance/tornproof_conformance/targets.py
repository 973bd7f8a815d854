"""
What is judged: the built-in reference, a miniature, and later any adapter.
"""

from collections.abc import Mapping
from importlib.metadata import version

from attrs import frozen
from tornproof.errors import Invalid
from tornproof.filesystem import Filesystem
from tornproof.journal import Cursor, Journal, JournalReader
from tornproof.journal.cursor import read_cursors
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.explore.workload import DIRECTORY, Options, Target
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


def find_target(name: str) -> Target:
    """
    Return the target of a name: `reference`, or that of a miniature.

    Raises `Invalid` for any other, with the names there are.
    """
    if name == "reference":
        return ReferenceTarget()
    if name in MINIATURES:
        return MiniatureTarget(name, MINIATURES[name])
    raise Invalid(
        f"no target {name!r}: it is `reference` or a miniature; `tornproof list miniatures` "
        "shows them"
    )
