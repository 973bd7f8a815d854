"""
A verdict that somebody else can check.

"All images were judged" is a claim about an enumerator.  A certificate lays the claim
open: the trace, where it was crashed, how many images each crash may leave, into which
parts they fall, and what recovery does with each part.  Whoever distrusts the enumerator
counts again, sees that the parts are disjoint and leave nothing out, and judges each
outcome anew.  `check_certificate` does, and shares no code with what is written here.

A part says how many versions of a register it keeps, at the least and at the most; of
a register that it does not mention, any number.  Payloads are given by their SHA-256.

A certificate is about the first crash.  What a second one does to a recovery is judged
by the explorer, and not certified.
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from attrs import asdict, define, field

from tornproof_models.contract.journal import History, Record
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.parts import Part, count
from tornproof_models.disk.profiles import PROFILES
from tornproof_models.disk.registers import Data, Name, Register, Size
from tornproof_models.disk.trace import Trace
from tornproof_models.disk.trace_file import hash_trace, trace_document
from tornproof_models.explore.explorer import Explorer
from tornproof_models.explore.findings import Finding
from tornproof_models.explore.recovering import Outcome
from tornproof_models.explore.workload import Options, Target, advance

FORMAT = "tornproof-certificate/1"

EXACT = 1 << 53
"""Integers above this are written as decimal strings: not every JSON reader holds them."""


@define
class Writer:
    """Takes down what an explorer decides."""

    trace: Trace
    points: dict[int, dict[str, Any]] = field(factory=dict)
    outcomes: dict[str, int] = field(factory=dict)
    _histories: list[History] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._histories.append(History())
        for event in self.trace.events:
            self._histories.append(advance(self._histories[-1], event))

    def observe(self, point: int, space: ImageSpace, part: Part, outcome: Outcome) -> None:
        """Take down one part, and what recovery does with the images in it."""
        if point not in self.points:
            self.points[point] = {
                "event": point,
                "images": write_count(space.count()),
                "owed": write_records(self._histories[point].owed),
                "parts": [],
            }
        text = json.dumps(write_outcome(outcome), sort_keys=True)
        self.points[point]["parts"].append(
            {
                "images": write_count(count(space, part)),
                "decided": decided(space, part),
                "outcome": self.outcomes.setdefault(text, len(self.outcomes)),
            }
        )


def certify(
    target: Target,
    options: Options,
    trace: Trace,
    profile: str,
    *,
    sector_bytes: int = 512,
) -> tuple[dict[str, Any], list[Finding]]:
    """
    Crash a trace once, everywhere, and return the certificate, as JSON's types, and findings.

    A certificate of a trace with findings is as good as any, and its checker finds the same.
    """
    writer = Writer(trace)
    explorer = Explorer(
        target,
        options,
        PROFILES[profile],
        depth=1,
        sector_bytes=sector_bytes,
        observer=writer.observe,
    )
    findings = explorer.explore(trace)
    points = list(writer.points.values())
    document = {
        "format": FORMAT,
        "target": target.name,
        "options": asdict(options),
        "profile": profile,
        "sector_bytes": sector_bytes,
        "crashes": 1,
        "trace": trace_document(trace),
        "trace_sha256": hash_trace(trace),
        "images": write_count(explorer.coverage.images),
        "parts": sum(len(point["parts"]) for point in points),
        "recoveries": explorer.coverage.recovered,
        "crash_points": points,
        "outcomes": [json.loads(text) for text in writer.outcomes],
    }
    return document, findings


def encode_certificate(document: dict[str, Any]) -> bytes:
    """Write a certificate; the same exploration gives the same bytes."""
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode()


def decided(space: ImageSpace, part: Part) -> list[list[Any]]:
    """
    Say what a part decides: [register, versions kept at least, at most, what is there if none].

    The last is the SHA-256 of the sector's content, and null where it is open or a
    matter of course.
    """
    fillings = dict(part.fillings)
    found: list[list[Any]] = []
    for register, positions in space.histories.items():
        least = sum(part.kept >> position & 1 for position in positions)
        most = len(positions) - sum(part.lost >> position & 1 for position in positions)
        content = None
        if positions[0] in fillings:
            content = sha256(_unwritten(space, register, fillings[positions[0]])).hexdigest()
        if least > 0 or most < len(positions):
            found.append([write_register(register), least, most, content])
    return found


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
