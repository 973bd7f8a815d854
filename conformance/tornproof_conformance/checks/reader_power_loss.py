"""
An exercise of readers: what they show of their own accord no loss of power may take.

It takes an adapter that is recorded.  A writer appends what need not be durable yet, and a
reader in another process looks at it; then every image that a crash may leave at that
moment is recovered, and what was shown must be in it.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol, cast

from tornproof_models.contract.journal import Record, Violation, describe
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.recovery import Recovered
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED, PROFILES
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image, Trace

from tornproof_conformance.adapter.adapter_subject import AdapterTarget
from tornproof_conformance.adapter.blame import blame

OPTIONS = Options(4096, "eventual")
IMAGES = 64
"""Images of one moment and profile that are recovered; most moments have fewer."""


class Recovering(Protocol):
    """An adapter that recovers images."""

    def recover_images(
        self, images: Sequence[Image], options: Options
    ) -> Sequence[Recovered | None]:
        """Recover images, and return what became of each, if anything is known."""
        ...


def show_what_lasts(target: AdapterTarget, _: Sequence[str] = ()) -> Iterator[Violation]:
    """Look at a journal before and after something durable, and cut the power each time."""
    yield from blame("RDR-6", _look(target))


def _look(target: AdapterTarget) -> Iterator[Violation]:
    disk = target.new_disk()
    journal = target.open(disk, OPTIONS)
    reader = target.open_reader(disk, durable_only=True)
    for number, durability in enumerate(("eventual", "immediate", "eventual")):
        journal.options = Options(OPTIONS.segment_bytes, durability)
        journal.append(grow_payload(30, number))
        shown = list(reader.scan())
        for found in _taken(target, disk.trace, shown):
            yield found
            return


def _taken(target: AdapterTarget, trace: Trace, shown: Sequence[Record]) -> Iterator[Violation]:
    """Yield which of the records that were shown a crash at the end of a trace can take."""
    for name in CLAIMED:
        space = ImageSpace.after(trace.initial, trace.events, PROFILES[name])
        images = [space.builder.build(choice) for choice in islice(space.choices(), IMAGES)]
        for outcome in cast("Recovering", target).recover_images(images, OPTIONS):
            if outcome is None:
                continue
            if outcome.records is None:
                message = f"a reader has looked, and after a power loss ({name}) "
                yield Violation("RDR-6", f"{message}the journal does not open: {outcome.error}")
                return
            for record in shown:
                if record not in outcome.records:
                    message = f"a reader has shown {describe(record)}, which a power loss ({name})"
                    yield Violation("RDR-6", f"{message} takes")
                    return
