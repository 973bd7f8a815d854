"""
The same outcomes, found in three ways: `python -m tests.models.three_ways`.

Lazily, the explorer splits the images of a crash by what a recovery asks.  Plainly, it
builds each.  Brute force knows nothing of either.  What recoveries come to must be the
same set in all three, on random traces of all sizes, up to the 65,536 images of which
the explorer judges every one.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import count
from time import process_time
from unittest.mock import patch

import click
from attrs import define, field, frozen
from tornproof_models.contract.journal import History
from tornproof_models.crash import crash_judge
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.recovery import Outcome, Recovered, recover
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Image, Trace

from tests.models import brute_force
from tests.models.brute_force import BLOCK, SECTOR
from tests.models.judge import space_of
from tests.models.traces import random_run
from tests.models.wanderer import Wandered, Wanderer

SECTORS = 14
"""How many sectors a program may write or cut: some then have a million images, most have few."""

SIZES = 16
"""A trace of size n has from 2^n to 2^(n + 1) images in the harshest crash model: 0 to 15."""

ALL = (63,) * SIZES
"""Traces of each size: 1,008 together, 252 of them with more than 2^12 images."""

SHARE = (8,) * 12 + (1,) * 4
"""As many as the tests have time for: 100, the largest with more than 2^15 images."""


@frozen
class TraceCase:
    """A random trace, and how many images its end has in the harshest crash model."""

    seed: int
    trace: Trace
    images: int


@cache
def subjects(numbers: tuple[int, ...]) -> dict[int, list[TraceCase]]:
    """Return random traces by size, so many of each, in the order in which they are found."""
    found: dict[int, list[TraceCase]] = {size: [] for size in range(len(numbers))}
    for seed in count():
        trace = random_run(seed, SECTORS).trace
        images = space_of(trace, "recycled-blocks").count()
        size = images.bit_length() - 1
        if size in found and len(found[size]) < numbers[size]:
            found[size].append(TraceCase(seed, trace, images))
        if all(len(found[size]) == number for size, number in enumerate(numbers)):
            break
    return found


@define
class SmallBlocks(Explorer):
    """An explorer of disks with blocks as small as those of brute force."""

    def _registers(self, trace: Trace) -> Registers:
        floors = self.crash_model.floors
        return Registers.of(trace.initial, floors, sector_bytes=SECTOR, block_bytes=BLOCK)


@define
class Remembering:
    """Recovers an image once, and says what it came to when the same image comes again."""

    target: Wanderer
    name: str = "remembering"
    remembered: dict[int, Recovered] = field(factory=dict)

    def open(self, filesystem: ModelFilesystem, options: Options) -> Wandered:
        """Recover a disk."""
        return self.target.open(filesystem, options)

    def recover_images(
        self, images: Sequence[Image], options: Options, *, reboots: bool = True
    ) -> list[Recovered]:
        """Recover images, to which it makes no difference whether the machine has started again."""
        del reboots
        new = {image.digest: image for image in images if image.digest not in self.remembered}
        for digest, image in new.items():
            self.remembered[digest] = recover(self.target, options, ModelFilesystem(image))
        return [self.remembered[image.digest] for image in images]


def explored(trace: Trace, crash_model: str, target: Subject, *, lazy: bool) -> set[Outcome]:
    """Explore a crash at the end of a trace, and collect what the contract is asked about."""
    outcomes = set[Outcome]()

    def judge(_: History, outcome: Outcome) -> list[object]:
        outcomes.add(outcome)
        return []

    explorer = SmallBlocks(
        target, Options(), CRASH_MODELS[crash_model], depth=1, sector_bytes=SECTOR, lazy=lazy
    )
    with patch.object(crash_judge, "judge", judge):
        explorer.explore(trace, since=len(trace.events))
    assert explorer.coverage.complete
    assert explorer.coverage.images == space_of(trace, crash_model).count()
    return outcomes


def differing(subject: TraceCase) -> Iterator[str]:
    """Yield each crash model in which not all three ways find the same."""
    trace, wanderer = subject.trace, Wanderer(subject.seed % 256)
    remembering = Remembering(wanderer)
    for crash_model in CRASH_MODELS:
        keys = brute_force.images(trace, crash_model)
        images = [
            Image(
                {path: content for path, content in key if content is not None},
                frozenset(path for path, content in key if content is None),
            )
            for key in keys
        ]
        recovered = remembering.recover_images(images, Options())
        expected = {each.outcome for each in recovered}
        plainly = explored(trace, crash_model, remembering, lazy=False)
        # nothing is left open where a block may hold what nobody has looked at in it
        lazily = (
            explored(trace, crash_model, wanderer, lazy=True) if crash_model in CLAIMED else plainly
        )
        if not expected == lazily == plainly:
            yield crash_model


@click.command
@click.option("--share", is_flag=True, help="Only the share of them that the tests compare.")
def main(share: bool) -> None:
    """Compare the outcomes of all traces in every crash model, and say how many there were."""
    began = process_time()
    chosen = [each for several in subjects(SHARE if share else ALL).values() for each in several]
    for each in chosen:
        if different := ", ".join(differing(each)):
            raise click.ClickException(f"trace {each.seed} in {different}: {each.trace}")
    images = [each.images for each in chosen]
    click.echo(
        f"{len(chosen):,} traces, {sum(number > 1 << 12 for number in images)} of them with more "
        f"than 4,096 images, the largest with {max(images):,}, {sum(images):,} in all: in each of "
        f"{len(CRASH_MODELS)} crash models the same outcomes in all three ways; "
        f"{process_time() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
