"""
The exception with which a machine reports a violation.

Hypothesis shrinks whatever is raised.  Who runs a machine, be it a test or the
fuzzer, wants to know which requirements it is about, so every machine raises an
error that carries its violations.
"""

from collections.abc import Sequence
from typing import Protocol


class Named(Protocol):
    """A violation, of whichever contract."""

    @property
    def requirement(self) -> str:
        """The requirement that does not hold."""
        ...

    @property
    def message(self) -> str:
        """How it shows."""
        ...


class Violated(AssertionError):
    """A machine found steps that violate requirements; Hypothesis prints the steps."""

    def __init__(self, violations: Sequence[Named], steps: str = "") -> None:
        found = "; ".join(f"{each.requirement}: {each.message}" for each in violations)
        super().__init__(f"{steps} violates {found}" if steps else found)
        self.violations = violations
