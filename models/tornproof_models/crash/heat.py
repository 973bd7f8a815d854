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
from tornproof_models.crash.enumerated import BuiltImages
from tornproof_models.crash.recovery import Outcome, judge
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Trace

UNKNOWN = Outcome(None, "no reply")
"""What came of an image that a subject left alone."""

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
    recovered = BuiltImages(subject, options, False, crash_model.floors.reboots)
    registers = Registers.of(trace.initial, crash_model.floors)
    for point, owed in points_of(trace, registers, crash_model):
        space = ImageSpace(registers, crash_model)
        possible = space.count()
        choices = list(space.choices() if possible <= MOST_IMAGES else space.sample(MOST_IMAGES, 0))
        images = [space.builder.build(choice) for choice in choices]
        recovered.recover({image.digest: image for image in images})
        endings = [recovered.endings.get(image.digest) for image in images]
        fails = [bool(judge(owed, each.outcome if each else UNKNOWN)) for each in endings]
        lost: dict[str, list[bool]] = {}
        for choice, failed in zip(choices, fails, strict=True):
            for name in space.describe_losses(choice):
                lost.setdefault(name.removesuffix(" lost"), []).append(failed)
        yield HeatRow(point, _share(fails), possible, {n: _share(each) for n, each in lost.items()})


def _share(fails: Sequence[bool]) -> Share:
    return Share(sum(fails), len(fails))
