"""
Power loss while cleanup removes segments, and after it.

The adapter is recorded.  It fills some segments with durable records and is told that a
consumer is done with most of them; then every image that a crash may leave from there on is
recovered.  A crash may undo some removals and keep others, so a cleanup that does not make
each durable before the next leaves a hole (SEG-7), which no order of calls shows that a
running process could see.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import cast

from tornproof_models.contract.cleanup import Held, judge_refusal
from tornproof_models.contract.journal import History, Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.blame import blame
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Findings
from tornproof_conformance.checks.reader_power_loss import Recovering
from tornproof_conformance.checks.recorded import crash_models_of, try_recorded
from tornproof_conformance.scenarios.scenario import SEGMENTS, claims
from tornproof_conformance.stream.run_events import Progress

REMOVALS = "SEG-7"

OPTIONS = Options(512)
RECORDS, RECORD_BYTES = 4, 400
"""Each record has a segment of its own; three are removed, and two of them can be a hole."""

IMAGES = 64
"""
Images of one moment and crash model that are recovered, at the most.

They are those that keep everything but one thing, or nothing but one: the removal that is lost
while those after it last is one of them.
"""


@exercise("clean-up", recorded=True)
def clean_up(subject: AdapterSubject, arguments: Sequence[str] = ()) -> Iterator[Violation]:
    """Remove segments, and cut the power at every moment from there on."""
    yield from blame(REMOVALS, _clean_up(subject, crash_models_of(arguments)))


def _clean_up(subject: AdapterSubject, crash_models: Sequence[str]) -> Iterator[Violation]:
    disk = subject.new_disk()
    journal = subject.open(disk, OPTIONS)
    history, cursor = History(), 0
    for number in range(RECORDS):
        payload = grow_payload(RECORD_BYTES, number)
        cursor = journal.append(payload)
        history = history.invoke(number, payload).acknowledge(number, cursor, durable=True)
    begun = len(disk.trace.events)
    journal.clean_up(cursor)
    held = Held(released=cursor)
    yield from islice(_crashed(subject, disk.trace, begun, crash_models, held, history), 1)


def _crashed(
    subject: AdapterSubject,
    trace: Trace,
    begun: int,
    crash_models: Sequence[str],
    held: Held,
    history: History,
) -> Iterator[Violation]:
    """Yield what a crash at any moment since then breaks, in the mildest crash model first."""
    seen: set[int] = set()
    for name in crash_models:
        for point in range(begun, len(trace.events) + 1):
            space = ImageSpace.after(trace.initial, trace.events[:point], CRASH_MODELS[name])
            choices = islice(space.within(1), IMAGES)
            found = {image.digest: image for image in map(space.builder.build, choices)}
            images = [image for digest, image in found.items() if digest not in seen]
            seen.update(found)
            for outcome in cast("Recovering", subject).recover_images(images, OPTIONS):
                if outcome is None:
                    continue
                if outcome.records is None:
                    yield judge_refusal(f"{outcome.error} ({name})")
                else:
                    yield from held.judge(history, outcome.records, {})


NAME = "cleanup-power"


def _cleanup_power(subject: Subject, budget: Budget) -> Findings:
    yield Progress(NAME, 0, 1, "segments that are removed, and then the power")
    words = f"a cleanup of {RECORDS} segments, and a loss of power at every moment of it"
    return (yield from try_recorded(subject, ["clean-up"], words, budget))


CLEANUP_POWER = Check(
    NAME,
    "segments that are removed, and then the power",
    frozenset({REMOVALS}),
    _cleanup_power,
    lambda subject: frozenset() if claims(subject, SEGMENTS) else frozenset({REMOVALS}),
)
