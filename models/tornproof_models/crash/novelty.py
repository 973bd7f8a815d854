"""
Count how often a search met new behaviour, and estimate what it did not meet.

Of what was met once, and never again, there is usually more: the share of such outcomes among
all trials estimates the chance that the next trial brings something new (I. J. Good, "The
population frequencies of species", Biometrika 1953, after A. M. Turing).  It is exact for
independent trials.  Images come in order of their deviations, so here it is a hint: a search
whose last tenth brought nothing new has probably seen what there is to see.
"""

from collections import Counter
from collections.abc import Hashable

from attrs import define, field


@define
class Novelty:
    """What the trials of one kind have come to."""

    trials: int = 0
    _counts: Counter[int] = field(factory=Counter)
    """How often each outcome was met, by its hash: outcomes hold whole records."""

    _new: list[int] = field(factory=list)
    """The numbers of the trials that brought something new."""

    def meet(self, outcome: Hashable) -> None:
        """Count what one more trial came to."""
        key = hash(outcome)
        if key not in self._counts:
            self._new.append(self.trials)
        self._counts[key] += 1
        self.trials += 1

    @property
    def outcomes(self) -> int:
        """How many different outcomes were met."""
        return len(self._counts)

    @property
    def unseen(self) -> float:
        """The chance that the next trial brings something new, between 0 and 1."""
        once = sum(count == 1 for count in self._counts.values())
        return once / self.trials if self.trials else 1.0

    @property
    def late(self) -> int:
        """How many outcomes the last tenth of the trials brought that were new."""
        return sum(number >= self.trials * 9 // 10 for number in self._new)
