"""
Write a verdict as a certificate that other code can check.

"All images were judged" is a claim about an enumerator.  A certificate lays the claim
open: the trace, where it was crashed, how many images each crash may leave, into which
parts they fall, and what recovery does with each part.  Whoever distrusts the enumerator
counts again, sees that the parts leave nothing out, and judges each outcome anew.
`check_certificate` does, and shares no code with what is written here.

The parts of a crash are the leaves of a tree.  At each branch a register is decided: how
many of its versions were kept, and what it holds then.  Every branch that is possible is
there, once: so no image is left out, and no two parts overlap.

A second crash is certified as the first is, for each distinct recovery of a first: what
it asked of the disk, where that was crashed, and how that came out.

Payloads and contents of sectors are given by their SHA-256.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from attrs import asdict, define, field

from tornproof_models.contract.journal import History
from tornproof_models.crash.decision_tree import Ending
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.findings import Coverage, Finding, digits
from tornproof_models.crash.recovery import Outcome
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.image_sets import Part, value
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Event, Image, Observed, Trace
from tornproof_models.disk.trace_file import hash_trace, trace_document
from tornproof_models.disk.versions import Data, Name, Register, Size

FORMAT = "tornproof-certificate/4"

EXACT = 1 << 53
"""Integers above this are written as decimal strings: not every JSON reader holds them."""


@define
class Frame:
    """A trace that is being crashed: the workload's, or that of a recovery."""

    points: list[dict[str, Any]] = field(factory=list)
    space: ImageSpace | None = None
    """The images of the latest crash point."""


@define
class Writer:
    """Takes down what an explorer decides."""

    crashes: int
    frames: list[Frame] = field(factory=lambda: [Frame()])
    endings: list[dict[str, Any]] = field(factory=list)
    """How recoveries end; of those that were crashed in turn, how they went as well."""

    contents: dict[str, int] = field(factory=dict)
    """Everything that recoveries wrote, each once, in base64."""

    _numbers: dict[Ending | Outcome, int] = field(factory=dict)
    """The ending of a recovery that was crashed, and of each outcome of the others."""

    _begun: list[tuple[Ending, Trace]] = field(factory=list)

    def crash(self, point: int, space: ImageSpace, history: History) -> None:
        """Begin with a crash point; what is owed there follows from the trace."""
        del history
        self.frames[-1].space = space
        self.frames[-1].points.append({"event": point, "images": write_count(space.count())})

    def decide(self, asked: Sequence[Register], part: Part, ending: Ending) -> None:
        """Take down one part, and what recovery does with the images in it."""
        frame = self.frames[-1]
        assert frame.space is not None
        leaf: Ending | Outcome = ending if ending in self._numbers else ending.outcome
        if leaf not in self._numbers:
            self._add(leaf, {"outcome": write_outcome(ending.outcome)})
        node: dict[Any, Any] = frame.points[-1]
        key: Any = "parts"
        for register in dict.fromkeys(asked):
            if register in frame.space.histories:
                tree = node.setdefault(key, {"register": write_register(register), "branches": {}})
                node, key = tree["branches"], decision(frame.space, part, register)
        node[key] = self._numbers[leaf]

    def begin(self, ending: Ending, trace: Trace) -> None:
        """Go on with crashes of a recovery."""
        self._begun.append((ending, trace))
        self.frames.append(Frame())

    def end(self, *, complete: bool) -> None:
        """Return to the trace that was crashed before."""
        frame, (ending, trace) = self.frames.pop(), self._begun.pop()
        if complete:
            written = {
                "outcome": write_outcome(ending.outcome),
                "events": self._events(trace),
                "crash_points": [write_point(point) for point in frame.points],
            }
            self._add(ending, written)

    def _add(self, ending: Ending | Outcome, written: dict[str, Any]) -> None:
        self._numbers[ending] = len(self.endings)
        self.endings.append(written)

    def _events(self, trace: Trace) -> list[dict[str, Any]]:
        """Write a recovery's events: contents by number, and what it showed is its outcome."""
        events = without_records(trace.events)
        written: list[dict[str, Any]] = trace_document(Trace(Image(), events))["events"]
        for document in written:
            if document["event"] == "write":
                content = document["data"]
                document["data"] = self.contents.setdefault(content, len(self.contents))
        return written


