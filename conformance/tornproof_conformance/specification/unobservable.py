"""
What nobody can see from outside, and why.

A requirement at which no check looks is *not covered*, and a reader of a report
wants to know which of three things that means.  The adapter has not claimed the
claim in which it applies; or the protocol has no window through which it would
show; or nobody looked, in a run of chosen checks for instance.  The first two are
said here, in a sentence each, and every report passes them on.
"""

from collections.abc import Mapping

from tornproof_models.crash.subject import Subject

OF_A_CRASH_MODEL: Mapping[str, str] = {
    "DRN-3": "drainer/durable",
    "DRN-16": "drainer/durable",
    "DRN-17": "drainer/durable",
    "DRN-18": "drainer/volatile",
    **{f"EVT-{number}": "drainer/durable" for number in range(1, 7)},
    **{f"CHN-{number}": "chain/v1" for number in range(1, 9)},
    "CHN-9": "chain/pairwise",
    "CHN-10": "chain/pairwise",
    "AUD-1": "audit/keys",
    "AUD-2": "audit/keys",
    "AUD-16": "audit/keys",
    "RDR-6": "journal/watermark",
    "REC-12": "journal/watermark",
}
"""Requirements that apply in one claim of a family, and that claim."""

NO_POINTS = (
    "it shows only where something goes wrong at a point of the drainer's, and `fault.points` "
    "names none"
)
NO_ROWS = "it shows only in the rows, and `drainer.open` does not say in which `database` they are"
NO_COUNT = "it shows only in the count, and `drainer.metrics` gives no `dlq_size`"

NO_PROC = "it shows only in what a process takes, of which this system has no `/proc` to tell"

NO_WORDS = "the protocol has no words for a drainer's key, its quota, or its spool"

UNSEEN: Mapping[str, str] = {
    **{f"DRN-{number}": NO_WORDS for number in (19, 20, 21)},
    **{f"CHN-{number}": NO_ROWS for number in range(2, 9)},
    **{f"EVT-{number}": NO_ROWS for number in (1, 2, 3, 4)},
    "EVT-6": "it shows only in the id, and `drainer.submit` does not say which it has minted",
    **{f"DRN-{number}": NO_POINTS for number in (4, 5, 6, 7, 8, 10, 15, 17)},
    "DRN-14": NO_COUNT,
    "GRP-6": "the protocol has no request that takes back a record once it was handed over",
    "AUD-12": NO_PROC,
    "AUD-16": "it shows only in the bytes, and `audit.get` gives no `record`",
    "REC-9": NO_PROC,
}
"""
Requirements for which the protocol has no window, or one that may stay shut, and why.

It is consulted for what no check has looked at, and for nothing else.
"""


def why_unseen(requirement: str, subject: Subject) -> str:
    """Say why nothing can be seen of a requirement in an adapter; empty if it could be."""
    claims = getattr(subject, "claims", None)
    if claims is None or not hasattr(subject, "command"):
        return ""
    claim = OF_A_CRASH_MODEL.get(requirement)
    if claim is not None and claim not in claims:
        return f"it is of {claim}, which is not claimed"
    return UNSEEN.get(requirement, "")
