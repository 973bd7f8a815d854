"""
Count how often a requirement was at stake: how often a run could have shown it violated.

A verdict of *holds* that no trial could have shaken is worth nothing.  So each crash point
counts the requirements whose premise was met there: something had been closed that was not
synced (JRN-11), a record had been shown and could be taken back (REC-8), and so on.  The
contract says which (`History.at_stake`); for a crash inside a recovery it is said here.
"""

from collections import Counter
from collections.abc import Iterable

from attrs import define, field

from tornproof_models.contract import journal
from tornproof_models.crash import findings
from tornproof_models.disk.shared_disk import Replay
from tornproof_models.disk.trace import MARKS, Acked, Observed, Trace

COUNTED = journal.JUDGES | journal.JUDGES_CLAIMED | findings.JUDGES
"""The requirements whose premises are counted."""


@define
class Stakes:
    """Counts of premises that were met, and of crash points that were not searched enough."""

    met: Counter[str] = field(factory=Counter)
    """For each requirement, the crash points at which a judged image could have violated it."""

    shallow: int = 0
    """
    Crash points at which fewer images were judged than a verdict needs.

    A verdict needs all images of a crash point, or all within two deviations of all kept and
    of all lost.
    """

    @property
    def counts(self) -> dict[str, int]:
        """For each requirement whose premises are counted, how often they were met."""
        return dict.fromkeys(sorted(COUNTED), 0) | dict(self.met)

    def meet(self, requirements: Iterable[str]) -> None:
        """Count one crash point for each of some requirements."""
        self.met.update(requirements)

    def add(self, other: "Stakes") -> None:
        """Add what another exploration met."""
        self.met.update(other.met)
        self.shallow += other.shallow


def at_stake_in_recovery(trace: Trace, *, cut: bool) -> frozenset[str]:
    """
    Name the requirements that a crash in or after a recovery could show violated.

    `trace` is what the recovery did, with the append that followed it; `cut` tells whether it
    says that it discarded anything; one that does not say so may have done it all the same.
    """
    stakes = {"REC-3"}
    if cut or _took_away(trace):
        stakes.add("REC-2")
    if any(isinstance(event, Acked) for event in trace.events):
        stakes.add("REC-4")
    return frozenset(stakes)


def _took_away(trace: Trace) -> bool:
    """Tell whether any bytes that a recovery found were gone when it showed its records."""
    disk = Replay(trace.initial)
    for event in trace.events:
        if isinstance(event, Observed):
            break
        if not isinstance(event, MARKS):
            disk.apply(event)
    left = disk.image.files
    return any(
        not left.get(path, b"").startswith(data) for path, data in trace.initial.files.items()
    )
