"""
End a check early if the adapter does not reply or fails in an unexpected way.

Whatever it does, the checks after that one go on, and the run ends with a verdict.  What
was found until then stands.  Of the rest of the check nothing is said, since nobody
knows what it would have shown.  A breach of the protocol is another matter: it ends the
run, and so does a process that fails in the first conversation.
"""

import sqlite3

from attrs import evolve
from tornproof.errors import TornproofError
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import ProcessFailed
from tornproof_conformance.adapter.speaking.patience import OutOfPatience
from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.conversation import CONVERSATION

STOPS = (OutOfPatience, TornproofError, OSError, sqlite3.Error)
"""
What stops a check.

Its files and its database are the adapter's: they may be gone, locked, or no database.
"""


def stoppable(check: Check) -> Check:
    """Return a check that ends early where an adapter leaves it nothing else to do."""

    def run(subject: Subject, budget: Budget) -> Findings:
        assert isinstance(subject, AdapterSubject)
        subject.patience.renew()
        try:
            return (yield from check.run(subject, budget))
        except STOPS as reason:
            if check.name == CONVERSATION.name and isinstance(reason, ProcessFailed):
                raise
            subject.stop()  # whatever state its processes are in
            return Covered(f"stopped: {_words(reason)}", is_conclusive=False)

    def leaves_out(subject: Subject) -> frozenset[str]:
        assert isinstance(subject, AdapterSubject)
        try:
            return check.leaves_out(subject) if check.leaves_out else frozenset()
        except STOPS:
            subject.stop()
            return check.requirements

    return evolve(check, run=run, leaves_out=leaves_out)


def _words(reason: BaseException) -> str:
    """Say why, by the code of a refusal and by the name of what is no answer at all."""
    if isinstance(reason, OutOfPatience):
        return str(reason)
    if isinstance(reason, ProcessFailed):
        return f"the adapter does not answer ({reason})"
    if isinstance(reason, TornproofError):
        return f"the adapter answers with an error where none is due ({reason.code}: {reason})"
    return f"{type(reason).__name__}: {reason}"