def certify(
    subject: Subject,
    options: Options,
    trace: Trace,
    crash_model: str,
    *,
    sector_bytes: int = 512,
    crashes: int = 2,
    program: str = "",
    versions: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], list[Finding], Coverage]:
    """
    Crash a trace everywhere; return the certificate, as JSON's types, findings and coverage.

    `program` is what left the trace, as it is written on the command line, empty if that is
    not known; `versions` are those of whoever certifies.

    With two `crashes`, every recovery is crashed as well.  A certificate of a trace with
    findings is as good as any, and its checker finds the same.
    """
    writer = Writer(crashes)
    explorer = Explorer(
        subject,
        options,
        CRASH_MODELS[crash_model],
        depth=crashes,
        sector_bytes=sector_bytes,
        observer=writer,
    )
    findings = explorer.explore(trace)
    document = {
        "format": FORMAT,
        "versions": dict(versions or {}),
        "subject": subject.name,
        "program": program,
        "options": asdict(options),
        "crash_model": crash_model,
        "rules": rules_of(crash_model),
        "sector_bytes": sector_bytes,
        "crashes": crashes,
        "trace": trace_document(trace),
        "trace_sha256": hash_trace(trace),
        "images": write_count(explorer.coverage.images),
        "parts": explorer.coverage.parts,
        "crash_points": [write_point(point) for point in writer.frames[0].points],
        "endings": writer.endings,
        "contents": list(writer.contents),
    }
    return document, findings, explorer.coverage


def rules_of(crash_model: str) -> dict[str, str]:
    """Return the rules of a crash model, each by its name: what a certificate stands on."""
    return {rule.name: rule.sentence for rule in CRASH_MODELS[crash_model].rules}


def encode_certificate(document: dict[str, Any]) -> bytes:
    """Write a certificate; the same exploration gives the same bytes."""
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode()


def write_point(point: Mapping[str, Any]) -> dict[str, Any]:
    """Write a crash point, with its tree of parts."""
    nothing: dict[str, Any] = {"register": [], "branches": {}}
    return {**point, "parts": _tree(point.get("parts", nothing))}


def _tree(node: Any) -> Any:
    """Turn a tree into JSON's types: branches as [versions kept, what is held, subtree]."""
    if isinstance(node, int):
        return node
    branches = [[*decided, _tree(child)] for decided, child in sorted(node["branches"].items())]
    return {"register": node["register"], "branches": branches}


def decision(space: ImageSpace, part: Part, register: Register) -> tuple[int, str | int | None]:
    """
    Say what a part decides of a register: how many versions it keeps, and what it holds then.

    The content of a sector is given by its SHA-256.
    """
    kept = sum(part.kept >> position & 1 for position in space.histories[register])
    held = value(space, part, register)
    return kept, sha256(held).hexdigest() if isinstance(held, bytes) else held


def write_register(register: Register) -> list[Any]:
    """Name a register in JSON's types."""
    match register:
        case Data(inode, sector):
            return ["data", inode, sector]
        case Size(inode):
            return ["size", inode]
        case Name(directory, name):
            return ["name", directory, name]


def write_outcome(outcome: Outcome) -> dict[str, Any]:
    """Write what a recovery did: the records it showed, none if it refused, and the error."""
    records = None
    if outcome.records is not None:
        records = [[offset, sha256(payload).hexdigest()] for offset, payload in outcome.records]
    return {"records": records, "error": outcome.error}


def without_records(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return what a recovery did, without what it showed: that is its outcome."""
    return tuple(Observed(()) if isinstance(event, Observed) else event for event in events)


def write_count(number: int) -> int | str:
    """Write a number so that every reader of JSON gets it right."""
    return number if number <= EXACT else digits(number)
