"""
Scenarios about records that are submitted at the same time.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, cast

from tornproof_models.contract.journal import PROMISED, Violation
from tornproof_models.crash.program import grow_payload
from tornproof_models.crash.subject import Options, Subject

from tornproof_conformance.scenarios.scenario import GROUP_COMMIT, Situation, acknowledged, scenario


class Submitting(Protocol):
    """A journal that takes records from many at once."""

    def submit(self, payloads: Sequence[bytes]) -> list[int]:
        """Hand records over at the same time, wait for all, and return their offsets."""
        ...


def takes_many(subject: Subject) -> bool:
    """Tell whether a subject takes records from many at once."""
    return getattr(subject, "takes_many", False) is True


@scenario("GRP-1", "GRP-4", claim=GROUP_COMMIT, where=takes_many)
def each_is_told_its_own_offset(subject: Subject) -> Iterator[Violation]:
    """Records submitted together are each in the journal once, in order, at their offsets."""
    situation = Situation(subject)
    journal = situation.open(Options(segment_bytes=4096))
    records = []
    for size in (1, 2, 40):
        payloads = [grow_payload(30 + n, 1000 * size + n) for n in range(size)]
        offsets = cast("Submitting", journal).submit(payloads)
        records += list(zip(offsets, payloads, strict=True))
    if [offset for offset, _ in records] != sorted(offset for offset, _ in records):
        yield Violation("GRP-4", "offsets are not in the order in which records were handed over")
    situation.filesystem.release_locks()
    for violation in acknowledged(records).judge(list(situation.open().scan()))[:1]:
        is_gone = violation.requirement == PROMISED["append"]
        message = f"after SIGKILL, {violation.message}"
        yield Violation("GRP-1" if is_gone else violation.requirement, message)
