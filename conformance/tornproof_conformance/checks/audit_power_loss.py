"""
Cut the power of an audit index behind an adapter.

It takes an adapter that is recorded.  A few audits are put; before each sync and after
each answer the power is cut, in every crash model.  A process that is not recorded opens each
image and is asked for everything, and the contract judges the answers: what was
acknowledged is there, and what was under way is there wholly or not at all.  Then all of
it is put again, which must succeed and be found.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from attrs import define, field, frozen
from tornproof_models.contract.audit_index import JUDGES_ANSWERS, Audit, Audits
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import SYNCS, Image, Trace

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.blame import NO_ANSWER, blame
from tornproof_conformance.adapter.opened_index import AdapterAudits, completed
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Findings
from tornproof_conformance.checks.conversation import AUDIT
from tornproof_conformance.checks.recorded import crash_models_of, try_recorded
from tornproof_conformance.stream.run_events import Progress

AGENT = b"a" * 32
AUDITS: tuple[Audit, ...] = tuple(
    completed({**AUDIT, "query_id": bytes([number]) * 32, "agent_id": agent, "timestamp": number})
    for number, agent in enumerate((AGENT, None, AGENT))
)

IMAGES = 12
"""Images of one moment and crash model: all kept, all lost, and what differs little from them."""


@frozen
class Put:
    """A put, and the part of the trace in which it happened."""

    audit: Audit
    began: int
    """How many events had happened."""

    ended: int


@frozen
class Seen:
    """What an index says of itself; `failed` says why it does not."""

    audits: tuple[Audit | None, ...] = ()
    """What a get of each of them gave."""

    by_agent: tuple[Audit, ...] = ()
    recent: tuple[Audit, ...] = ()
    has: bool = False
    keys: tuple[bytes, ...] | None = None
    failed: str = ""

    def judge(self, known: Audits) -> list[Violation]:
        """Compare the answers with what is known of the index."""
        if self.failed:
            return known.failed("AUD-13", "asking an index after a loss of power", self.failed)
        found = []
        for audit, answer in zip(AUDITS, self.audits, strict=True):
            found += known.got(audit["query_id"], answer)
        found += known.answered_by_agent(AGENT, 0, None, len(AUDITS), self.by_agent)
        found += known.answered_recent(len(AUDITS), self.recent)
        found += known.answered_has(AGENT, answer=self.has)
        if self.keys is not None:
            found += known.answered_keys(self.keys)
        return found


@exercise("audit-power", recorded=True)
def cut_power_of_index(
    subject: AdapterSubject, arguments: Sequence[str] = ()
) -> Iterator[Violation]:
    """Put some audits, and crash that in each crash model until something is wrong."""
    yield from blame("AUD-13", _crash(subject, crash_models_of(arguments)))


def _crash(subject: AdapterSubject, crash_models: Sequence[str]) -> Iterator[Violation]:
    trace, puts = _record(subject)
    with AdapterSubject.running(
        subject.command, timeout=subject.timeout, patience=subject.patience
    ) as plain:
        recovering = _Recovering(plain)
        for crash_model in crash_models:
            for point, image in _images(trace, puts, crash_model):
                if found := recovering.judge(image, puts, point):
                    message = f"{crash_model}, after {point} operations: {found[0].message}"
                    yield Violation(found[0].requirement, message)
                    return


def _record(subject: AdapterSubject) -> tuple[Trace, list[Put]]:
    disk = subject.new_disk()
    index = AdapterAudits(subject, disk)
    puts = []
    for audit in AUDITS:
        began = len(disk.events)
        index.put(audit)
        puts.append(Put(audit, began, len(disk.events)))
    return disk.trace, puts


def _images(trace: Trace, puts: Sequence[Put], crash_model: str) -> Iterator[tuple[int, Image]]:
    """Yield images of the moments at which a crash matters, and after how many events they lie."""
    registers = Registers.of(trace.initial, CRASH_MODELS[crash_model].floors)
    answered = {put.ended for put in puts}
    for point, event in enumerate((*trace.events, None)):
        if point >= puts[0].began and (point in answered or isinstance(event, SYNCS)):
            space = ImageSpace(registers, CRASH_MODELS[crash_model])
            for choice in islice(space.within(1), IMAGES):
                yield point, space.builder.build(choice)
        if event is not None:
            registers.advance(event)


@define
class _Recovering:
    """Opens images, each distinct one once."""

    subject: AdapterSubject
    _seen: dict[int, tuple[Seen, Seen]] = field(factory=dict)

    def judge(self, image: Image, puts: Sequence[Put], point: int) -> list[Violation]:
        """Judge what an image is opened to, given how far the puts had come."""
        if image.digest not in self._seen:
            self._seen[image.digest] = self._open(image)
        known = Audits()
        for put in puts:
            if put.ended <= point:
                known.put_acknowledged(put.audit)
            elif put.began < point:
                known.put_interrupted(put.audit)
        first, again = self._seen[image.digest]
        if found := first.judge(known):
            return found
        for audit in AUDITS:
            known.put_acknowledged(audit)
        return again.judge(known)

    def _open(self, image: Image) -> tuple[Seen, Seen]:
        """Look at an image, put everything again, and look again."""
        try:
            index = AdapterAudits(self.subject, self.subject.new_disk(image))
            first = self._look(index)
            for audit in AUDITS:
                index.put(audit)
            again = self._look(index)
            index.close()
        except NO_ANSWER as error:
            failed = Seen(failed=f"{type(error).__name__}: {error}")
            return failed, failed
        return first, again

    def _look(self, index: AdapterAudits) -> Seen:
        return Seen(
            tuple(index.get(audit["query_id"]) for audit in AUDITS),
            tuple(index.by_agent(AGENT, 0, None, limit=len(AUDITS))),
            tuple(index.recent(len(AUDITS))),
            index.has(AGENT),
            tuple(index.keys()) if "audit/keys" in self.subject.claims else None,
        )


POWER = "audit-power"


def _power(subject: Subject, budget: Budget) -> Findings:
    yield Progress(POWER, 0, 1, "puts, and then the power")
    words = f"{len(AUDITS)} puts, and a loss of power before every sync and after every answer"
    return (yield from try_recorded(subject, [POWER], words, budget))


AUDIT_POWER = Check(
    POWER,
    "puts into an audit index, recorded, and then the power",
    JUDGES_ANSWERS,
    _power,
)
