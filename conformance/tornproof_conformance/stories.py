"""
Tell a problem: the program, the crashes, the bytes, what was owed and what came.
"""

from collections.abc import Iterator

from tornproof_models.contract.journal import Record
from tornproof_models.disk import trace
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image, Trace, number_inodes
from tornproof_models.explore.explorer import Finding, recover
from tornproof_models.explore.workload import DIRECTORY, Target, run

from tornproof_conformance.cases import (
    MachineCase,
    Problem,
    ProgramCase,
    ScenarioCase,
    VectorCase,
)
from tornproof_conformance.events import CrashStory, FileStory, ViolationFound
from tornproof_conformance.frames import read_frames
from tornproof_conformance.shrinking import profile_of
from tornproof_conformance.specification import requirement

LAST_EVENTS = 12
"""How many events before a crash a story shows; what came before is in the program."""

BEGINNING_BYTES = 48


def tell(problem: Problem, target: Target, reproducer: str) -> ViolationFound:
    """Turn a problem into the event that reports show."""
    finding = problem.finding
    recovered = finding.recovered if finding else None
    return ViolationFound(
        requirement=problem.violation.requirement,
        message=problem.violation.message,
        sentence=requirement(problem.violation.requirement).sentence,
        program=_program(problem),
        profile=profile_of(problem.case),
        crashes=tuple(_crashes(problem, target)),
        expected=_sizes(finding.owed) if finding else (),
        recovered=_sizes(recovered) if recovered is not None else None,
        error=finding.error if finding else "",
        reproducer=reproducer,
    )


def _program(problem: Problem) -> tuple[str, ...]:
    match problem.case:
        case ProgramCase(program, options):
            opening = f"open({options.durability}, segments of {options.segment_bytes} bytes)"
            return (opening, *map(str, program))
        case ScenarioCase(name):
            return (f"scenario {name}",)
        case VectorCase(name):
            return (f"open the image of vector {name}",)
        case MachineCase(machine, _, _, steps):
            return (machine, *steps)


def _crashes(problem: Problem, target: Target) -> Iterator[CrashStory]:
    if problem.finding is None or not isinstance(problem.case, ProgramCase):
        return
    options = problem.case.options
    finding: Finding | None = problem.finding
    trace = run(problem.case.program, target, options).filesystem.trace
    while finding is not None:
        yield CrashStory(
            tuple(describe_trace(trace, finding.crash_point))[-LAST_EVENTS:],
            finding.lost,
            tuple(_files(finding.image)),
        )
        trace = recover(target, options, ModelFilesystem(finding.image)).trace
        finding = finding.inner


def _files(image: Image) -> Iterator[FileStory]:
    for path, content in sorted(image.files.items()):
        yield FileStory(
            path.removeprefix(f"{DIRECTORY}/"),
            len(content),
            tuple((frame.position, frame.size, frame.verdict) for frame in read_frames(content)),
            content[:BEGINNING_BYTES].hex(" "),
        )


def _sizes(records: tuple[Record, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((offset, len(payload)) for offset, payload in records)


def describe_trace(recorded: Trace, end: int | None = None) -> Iterator[str]:
    """Say each event of a trace, up to a number of them, in a few words."""
    inodes = number_inodes(recorded.initial)
    names = {inode: path.rpartition("/")[2] for path, inode in inodes.items()}
    for event in recorded.events[:end]:
        match event:
            case trace.Create(_, name, inode) | trace.MakeDirectory(_, name, inode):
                names[inode] = name
                yield f"create {name}"
            case trace.Rename(_, source, _, target):
                names = {n: target if name == source else name for n, name in names.items()}
                yield f"rename {source} to {target}"
            case trace.Unlink(_, name):
                yield f"unlink {name}"
            case trace.Write(inode, offset, data):
                file = names.get(inode, f"file {inode}")
                yield f"write {len(data)} bytes at {offset} of {file}"
            case trace.Truncate(inode, size):
                yield f"truncate {names.get(inode, f'file {inode}')} to {size}"
            case trace.Sync(inode):
                yield f"fsync {names.get(inode, f'file {inode}')}"
            case trace.SyncDirectory(inode):
                yield f"fsync directory {names.get(inode, '/')}"
            case trace.SyncFailed(inode):
                yield f"fsync of {names.get(inode, f'file {inode}')} FAILS"
            case trace.Invoked(call, operation, payload):
                yield f"▸ call {_call(call)}: {operation}({len(payload)} bytes)"
            case trace.Acked(call, offset, durable):
                promise = "durable" if durable else "accepted"
                yield f"◂ call {_call(call)} returns: offset {offset}, {promise}"
            case trace.Failed(call):
                yield f"◂ call {_call(call)} fails"
            case trace.Flushed(operation):
                yield f"◂ {operation} returns"
            case trace.Observed(records):
                yield f"◂ open returns: {len(records)} record{'s'[: len(records) != 1]} shown"


def _call(number: int) -> str:
    return str(number) if number < 1 << 20 else "after recovery"
