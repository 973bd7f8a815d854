"""
Count the images that fail, by where the crash struck and by what it lost.

A finding is one image.  The heat of a program is all of them: a row for each crash point, and in
it, for each thing that may be lost there, how many of the images that have lost it break a
promise.  A column that fails everywhere names what is missing; a row in which all fails names
the promise that came too early.
"""

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from tornproof_models.crash.crash_points import points_of
from tornproof_models.crash.recovery import Outcome, judge, recover
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Image, Trace

MOST_IMAGES = 512
"""Images of one crash point up to which all are judged; of more, so many are drawn at random."""


@frozen
class Share:
    """How many of some images fail."""

    failing: int
    images: int


@frozen
class HeatRow:
    """One crash point."""

    point: int
    """After how many events the crash strikes."""

    share: Share
    """Of all images that were judged here."""

    possible: int
    """Images that there are, by their count."""

    lost: Mapping[str, Share]
    """Of those that have lost a thing, by its name."""


def heat(
    subject: Subject, options: Options, trace: Trace, crash_model: CrashModel
) -> Iterator[HeatRow]:
    """Judge the images of each crash point of a trace, each distinct one recovered once."""
    outcomes: dict[int, Outcome] = {}
    registers = Registers.of(trace.initial, crash_model.floors)
    for point, owed in points_of(trace, registers, crash_model):
        space = ImageSpace(registers, crash_model)
        possible = space.count()
        choices = list(space.choices() if possible <= MOST_IMAGES else space.sample(MOST_IMAGES, 0))
        images = [space.builder.build(choice) for choice in choices]
        new = {image.digest: image for image in images if image.digest not in outcomes}
        outcomes |= zip(new, _recovered(subject, options, list(new.values())), strict=True)
        fails = [bool(judge(owed, outcomes[image.digest])) for image in images]
        lost: dict[str, list[bool]] = {}
        for choice, failed in zip(choices, fails, strict=True):
            for name in space.describe_losses(choice):
                lost.setdefault(name.removesuffix(" lost"), []).append(failed)
        yield HeatRow(point, _share(fails), possible, {n: _share(each) for n, each in lost.items()})


def _share(fails: Sequence[bool]) -> Share:
    return Share(sum(fails), len(fails))


def _recovered(subject: Subject, options: Options, images: Sequence[Image]) -> list[Outcome]:
    """Let a subject recover images, here or in the process that it is."""
    if hasattr(subject, "recover_images"):
        came = subject.recover_images(images, options)
        unknown = Outcome(None, "no reply")
        return [unknown if each is None else each.outcome for each in came]
    return [recover(subject, options, ModelFilesystem(image)).outcome for image in images]
