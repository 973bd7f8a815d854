"""The disk model, asked the same question as brute force."""

from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.profiles import PROFILES
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Trace

from tests.models.brute_force import Key
from tests.models.versions import BLOCK, SECTOR


def space_of(trace: Trace, profile: str) -> ImageSpace:
    """Return the images that a crash at the end of a trace may leave."""
    registers = Registers.of(
        trace.initial, PROFILES[profile].floors, sector_bytes=SECTOR, block_bytes=BLOCK
    )
    registers.replay(trace.events)
    return ImageSpace(registers, PROFILES[profile])


def images_of(space: ImageSpace) -> set[Key]:
    """Return the keys of all of them."""
    return {space.builder.build(choice).key for choice in space.choices()}
