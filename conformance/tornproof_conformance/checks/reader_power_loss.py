"""
Power loss after a reader has shown a record.

The adapter is recorded.  A writer appends records that need not be durable yet, and a
reader in another process shows them; then every image that a crash may leave at that
moment is recovered, and what was shown must be in it.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol, cast

from tornproof_models.contract.journal import Record, Violation, describe
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.recovery import Recovered
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image, Trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.blame import blame
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.recorded import crash_models_of, try_recorded
from tornproof_conformance.scenarios.scenario import READER, WATERMARK, claims
from tornproof_conformance.stream.run_events import Progress

DURABLE_ONLY = "RDR-6"
OPENS = "REC-1"

OPTIONS = Options(4096, "eventual")
IMAGES = 64
"""Images of one moment and crash model that are recovered; most moments have fewer."""


class Recovering(Protocol):
    """An adapter that recovers images."""

    def recover_images(
        self, images: Sequence[Image], options: Options
    ) -> Sequence[Recovered | None]:
        """Recover images, and return what became of each, if anything is known."""
        ...


@exercise("show-what-lasts", recorded=True)
def show_what_lasts(subject: AdapterSubject, arguments: Sequence[str] = ()) -> Iterator[Violation]:
    """Look at a journal before and after something durable, and cut the power each time."""
    yield from blame(DURABLE_ONLY, _look(subject, crash_models_of(arguments)))


def _look(subject: AdapterSubject, crash_models: Sequence[str]) -> Iterator[Violation]:
    disk = subject.new_disk()
    journal = subject.open(disk, OPTIONS)
    reader = subject.open_reader(disk, durable_only=True)
    for number, durability in enumerate(("eventual", "immediate", "eventual")):
        journal.options = Options(OPTIONS.segment_bytes, durability)
        journal.append(grow_payload(30, number))
        shown = list(reader.scan())
        for found in _taken(subject, disk.trace, shown, crash_models):
            yield found
            return


def _taken(
    subject: AdapterSubject, trace: Trace, shown: Sequence[Record], crash_models: Sequence[str]
) -> Iterator[Violation]:
    """Yield which of the records that were shown a crash at the end of a trace can take."""
    for name in crash_models:
        space = ImageSpace.after(trace.initial, trace.events, CRASH_MODELS[name])
        images = [space.builder.build(choice) for choice in islice(space.choices(), IMAGES)]
        for outcome in cast("Recovering", subject).recover_images(images, OPTIONS):
            if outcome is None:
                continue
            if outcome.records is None:
                message = f"recovery failed after a legal crash ({name}): {outcome.error}"
                yield Violation(OPENS, message)
                return
            for record in shown:
                if record not in outcome.records:
                    message = f"a reader has shown {describe(record)}; a power loss took it"
                    yield Violation(DURABLE_ONLY, f"{message} ({name})")
                    return


NAME = "reading"


def _promises(subject: Subject) -> bool:
    """Tell whether RDR-6 applies: without a watermark, a reader cannot know what is durable."""
    return claims(subject, READER) and claims(subject, WATERMARK)


def _reading(subject: Subject, budget: Budget) -> Findings:
    if not _promises(subject):
        return Covered(f"nothing: {READER} and {WATERMARK} are not both claimed")
    yield Progress(NAME, 0, 1, "what a reader shows, and then the power")
    words = "three looks of a reader, each followed by a loss of power"
    return (yield from try_recorded(subject, ["show-what-lasts"], words, budget))


READING = Check(
    NAME,
    "what a reader shows of its own accord, and then the power",
    frozenset({DURABLE_ONLY}),
    _reading,
    lambda subject: frozenset() if _promises(subject) else frozenset({DURABLE_ONLY}),
)
