"""
What the readers of an adapter show, and a loss of power after it.
"""

from tornproof_models.crash.subject import Target
from tornproof_models.disk.crash_models import CLAIMED

from tornproof_conformance.checks import Budget, Check, Covered, Findings
from tornproof_conformance.checks.recorded import try_recorded
from tornproof_conformance.scenarios.scenario import READER, claims
from tornproof_conformance.stream.run_events import Progress

NAME = "reading"


def _reading(target: Target, _: Budget) -> Findings:
    if not claims(target, READER):
        return Covered(f"nothing: {READER} is not claimed")
    yield Progress(NAME, 0, 1, "what a reader shows, and then the power")
    words = "three looks of a reader, each followed by a loss of power"
    return (yield from try_recorded(target, ["show-what-lasts"], Covered(words, profiles=CLAIMED)))


READING = Check(
    NAME,
    "what a reader shows of its own accord, and then the power",
    frozenset({"RDR-6"}),
    _reading,
    lambda target: frozenset() if claims(target, READER) else frozenset({"RDR-6"}),
)
