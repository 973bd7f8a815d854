"""
Cut the power of an audit index behind an adapter.

A few audits are put, recorded.  Every image of what a crash may have left is a directory, in
which the adapter opens its index and is asked for everything, and the contract judges the
answers: what was acknowledged is there, and what was under way is there wholly or not at all.
Then all of it is put again, which must succeed and be found.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from attrs import define, evolve, field, frozen
from tornproof_models.contract import audit_stakes
from tornproof_models.contract.audit_index import JUDGES_ANSWERS, Audit, Audits
from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.blame import NO_ANSWER
from tornproof_conformance.adapter.opened_index import AdapterAudits, completed
from tornproof_conformance.adapter.waiting import without_waiting
from tornproof_conformance.cases.exercises import exercise
from tornproof_conformance.checks import Budget, Check, Clock, Findings
from tornproof_conformance.checks.conversation import AUDIT
from tornproof_conformance.checks.power_cuts import Mark, PowerCuts, Recording, cut_again, tell_cuts
from tornproof_conformance.power.recorded_subject import RecordedSubject

NAME = "audit-power"

SHARE = 0.05
"""Part of the budget's time."""

AGENT = b"a" * 32
AUDITS: tuple[Audit, ...] = tuple(
    completed({**AUDIT, "query_id": bytes([number]) * 32, "agent_id": agent, "timestamp": number})
    for number, agent in enumerate((AGENT, None, AGENT))
)


@frozen
class Known:
    """How far the puts had come."""

    acknowledged: int
    begun: int


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


def record(adapter: AdapterSubject) -> Recording[Known]:
    """
    Put audits into an index, and record it.

    Raises `CannotRecord`, `CannotTrace` and `RecordingDiffers`, where nothing can be said.
    """
    with RecordedSubject.of(adapter) as subject:
        disk = subject.new_disk()
        index = AdapterAudits(subject, disk)
        marks = [Mark(len(disk.events), Known(0, 0))]
        for number, audit in enumerate(AUDITS):
            marks.append(Mark(len(disk.events), Known(number, number + 1)))
            index.put(audit)
            marks.append(Mark(len(disk.events), Known(number + 1, number + 1)))
        return Recording(disk.trace, tuple(marks), tuple(subject.warnings))


@define
class _Recovering:
    """Opens images, each distinct one once."""

    subject: AdapterSubject
    met: Counter[str]
    """How often each requirement was at stake."""

    _seen: dict[int, tuple[Seen, Seen]] = field(factory=dict)

    def judge(self, image: Image, known: Known) -> list[Violation]:
        """Judge what an image is opened to, given how far the puts had come."""
        if image.digest not in self._seen:
            self._seen[image.digest] = self._open(image)
        audits = Audits()
        for audit in AUDITS[: known.acknowledged]:
            audits.put_acknowledged(audit)
        for audit in AUDITS[known.acknowledged : known.begun]:
            audits.put_interrupted(audit)
        self.met.update(audit_stakes.of_power_loss(audits))
        first, again = self._seen[image.digest]
        if found := first.judge(audits):
            return found
        for audit in AUDITS:
            audits.put_acknowledged(audit)
        return again.judge(audits)

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


def _words(known: Known) -> str:
    under_way = ", during the next" if known.begun > known.acknowledged else ""
    return f"after {known.acknowledged} puts{under_way}"


@exercise(NAME)
def cut_power_of_index(subject: AdapterSubject, arguments: Sequence[str]) -> Iterator[Violation]:
    """Do it again, as an exercise."""
    yield from cut_again(subject, partial(power_cuts, met=Counter()), arguments)


def power_cuts(adapter: AdapterSubject, until: float, met: Counter[str]) -> PowerCuts[Known]:
    """Record an index, and return its crashes; none is made yet, and `met` counts stakes."""
    return PowerCuts(
        record(adapter), without_waiting(_Recovering(adapter, met).judge), _words, until
    )


def _power(subject: Subject, budget: Budget) -> Findings:
    assert isinstance(subject, AdapterSubject)
    clock = Clock.start(budget, SHARE)
    met: Counter[str] = Counter(dict.fromkeys(audit_stakes.JUDGES_POWER_LOSS, 0))
    cuts = partial(power_cuts, met=met)
    covered = yield from tell_cuts(NAME, "audit index", subject, cuts, clock, budget)
    return evolve(covered, at_stake=met)


AUDIT_POWER = Check(
    NAME,
    "puts into an audit index, recorded, and the power cut everywhere",
    JUDGES_ANSWERS,
    _power,
)
