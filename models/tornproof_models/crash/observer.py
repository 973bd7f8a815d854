"""
An observer of the explorer, which is told each decision about an image.

A verdict says that all is well, or what is not; a certificate must say why.  Whoever
writes one down is told of everything that an exploration decides, in the order in which
it does.
"""

from collections.abc import Sequence
from typing import Protocol

from tornproof_models.contract.journal import History
from tornproof_models.crash.decision_tree import Ending
from tornproof_models.disk.image_sets import Part
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Trace
from tornproof_models.disk.versions import Register


class Observer(Protocol):
    """Told of everything that an exploration decides, from the first crash to the last."""

    def crash(self, point: int, space: ImageSpace, history: History) -> None:
        """Take note of a crash after so many events, its images, and what is owed."""
        ...

    def decide(self, asked: Sequence[Register], part: Part, ending: Ending) -> None:
        """Take note of what recovery does with a part, and of what that takes to be known."""
        ...

    def begin(self, ending: Ending, trace: Trace) -> None:
        """Take note that what comes now is about crashes of a recovery."""
        ...

    def end(self, *, complete: bool) -> None:
        """Take note that this is over, or of no account: it will come again, in parts."""
        ...
