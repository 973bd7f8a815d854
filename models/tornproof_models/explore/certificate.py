"""
A verdict that somebody else can check.

"All images were judged" is a claim about an enumerator.  A certificate lays the claim
open: the trace, where it was crashed, how many images each crash may leave, into which
parts they fall, and what recovery does with each part.  Whoever distrusts the enumerator
counts again, sees that the parts leave nothing out, and judges each outcome anew.
`check_certificate` does, and shares no code with what is written here.

The parts of a crash are the leaves of a tree.  At each branch a register is decided: how
many of its versions were kept and, where a sector kept none that might hold several
things, which.  Since no two branches decide it alike, no two parts overlap.

A second crash is certified as the first is, for each distinct recovery of a first: what
it asked of the disk, where that was crashed, and how that came out.

Payloads and contents of sectors are given by their SHA-256.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from attrs import asdict, define, field

from tornproof_models.contract.journal import History, Record
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.parts import Part, count
from tornproof_models.disk.profiles import PROFILES
from tornproof_models.disk.trace import Trace
from tornproof_models.disk.trace_file import hash_trace, trace_document
from tornproof_models.disk.versions import Data, Name, Register, Size
from tornproof_models.explore.explorer import Explorer
from tornproof_models.explore.findings import Finding
from tornproof_models.explore.questions import Ending
from tornproof_models.explore.recovering import Outcome
from tornproof_models.explore.workload import Options, Target

FORMAT = "tornproof-certificate/2"

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
    recoveries: list[dict[str, Any]] = field(factory=list)
    outcomes: dict[str, int] = field(factory=dict)
    contents: dict[bytes, int] = field(factory=dict)
    """Everything that recoveries wrote, each once."""

    _numbers: dict[Ending, int] = field(factory=dict)
    _begun: list[tuple[Ending, Trace]] = field(factory=list)

    def crash(self, point: int, space: ImageSpace, history: History) -> None:
        """Begin with a crash point."""
        written: dict[str, Any] = {"event": point, "images": write_count(space.count())}
        if len(self.frames) == 1:
            written["owed"] = write_records(history.owed)
        self.frames[-1].space = space
        self.frames[-1].points.append(written)

    def decide(self, asked: Sequence[Register], part: Part, ending: Ending) -> None:
        """Take down one part, and what recovery does with the images in it."""
        frame = self.frames[-1]
        assert frame.space is not None
        text = json.dumps(write_outcome(ending.outcome), sort_keys=True)
        leaf: dict[str, Any] = {
            "images": write_count(count(frame.space, part)),
            "outcome": self.outcomes.setdefault(text, len(self.outcomes)),
        }
        if len(self.frames) < self.crashes and ending in self._numbers:
            leaf["recovery"] = self._numbers[ending]
        node: dict[Any, Any] = frame.points[-1]
        key: Any = "parts"
        for register in dict.fromkeys(asked):
            if register in frame.space.histories:
                tree = node.setdefault(key, {"register": write_register(register), "branches": {}})
                node, key = tree["branches"], decision(frame.space, part, register)
        node[key] = leaf

    def begin(self, ending: Ending, trace: Trace) -> None:
        """Go on with crashes of a recovery."""
        self._begun.append((ending, trace))
        self.frames.append(Frame())

    def end(self, *, complete: bool) -> None:
        """Return to the trace that was crashed before."""
        frame, (ending, trace) = self.frames.pop(), self._begun.pop()
        if complete:
            self._numbers[ending] = len(self.recoveries)
            self.recoveries.append({"events": self._events(trace), "crash_points": frame.points})

    def _events(self, trace: Trace) -> list[dict[str, Any]]:
        """Write a recovery's events: contents by number, and what it showed is its outcome."""
        written: list[dict[str, Any]] = trace_document(trace)["events"]
        for event, document in zip(trace.events, written, strict=True):
            if document["event"] == "write":
                data = event.data  # type: ignore[union-attr]
                document["data"] = self.contents.setdefault(data, len(self.contents))
            elif document["event"] == "observed":
                document["records"] = []
        return written


def certify(
    target: Target,
    options: Options,
    trace: Trace,
    profile: str,
    *,
    sector_bytes: int = 512,
    crashes: int = 2,
) -> tuple[dict[str, Any], list[Finding]]:
    """
    Crash a trace everywhere, and return the certificate, as JSON's types, and findings.

    With two `crashes`, every recovery is crashed as well.  A certificate of a trace with
    findings is as good as any, and its checker finds the same.
    """
    writer = Writer(crashes)
    explorer = Explorer(
        target,
        options,
        PROFILES[profile],
        depth=crashes,
        sector_bytes=sector_bytes,
        observer=writer,
    )
    findings = explorer.explore(trace)
    document = {
        "format": FORMAT,
        "target": target.name,
        "options": asdict(options),
        "profile": profile,
        "sector_bytes": sector_bytes,
        "crashes": crashes,
        "trace": trace_document(trace),
        "trace_sha256": hash_trace(trace),
        "images": write_count(explorer.coverage.images),
        "parts": explorer.coverage.parts,
        "ran": explorer.coverage.recovered,
        "crash_points": [write_point(point) for point in writer.frames[0].points],
        "recoveries": [
            {**each, "crash_points": [write_point(point) for point in each["crash_points"]]}
            for each in writer.recoveries
        ],
        "outcomes": [json.loads(text) for text in writer.outcomes],
        "contents": [b64encode(content).decode() for content in writer.contents],
    }
    return document, findings


def encode_certificate(document: dict[str, Any]) -> bytes:
    """Write a certificate; the same exploration gives the same bytes."""
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode()


def write_point(point: Mapping[str, Any]) -> dict[str, Any]:
    """Write a crash point, with its tree of parts."""
    nothing: dict[str, Any] = {"register": [], "branches": {}}
    return {**point, "parts": _tree(point.get("parts", nothing))}


def _tree(node: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a tree into JSON's types: branches as [versions kept, content if none, subtree]."""
    if "branches" not in node:
        return dict(node)
    branches = [[*decided, _tree(child)] for decided, child in node["branches"].items()]
    return {"register": node["register"], "branches": branches}


def decision(space: ImageSpace, part: Part, register: Register) -> tuple[int, str | None]:
    """
    Say what a part decides of a register: how many versions it keeps, and what is there if none.

    The latter is the SHA-256 of a sector's content; null where it is a matter of course.
    """
    positions = space.histories[register]
    kept = sum(part.kept >> position & 1 for position in positions)
    for first, filling in part.fillings:
        if first == positions[0]:
            return kept, sha256(_unwritten(space, register, filling)).hexdigest()
    return kept, None


def _unwritten(space: ImageSpace, register: Register, filling: int) -> bytes:
    """Return what a sector holds of which no version was kept: a filling, or its floor."""
    assert isinstance(register, Data)
    if filling >= 0:
        return space.fillings[space.histories[register][0]][filling]
    registers = space.builder.registers
    return registers.sectors[register.inode].get(register.sector, bytes(registers.sector_bytes))


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
    records = None if outcome.records is None else write_records(outcome.records)
    return {"records": records, "error": outcome.error}


def write_records(records: Sequence[Record]) -> list[list[Any]]:
    """Write records as pairs of offset and SHA-256."""
    return [[offset, sha256(payload).hexdigest()] for offset, payload in records]


def write_count(number: int) -> int | str:
    """Write a number so that every reader of JSON gets it right."""
    return number if number <= EXACT else str(number)
