"""
Reproducers: a violation as a file.

A reproducer holds everything about one violation: the case that repeats it, what
the subject did on the disk, what the crash left there, what was owed and what came
back.  Who has the file needs neither the run that wrote it nor, for the image and
the trace, this suite.  `tornproof replay` runs the case again and says what became
of it:

- FAILED: the requirement is still violated
- FIXED: it holds in this case
- NOT REACHED: the program, or the search, does not come to the fault or the crash any more
- ERROR: the file, or the subject, is not what it was

The same violation gives the same bytes, on any machine: nothing in the file
depends on a clock, a path or a hash seed, and its name is a hash of it.  Its form
is `spec/schema/reproducer.schema.json`.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from tornproof.errors import Invalid
from tornproof_models.contract.journal import Record
from tornproof_models.crash.findings import Finding
from tornproof_models.disk.trace import Image, Trace
from tornproof_models.disk.trace_file import read_image, trace_document, trace_of
from tornproof_models.documents.files import read_json
from tornproof_models.documents.limits import FILE_BYTES
from tornproof_models.documents.values import Value
from tornproof_models.documents.words import printable, shown

from tornproof_conformance.cases.bounds import require_bounds
from tornproof_conformance.cases.case import Case, Problem, decode_case, encode_case
from tornproof_conformance.cases.format_2 import from_format_2
from tornproof_conformance.cases.shrinking import crash_model_of
from tornproof_conformance.specification.schemas import complaint

FORMAT = "tornproof-reproducer/3"

MANY_ZEROS = 1 << 16
"""Zeros at the end of a file from which on they are counted instead: logs preallocate."""


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

    @property
    def digest(self) -> str:
        """A short hash of the file's content, for its name."""
        return blake2b(self.encode().encode(), digest_size=4).hexdigest()

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
    saved = reproducer_of(problem, subject)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{problem.violation.requirement}-{saved.digest}.json"
    path.write_text(saved.encode(), encoding="utf-8")
    return path


def load(path: Path) -> Reproducer:
    """
    Read a reproducer.

    Raises `Invalid` with the reason, in one line, if the file is not one: missing,
    cut short, of another version, or about something this suite does not know.
    """
    document = from_format_2(read_json(path, "reproducer"))
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise Invalid(f"{shown(path)} has format {shown(found)}; this version reads {FORMAT!r}")
    if reason := complaint(document, "reproducer.schema.json"):
        raise Invalid(f"{shown(path)} is damaged: {printable(reason)}")
    whole = Value(document, f"{shown(path)} is damaged")
    require_bounds(whole.member("case"))
    try:
        case = decode_case(document["case"])
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"{whole.file}: $.case: {printable(str(error))}") from None
    return _read(whole, case)


def _read(whole: Value, case: Case) -> Reproducer:
    recovered, trace = whole.member("recovered"), whole.member("trace")
    return Reproducer(
        suite=whole.member("suite").text(),
        subject=whole.member("subject").text(),
        requirement=whole.member("requirement").text(),
        message=whole.member("message").text(),
        case=case,
        crash_model=None
        if whole.data["crash_model"] is None
        else whole.member("crash_model").text(),
        trace=None if trace.data is None else trace_of(trace),
        crashes=tuple(_read_crash(crash) for crash in whole.member("crashes").items()),
        expected=_read_records(whole.member("expected")),
        recovered=None if recovered.data is None else _read_records(recovered),
        error=whole.member("error").text(),
    )


# Crashes and records


def _crashes(finding: Finding | None) -> Iterator[SavedCrash]:
    while finding is not None:
        yield SavedCrash(finding.crash_point, finding.lost, finding.image)
        finding = finding.inner


def _encode_crash(crash: SavedCrash) -> dict[str, Any]:
    files, zeros = {}, {}
    for path, content in crash.image.files.items():
        written = content.rstrip(b"\0")
        if len(content) - len(written) >= MANY_ZEROS:
            zeros[path], content = len(content) - len(written), written
        files[path] = b64encode(content).decode()
    image = {"directories": sorted(crash.image.directories), "files": files}
    document = {"point": crash.point, "lost": list(crash.lost), "image": image}
    return {**document, "zeros": zeros} if zeros else document


def _read_crash(value: Value) -> SavedCrash:
    members = value.members(("point", "lost", "image"), ("zeros",))
    lost = tuple(each.text() for each in members["lost"].items())
    image = read_image(members["image"])
    if "zeros" in members:
        image = evolve(image, files=_with_zeros(image.files, members["zeros"]))
    return SavedCrash(members["point"].number("point"), lost, image)


def _with_zeros(files: Mapping[str, bytes], zeros: Value) -> dict[str, bytes]:
    """Put zeros behind the files that have them, which may have as many as one file together."""
    whole, left = dict(files), FILE_BYTES.most
    for path, count in zeros.entries():
        if path not in whole:
            count.refuse("the path of a file of the image")
        number = count.whole(evolve(FILE_BYTES, most=left))
        whole[path] += bytes(number)
        left -= number
    return whole


def _encode_records(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {"offset": offset, "payload": b64encode(payload).decode()} for offset, payload in records
    ]


def _read_records(value: Value) -> tuple[Record, ...]:
    return tuple(
        (record.member("offset").number("offset"), record.member("payload").content())
        for record in value.items()
    )
