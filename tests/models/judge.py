"""The disk model, asked the same question as brute force."""

from functools import cache
from itertools import count, islice

from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Trace

from tests.models import brute_force
from tests.models.brute_force import BLOCK, SECTOR, Key
from tests.models.traces import random_run


def space_of(trace: Trace, crash_model: str) -> ImageSpace:
    """Return the images that a crash at the end of a trace may leave."""
    registers = Registers.of(
        trace.initial, CRASH_MODELS[crash_model].floors, sector_bytes=SECTOR, block_bytes=BLOCK
    )
    registers.replay(trace.events)
    return ImageSpace(registers, CRASH_MODELS[crash_model])


def images_of(space: ImageSpace) -> set[Key]:
    """Return the keys of all of them."""
    return {space.builder.build(choice).key for choice in space.choices()}


PROGRAMS = 1_000
"""How many random programs the model and brute force are compared on, in each crash model."""


@cache
def random_programs() -> list[Trace]:
    """Return the traces of random programs, without those that would take brute force long."""
    candidates = (random_run(seed).trace for seed in count())
    small = (trace for trace in candidates if space_of(trace, "recycled-blocks").count() <= 300)
    return list(islice(small, PROGRAMS))


@cache
def truth(number: int, crash_model: str) -> set[Key]:
    """Return all that one of them may leave, by brute force."""
    return brute_force.images(random_programs()[number], crash_model)
