"""
Reproducers of version 0.1.

`tornproof-reproducer/2` called the crash model a profile and the subject a target, its traces
are of an older format, and its model of ext4 was called `ext4-ordered`.  Such a file is read
like a new one, without its trace; what it crashes is crashed in today's model of ext4.
"""

from typing import Any

FORMAT_2 = "tornproof-reproducer/2"
FORMAT_3 = "tornproof-reproducer/3"

FORMER_MODELS = {"ext4-ordered": "ext4"}

RENAMED = {"profile": "crash_model", "target": "subject"}


def from_format_2(document: Any) -> Any:
    """Return a document with the keys of format 3; a document that is not of format 2 as it is."""
    if not isinstance(document, dict) or document.get("format") != FORMAT_2:
        return document
    renamed = {str(RENAMED.get(key, key)): value for key, value in document.items()}
    renamed |= {"format": FORMAT_3, "case": _case(document.get("case")), "trace": None}
    return _with_models_of_today(renamed)


def _with_models_of_today(document: dict[str, Any]) -> dict[str, Any]:
    """Name the crash models of a reproducer as they are called now."""
    for place in (document, document["case"]):
        if isinstance(place, dict) and isinstance(model := place.get("crash_model"), str):
            place["crash_model"] = FORMER_MODELS.get(model, model)
    return document


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
