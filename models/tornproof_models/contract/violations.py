"""
Violations, and the one that an implementation commits that does not answer.
"""

from collections.abc import Iterable

from attrs import frozen

JUDGES_SILENCE = frozenset({"ADP-11"})
"""The requirement that such a lack of an answer violates."""

SILENCE = "NoReply: no reply"
"""How an error begins that is no answer, but the lack of one."""


@frozen
class Violation:
    """A requirement that does not hold, and how it shows."""

    requirement: str
    message: str
    cause: str = ""
    """What was done wrong, in the same words wherever it breaks one more requirement."""


def silence(message: str) -> Violation | None:
    """
    Return the violation, if a message says that an implementation did not answer at all.

    Whatever was asked for, no reply breaks ADP-11, and says nothing of another requirement.
    """
    return Violation("ADP-11", message) if SILENCE in message else None


def name_silences(found: Iterable[Violation]) -> list[Violation]:
    """Return violations, of which those that only say that nothing was answered break ADP-11."""
    return [silence(each.message) or each for each in found]
