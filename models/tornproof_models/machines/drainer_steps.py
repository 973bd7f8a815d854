"""
The steps of a schedule of the drainer, and what a state of the search remembers.
"""

from typing import Any, TypeAlias

from attrs import frozen
from tornproof.drainer.core import Core
from tornproof.drainer.metrics import Metrics
from tornproof.drainer.supervisor import Life

from tornproof_models.contract.delivery import (
    Died,
    Struck,
)
from tornproof_models.database_faults import (
    Kind,
    Strike,
)

Rows: TypeAlias = tuple[tuple[tuple[Any, ...], ...], ...]
"""The rows of the chain, the dead letters, and the one row of the spool's position."""


@frozen
class Submit:
    """An event is submitted."""

    def __str__(self) -> str:
        return "submit an event"


@frozen
class Move:
    """The drainer makes a move, during which something may strike its nth statement."""

    strike: Strike | None = None

    def __str__(self) -> str:
        return "the drainer moves" + (f", with {self.strike}" if self.strike else "")


@frozen
class Restart:
    """The process ends between two moves, and the next begins."""

    def __str__(self) -> str:
        return "the process dies and begins again"


@frozen
class Past:
    """What has happened, as far as it still matters."""

    submitted: int = 0
    before: int = 0
    """How many had been submitted when the process that lives now began."""

    died: Died | None = None
    struck: frozenset[Struck] = frozenset()
    falls: int = 0
    panics: int = 0
    """How many of the falls were panics of the process that lives now."""

    faults: frozenset[Kind] = frozenset()


@frozen
class Saved:
    """A state of the world."""

    past: Past
    life: Life
    core: Core
    position: int
    metrics: Metrics
    rows: Rows
