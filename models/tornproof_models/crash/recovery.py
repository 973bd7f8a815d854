"""
One recovery of a disk, seen from outside.

Recovery is a function of the image: it shows records, or refuses.  Then, to see that
the journal lives, one record is appended and everything is read back.
"""

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from tornproof_models.contract.journal import History, Record
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.run import Run
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image, Trace

PROBE = 1 << 30
"""Number of the call that appends after recovery: no workload gets as far."""

PROBE_BYTES = 24


@frozen(cache_hash=True)
class Outcome:
    """What a recovery did with an image."""

    records: tuple[Record, ...] | None
    """What it showed; none if it refused."""

    error: str
    """Why it refused, or what was wrong with the append after it; else empty."""

    cut: bool = False
    """Whether it discarded anything."""

    @property
    def gist(self) -> tuple[tuple[Record, ...] | None, bool, bool]:
        """What tells outcomes apart: a message is for people, and may hold a path."""
        return self.records, bool(self.error), self.cut


@frozen
class Recovered:
    """A recovery that ran to its end: what it did, and what it asked of the disk."""

    records: tuple[Record, ...] | None
    error: str
    trace: Trace
    """All that it asked of the disk, the append after it included."""

    cut: bool = False

    @property
    def outcome(self) -> Outcome:
        """What it did, without how."""
        return Outcome(self.records, self.error, self.cut)


class RecoversElsewhere(Protocol):
    """A subject in another process, which is handed images and says what became of them."""

    def recover_images(
        self, images: Sequence[Image], options: Options, *, reboots: bool = True
    ) -> Sequence[Recovered | None]:
        """
        Do with each image, in order, what `recover` does.

        With `reboots` the machine has started again since; else only processes were killed.

        A trace without events says that nobody watched; such a recovery is not crashed.
        Of an image that was left alone nothing is known, and there is none.
        """
        ...


def recover(subject: Subject, options: Options, filesystem: ModelFilesystem) -> Recovered:
    """Let an implementation recover a disk, append one record to it, and close."""
    running = Run(subject, options, filesystem, calls=PROBE)
    records = running.open_unjudged()
    if isinstance(records, str):
        return Recovered(None, records, filesystem.trace)
    running.history = History(settled=records)
    cut = running.journal is not None and running.journal.discarded_bytes > 0
    running.append(PROBE_BYTES)
    running.read_back()
    error = "; ".join(violation.message for violation in running.violations)
    if len(running.appended) == len(records):
        error = f"an append after recovery failed: {running.refused}"
    running.close()
    return Recovered(records, error, filesystem.trace, cut)


def judge(history: History, outcome: Outcome) -> list[Violation]:
    """Judge one recovery against what was owed when the crash struck."""
    if outcome.records is None:
        return history.judge_error(outcome.error)
    violations = history.judge(outcome.records)
    if outcome.error:
        violations.append(Violation("REC-4", outcome.error))
    return violations
