"""
A badge, as the endpoint format of shields.io: a file to be served from anywhere.
"""

import json

from tornproof_conformance.report.run_record import RunRecord


def render_badge(record: RunRecord) -> str:
    """Write a run as a badge."""
    message, colour = _message(record)
    badge = {"schemaVersion": 1, "label": "tornproof", "message": message, "color": colour}
    return json.dumps(badge, indent=2) + "\n"


def _message(record: RunRecord) -> tuple[str, str]:
    done = record.finished
    if record.diagnosis:
        return "broken adapter", "red"
    if done is None:
        return "no verdict", "lightgrey"
    if done.starved and not record.has_failed:
        return f"{done.starved} starved", "yellow"
    if record.nothing_judged:
        return "nothing judged", "lightgrey"
    if not done.conforms:
        known = " (known)" if done.succeeds else ""
        return f"{done.violated} violated{known}", "yellow" if done.succeeds else "red"
    if not done.succeeds:
        return f"{done.holds} hold, not as expected", "orange"
    if record.inconclusive:
        return f"{done.holds} hold, inconclusive", "yellow"
    return f"{done.holds} of {done.holds + done.violated + done.not_covered} hold", "brightgreen"
