"""
Count a missing answer of an adapter as a violation.

A refusal or an end breaks the requirement that was looked at; a silence is told as ADP-11.
A breach of the protocol is another matter: it ends the run with a diagnosis.
"""

from collections.abc import Iterator

from tornproof.errors import Conflict, Invalid
from tornproof_models.contract.violations import Violation, refuses

from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal, Unsupported

NO_ANSWER = (Refusal, Unsupported, ProcessFailed, Conflict, Invalid)
"""A refusal, in either of its forms; an operation that is not there; an end, or a silence."""


def blame(requirement: str, found: Iterator[Violation]) -> Iterator[Violation]:
    """Yield violations, and one more if the adapter does not answer."""
    try:
        yield from found
    except NO_ANSWER as error:
        yield blame_error(requirement, error)


def blame_error(requirement: str, error: BaseException, words: str = "") -> Violation:
    """
    Make the violation of whoever gave an error where an answer is owed.

    A refusal is its own cause: what refuses everything does one thing wrong.
    """
    cause = refuses(error) if isinstance(error, Refusal) else ""
    return Violation(requirement, f"{words}{type(error).__name__}: {error}", cause)
