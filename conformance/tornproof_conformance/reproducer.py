"""
Reproducers: a violation as a file.

A reproducer holds the case, the requirement that was violated, the name of the
target and the versions that told the story.  `tornproof replay` runs the case
again and says what became of it:

- FAILED: the requirement is still violated
- FIXED: it holds in this case
- ERROR: the file, or the target, is not what it was

The same violation gives the same bytes, on any machine: nothing in the file
depends on a clock, a path or a hash seed, and its name is a hash of it.
"""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

from attrs import frozen
from tornproof.errors import Invalid

from tornproof_conformance.cases import Case, Problem, decode_case, encode_case

FORMAT = "tornproof-reproducer/1"


@frozen
class Reproducer:
    """A case, and the requirement that it is about."""

    target: str
    requirement: str
    message: str
    case: Case

    def encode(self) -> str:
        """Write the file's content."""
        document = {
            "format": FORMAT,
            "target": self.target,
            "requirement": self.requirement,
            "message": self.message,
            "case": encode_case(self.case),
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"


def save(problem: Problem, target: str, directory: Path) -> Path:
    """Write a problem's reproducer below a directory and return its path."""
    violation = problem.violation
    reproducer = Reproducer(target, violation.requirement, violation.message, problem.case)
    content = reproducer.encode()
    name = f"{violation.requirement}-{blake2b(content.encode(), digest_size=4).hexdigest()}.json"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(content, encoding="utf-8")
    return path


def load(path: Path) -> Reproducer:
    """
    Read a reproducer.

    Raises `Invalid` with the reason if the file is not one: missing, cut short,
    of another version, or about something this suite does not know.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise Invalid(f"{path} is not a reproducer: {error}") from None
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise Invalid(f"{path} has format {found!r}; this version reads {FORMAT!r}")
    try:
        return Reproducer(
            document["target"],
            document["requirement"],
            document["message"],
            decode_case(document["case"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"{path} is damaged: {type(error).__name__}: {error}") from None
