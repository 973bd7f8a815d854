"""
What nobody can see from outside, and why.

A requirement at which no check looks is *not covered*, and a reader of a report
wants to know which of three things that means.  The adapter has not claimed the
profile in which it applies; or the protocol has no window through which it would
show; or nobody looked, in a run of chosen checks for instance.  The first two are
said here, in a sentence each, and every report passes them on.
"""

from collections.abc import Mapping

from tornproof_models.explore.workload import Target

OF_A_PROFILE: Mapping[str, str] = {
    "DRN-3": "drainer/durable",
    "DRN-10": "drainer/durable",
    "DRN-16": "drainer/durable",
    "DRN-17": "drainer/durable",
    "DRN-18": "drainer/volatile",
    **{f"CHN-{number}": "chain/v1" for number in range(1, 9)},
    "CHN-9": "chain/pairwise",
    "AUD-1": "audit/keys",
    "AUD-2": "audit/keys",
    "REC-12": "journal/watermark",
}
"""Requirements that apply in one profile of a family, and that profile."""

UNSEEN: Mapping[str, str] = {}
"""Requirements that the protocol has no window for, and a sentence each that says why."""


def why_unseen(requirement: str, target: Target) -> str:
    """Say why nothing can be seen of a requirement in an adapter; empty if it could be."""
    claims = getattr(target, "claims", None)
    if claims is None or not hasattr(target, "command"):
        return ""
    profile = OF_A_PROFILE.get(requirement)
    if profile is not None and profile not in claims:
        return f"it is of {profile}, which is not claimed"
    return UNSEEN.get(requirement, "")
