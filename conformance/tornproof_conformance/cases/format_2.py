"""
Reproducers of version 0.1, whose keys had other names.

`tornproof-reproducer/2` called the crash model a profile and the subject a target.  Nothing
else differs, so such a file is read like a new one.
"""

from typing import Any

FORMAT_2 = "tornproof-reproducer/2"
FORMAT_3 = "tornproof-reproducer/3"

RENAMED = {"profile": "crash_model", "target": "subject"}


def from_format_2(document: Any) -> Any:
    """Return a document with the keys of format 3; a document that is not of format 2 as it is."""
    if not isinstance(document, dict) or document.get("format") != FORMAT_2:
        return document
    renamed = {RENAMED.get(key, key): value for key, value in document.items()}
    return {**renamed, "format": FORMAT_3, "case": _case(document.get("case"))}


def _case(case: Any) -> Any:
    """Rename the keys of a case and of its steps."""
    if not isinstance(case, dict):
        return case
    if case.get("kind") == "delivery":
        return {("mode" if key == "profile" else key): value for key, value in case.items()}
    if case.get("kind") != "program":
        return case
    renamed = {RENAMED.get(key, key): value for key, value in case.items()}
    steps = case.get("program")
    if isinstance(steps, list):
        renamed["program"] = [
            {RENAMED.get(key, key): value for key, value in step.items()}
            if isinstance(step, dict)
            else step
            for step in steps
        ]
    return renamed
