"""
Count a missing answer of an adapter as a violation.

A refusal or an end breaks the requirement that was looked at, and a silence ADP-11.
A breach of the protocol is another matter: it ends the run with a diagnosis.
"""

from collections.abc import Iterator

from tornproof.errors import Conflict, Invalid
from tornproof_models.contract.violations import Violation, silence

from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.messages import Refusal, Unsupported

NO_ANSWER = (Refusal, Unsupported, ProcessFailed, Conflict, Invalid)
"""A refusal, in either of its forms; an operation that is not there; an end, or a silence."""


def blame(requirement: str, found: Iterator[Violation]) -> Iterator[Violation]:
    """Yield violations, and one more if the adapter does not answer."""
    try:
        for each in found:
            yield silence(each.message) or each
    except NO_ANSWER as error:
        message = f"{type(error).__name__}: {error}"
        yield silence(message) or Violation(requirement, message)
