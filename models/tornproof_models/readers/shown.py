"""
Cut the power after a reader has shown a record.

What a reader limited to durable records has shown must still be there, whatever
a crash leaves (RDR-6), and its place must not be given to another record
(SEG-9).  So at every moment at which a reader has shown more than before, every
image is recovered; what was shown must be in it; and a reader that goes on where
it was must see the rest, a record appended since included, and nothing twice.
"""

from collections.abc import Sequence

from attrs import define, field, frozen
from tornproof.errors import Trimmed

from tornproof_models.contract.journal import History, Record, Violation, describe
from tornproof_models.contract.reader import judge_recovery
from tornproof_models.crash.program import Sync
from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image
from tornproof_models.readers.following import Following
from tornproof_models.readers.programs import ConsumerRun, ConsumerStep, segments

PROBE_BYTES = 24


@frozen
class Resumed:
    """What became of an image, for a reader that goes on at an offset."""

    first: int
    recovered: tuple[Record, ...]
    expected: tuple[Record, ...]
    shown: tuple[Record, ...]
    """What the reader showed after the recovery."""


@define
class ShowingExplorer:
    """Crashes whatever a reader has just been shown, under one crash model."""

    crash_model: CrashModel
    images: int = 0
    """Images judged."""

    _outcomes: dict[tuple[int, int], Resumed | str] = field(factory=dict)
    _crashed: set[int] = field(factory=set)
    """Beginnings of traces, as hashes, that were crashed at their ends."""

    def explore(self, following: Following, program: Sequence[ConsumerStep]) -> list[Violation]:
        """Follow a program from its beginning; stop at the first bad image."""
        for step in program:
            following.step(step)
        shown = 0
        while following.pending and not following.violations:
            following.pass_by(1)
            following.look()
            if len(following.shown) != shown:
                shown = len(following.shown)
                following.violations += self._crash(following)
        return following.violations

    def _crash(self, following: Following) -> list[Violation]:
        beginning = hash(tuple(following.view.events))
        if beginning in self._crashed:
            return []
        self._crashed.add(beginning)
        space = ImageSpace.after(following.view.initial, following.view.events, self.crash_model)
        for choice in space.choices():
            self.images += 1
            outcome = self._resume(following, space.builder.build(choice))
            if violations := judge(following.shown, outcome):
                return violations
        return []

    def _resume(self, following: Following, image: Image) -> Resumed | str:
        key = (image.digest, following.position)
        if key not in self._outcomes:
            self._outcomes[key] = resume(following, image)
        return self._outcomes[key]


def judge(shown: Sequence[Record], outcome: Resumed | str) -> list[Violation]:
    """Judge what a crash has left of what was shown, and how the reader goes on."""
    if isinstance(outcome, str):
        return History().judge_error(outcome)
    violations = judge_recovery(shown, outcome.recovered, outcome.first)
    if outcome.shown != outcome.expected:
        after = [describe(record) for record in outcome.shown]
        message = f"after a crash and a recovery, the reader goes on with {after}"
        violations.append(Violation("RDR-5", message))
    return violations


def resume(following: Following, image: Image) -> Resumed | str:
    """Recover an image, append a record, and read on from where the reader was."""
    disk = ModelFilesystem(image)
    running = ConsumerRun(following.run.consumers, following.run.options, disk)
    recovered = running.open_unjudged()
    if isinstance(recovered, str):
        return recovered
    running.append(PROBE_BYTES)
    running.step(Sync())
    expected = tuple(record for record in running.appended if record[0] >= following.position)
    reader = following.readers.open(disk, durable_only=True)
    first = min(segments(disk), default=0)
    try:
        shown = tuple(reader.scan(following.position))
    except Trimmed:
        shown = expected if following.position < first else ()
    return Resumed(first, recovered, expected, shown)
