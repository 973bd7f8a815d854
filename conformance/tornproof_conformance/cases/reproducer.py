"""
Reproducers: a violation as a file.

A reproducer holds everything about one violation: the case that repeats it, what
the target did on the disk, what the crash left there, what was owed and what came
back.  Who has the file needs neither the run that wrote it nor, for the image and
the trace, this suite.  `tornproof replay` runs the case again and says what became
of it:

- FAILED: the requirement is still violated
- FIXED: it holds in this case
- ERROR: the file, or the target, is not what it was

The same violation gives the same bytes, on any machine: nothing in the file
depends on a clock, a path or a hash seed, and its name is a hash of it.  Its form
is `spec/schema/reproducer.schema.json`.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import frozen
from tornproof.errors import Invalid
from tornproof_models.contract.journal import Record
from tornproof_models.crash.findings import Finding
from tornproof_models.disk.trace import Image, Trace
from tornproof_models.disk.trace_file import trace_document, trace_of

from tornproof_conformance.cases.case import Case, Problem, decode_case, encode_case
from tornproof_conformance.cases.format_2 import from_format_2
from tornproof_conformance.cases.shrinking import crash_model_of
from tornproof_conformance.specification.schemas import complaint

FORMAT = "tornproof-reproducer/3"


@frozen
class SavedCrash:
    """A crash: after how many events, what it lost, and what it left."""

    point: int
    lost: tuple[str, ...]
    image: Image


@frozen
class Reproducer:
    """A violation, with all that is known of it."""

    suite: str
    """The version of the suite that found it."""

    subject: str
    requirement: str
    message: str
    case: Case
    crash_model: str | None
    """The mildest crash model that allows every crash in it; none if nothing crashes."""

    trace: Trace | None
    crashes: tuple[SavedCrash, ...]
    """The crash after the program, then the one in the recovery from it, if there are any."""

    expected: tuple[Record, ...]
    recovered: tuple[Record, ...] | None
    error: str

    def encode(self) -> str:
        """Write the file's content."""
        document = {
            "format": FORMAT,
            "suite": self.suite,
            "subject": self.subject,
            "requirement": self.requirement,
            "message": self.message,
            "case": encode_case(self.case),
            "crash_model": self.crash_model,
            "trace": trace_document(self.trace) if self.trace else None,
            "crashes": [_encode_crash(crash) for crash in self.crashes],
            "expected": _encode_records(self.expected),
            "recovered": None if self.recovered is None else _encode_records(self.recovered),
            "error": self.error,
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"


def reproducer_of(problem: Problem, subject: str) -> Reproducer:
    """Make the reproducer of a problem; the trace is there if the problem has it."""
    finding = problem.finding
    return Reproducer(
        suite=version("tornproof"),
        subject=subject,
        requirement=problem.violation.requirement,
        message=problem.violation.message,
        case=problem.case,
        crash_model=crash_model_of(problem.case),
        trace=problem.trace,
        crashes=tuple(_crashes(finding)),
        expected=finding.owed if finding else (),
        recovered=finding.recovered if finding else None,
        error=finding.error if finding else "",
    )


def save(problem: Problem, subject: str, directory: Path) -> Path:
    """Write a problem's reproducer below a directory and return its path."""
    content = reproducer_of(problem, subject).encode()
    digest = blake2b(content.encode(), digest_size=4).hexdigest()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{problem.violation.requirement}-{digest}.json"
    path.write_text(content, encoding="utf-8")
    return path


def load(path: Path) -> Reproducer:
    """
    Read a reproducer.

    Raises `Invalid` with the reason, in one line, if the file is not one: missing,
    cut short, of another version, or about something this suite does not know.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path} is not a reproducer: {error}") from None
    document = from_format_2(document)
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise Invalid(f"{path} has format {found!r}; this version reads {FORMAT!r}")
    if reason := complaint(document, "reproducer.schema.json"):
        raise Invalid(f"{path} is damaged: {reason}")
    try:
        return _decode(document)
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"{path} is damaged: {type(error).__name__}: {error}") from None
    except Invalid as error:
        raise Invalid(f"{path} is damaged: {error}") from None


def _decode(document: Mapping[str, Any]) -> Reproducer:
    recovered = document["recovered"]
    return Reproducer(
        suite=document["suite"],
        subject=document["subject"],
        requirement=document["requirement"],
        message=document["message"],
        case=decode_case(document["case"]),
        crash_model=document["crash_model"],
        trace=None if document["trace"] is None else trace_of(document["trace"]),
        crashes=tuple(_decode_crash(crash) for crash in document["crashes"]),
        expected=_decode_records(document["expected"]),
        recovered=None if recovered is None else _decode_records(recovered),
        error=document["error"],
    )


# Crashes and records


def _crashes(finding: Finding | None) -> Iterator[SavedCrash]:
    while finding is not None:
        yield SavedCrash(finding.crash_point, finding.lost, finding.image)
        finding = finding.inner


def _encode_crash(crash: SavedCrash) -> dict[str, Any]:
    files = {path: b64encode(content).decode() for path, content in crash.image.files.items()}
    image = {"directories": sorted(crash.image.directories), "files": files}
    return {"point": crash.point, "lost": list(crash.lost), "image": image}


def _decode_crash(data: Mapping[str, Any]) -> SavedCrash:
    files = {path: b64decode(content) for path, content in data["image"]["files"].items()}
    image = Image(files, frozenset(data["image"]["directories"]))
    return SavedCrash(data["point"], tuple(data["lost"]), image)


def _encode_records(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {"offset": offset, "payload": b64encode(payload).decode()} for offset, payload in records
    ]


def _decode_records(data: Sequence[Mapping[str, Any]]) -> tuple[Record, ...]:
    return tuple((record["offset"], b64decode(record["payload"])) for record in data)
