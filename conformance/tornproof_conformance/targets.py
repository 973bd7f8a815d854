"""
What is judged: the built-in reference, a miniature, and later any adapter.
"""

from attrs import frozen
from tornproof.errors import Invalid
from tornproof.journal import Journal
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.explore.workload import DIRECTORY, JournalUnderTest, Options, Target
from tornproof_models.miniatures.journal import MINIATURES, MiniatureTarget


@frozen
class ReferenceTarget:
    """The journal of this project, in this process."""

    name: str = "reference"

    def open(self, filesystem: ModelFilesystem, options: Options) -> JournalUnderTest:
        """Open the reference journal on a simulated disk."""
        return Journal.open(
            DIRECTORY,
            segment_bytes=options.segment_bytes,
            durability=options.durability,
            max_payload=options.max_payload,
            filesystem=filesystem,
        )


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
