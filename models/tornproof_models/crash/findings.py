"""
The results of an exploration: violations, and counts of what was tried.
"""

from decimal import Decimal

from attrs import asdict, define, frozen

from tornproof_models.contract.journal import PROMISED, RECOVERED, Record, Violation
from tornproof_models.disk.trace import Image


@frozen
class Finding:
    """A violation, and the crash that shows it."""

    violation: Violation
    crash_point: int
    """How many events of the trace had happened."""

    deviations: int
    """How many things the crash lost, beyond what hangs on them."""

    difference: int
    """Bytes in which the image differs from one that lost nothing."""

    image: Image
    lost: tuple[str, ...]
    """What the crash lost or damaged, in words."""

    owed: tuple[Record, ...]
    recovered: tuple[Record, ...] | None
    error: str = ""
    inner: "Finding | None" = None
    """The crash inside the recovery of `image`, if it takes a second one."""

    @property
    def size(self) -> tuple[int, int, int, int]:
        """How much of a story it is: crashes, deviations, bytes that differ, events."""
        crashes, deviations, difference, events = self.inner.size if self.inner else (0, 0, 0, 0)
        return (
            1 + crashes,
            self.deviations + deviations,
            self.difference + difference,
            self.crash_point + events,
        )


@define
class Coverage:
    """What a verdict rests on."""

    traces: int = 0
    crash_points: int = 0
    images: int = 0
    """
    Images that the disk model allows, counted before any was built.

    Those of a second crash are counted for one image of each distinct first recovery.
    """

    judged: int = 0
    """Images decided: by themselves, or as members of a part that recovery does not split."""

    parts: int = 0
    """Parts in which they were decided, those of a single image included."""

    recovered: int = 0
    """Recoveries that really ran to their end: one for each distinct image or part."""

    def add(self, other: "Coverage", times: int = 1) -> None:
        """Add what another exploration covered, or take it away."""
        for name, number in asdict(other).items():
            setattr(self, name, getattr(self, name) + times * number)

    @property
    def complete(self) -> bool:
        """Whether every image was judged."""
        return self.judged == self.images

    def __str__(self) -> str:
        share = "all" if self.complete else f"{self.judged:,} of"
        return f"{share} {count_words(self.images)} images at {self.crash_points:,} crash points"


_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

IN_FULL = 10**12
"""From here on a count is written by its power of ten; it may have thousands of digits."""


def digits(number: int) -> str:
    """Write a count with all its digits; of more than 4,300, `str` writes no whole number."""
    return str(Decimal(number))


def count_words(number: int) -> str:
    """Write a count: all its digits, or two of them and its power of ten."""
    if number < IN_FULL:
        return f"{number:,}"
    leading, exponent = f"{Decimal(number):.1e}".split("e+")
    return f"{leading} × 10{exponent.translate(_SUPERSCRIPTS)}"


JUDGES = frozenset({"REC-2", "REC-3", "REC-4"})
"""The requirements that `relabel` names, beside those of the journal's contract."""


def relabel(finding: Finding, shown: int, *, cut: bool) -> Violation:
    """
    Name the requirement on recovery that a crash in or after it violates.

    It had shown its records after `shown` events, and `cut` something or not.
    """
    violation = finding.violation
    if finding.crash_point <= shown:
        message = f"a crash inside recovery changes its outcome: {violation.message}"
        return Violation("REC-3", message, violation.cause)
    if cut and violation.requirement in RECOVERED:
        message = f"the cut comes undone: {violation.message}"
        return Violation("REC-2", message, violation.cause)
    if violation.requirement in PROMISED.values():
        message = f"after a recovery, {violation.message}"
        return Violation("REC-4", message, violation.cause)
    return violation
