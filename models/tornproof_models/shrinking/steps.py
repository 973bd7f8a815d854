"""
Simpler replacements for a step of a program.

Sizes give way to a few that everybody knows, faults to those that come sooner and
do less, crashes to milder ones.  Each proposal is smaller in one fixed order, so
that shrinking by them comes to an end.
"""

from collections.abc import Iterator

from tornproof_models.crash.program import (
    Append,
    Batch,
    Content,
    Crash,
    DropHead,
    DropTail,
    Fail,
    Interrupt,
    Kill,
    KillAt,
    Program,
    Step,
    Submit,
)
from tornproof_models.crash.run import Run, run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.faults import Fault
from tornproof_models.disk.images import ImageSpace

SIZES = (5, 24, 88, 256, 472, 600, 1200)
"""
Payload sizes to shrink to, in bytes.

A frame of 24 bytes fills an eighth of a sector, one of 472 a whole one, and one of
600 spans two; below four bytes two payloads could be equal.
"""

ENDS = 128
"""Images of a crash that are proposed from either end of their numbers, at most."""


def simpler_steps(
    subject: Subject, options: Options, program: Program, position: int
) -> Iterator[Step]:
    """Yield what may stand for a step of a program, the simplest first."""
    match program[position]:
        case Append(size, content):
            if content is not Content.RANDOM:
                yield Append(size)
            yield from (Append(smaller, content) for smaller in SIZES if smaller < size)
        case Submit(sizes) if len(sizes) > 1:
            yield Append(sizes[0])
            yield Submit(sizes[: len(sizes) - 1])
        case Batch(sizes) if len(sizes) > 2:
            yield Batch(sizes[:2])
        case DropTail(count) if count > 1:
            yield DropTail(1)
        case DropHead(count) if count > 1:
            yield DropHead(1)
        case Interrupt(sizes, answers, microseconds):
            yield Kill()
            if microseconds:
                yield Interrupt(sizes, answers)
            if len(sizes) > 1:
                fewer = sizes[: len(sizes) // 2]
                yield Interrupt(fewer, min(answers, len(fewer)), microseconds)
            smaller = tuple(min(size, SIZES[-1]) for size in sizes)
            if smaller != sizes:
                yield Interrupt(smaller, answers, microseconds)
        case KillAt(nth, is_after):
            yield from (KillAt(sooner, is_after) for sooner in range(1, nth))
        case Fail(nth, fault):
            faults = tuple(Fault)
            for simpler in faults[: faults.index(fault) + 1]:
                for sooner in range(1, nth + (simpler is not fault)):
                    yield Fail(sooner, simpler)
        case Crash() as crash:
            yield Kill()
            running = run(program[:position], subject, options)
            if running.journal is not None:
                yield from _milder(running, crash)


def _milder(running: Run, crash: Crash) -> Iterator[Crash]:
    """Yield the same crash by smaller numbers, then milder, smaller and earlier ones."""
    point = min(crash.point, len(running.filesystem.events))
    space = running.images(crash.crash_model, point)
    image = crash.image % space.count()
    if (point, image) != (crash.point, crash.image):
        yield Crash(crash.crash_model, point, image)
    present = _size(space, image)
    harshness = CRASH_MODELS[crash.crash_model].harshness
    for crash_model in (name for name in CLAIMED if CRASH_MODELS[name].harshness < harshness):
        for _, number in _by_size(running.images(crash_model, point)):
            yield Crash(crash_model, point, number)
    for size, number in _by_size(space):
        if size < present:
            yield Crash(crash.crash_model, point, number)
    for earlier in range(point):
        for size, number in _by_size(running.images(crash.crash_model, earlier)):
            if size <= present:
                yield Crash(crash.crash_model, earlier, number)


def _by_size(space: ImageSpace) -> list[tuple[tuple[int, int], int]]:
    """Pair each image's size with its number, the smallest first."""
    count = space.count()
    numbers = sorted({*range(min(count, ENDS)), *range(max(count - ENDS, 0), count)})
    return sorted((_size(space, number), number) for number in numbers)


def _size(space: ImageSpace, number: int) -> tuple[int, int]:
    """Say how much a crash did: deviations, and bytes that differ."""
    choice = space.unrank(number)
    image = space.builder.build(choice)
    return space.deviations(choice), image.difference(space.builder.build(space.all_kept))
