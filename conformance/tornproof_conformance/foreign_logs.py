"""
Logs that nobody here wrote, and what power loss does to them.

`conformance/targets/` puts each behind the adapter protocol.  Here its power is cut:
every program of a short list runs once, recorded, and is crashed everywhere it
matters, in one profile after the other.

Three times of a log's life are told apart.  While it is being *created* nothing was
acknowledged, so nothing can be lost; but a crash may leave something that never
opens again.  *Later* there are records that somebody relies on.  And *after a failed
sync*, when the log has been opened again, what it shows may be in memory alone.
"""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from attrs import define, field, frozen
from tornproof.errors import Invalid
from tornproof_models.contract.journal import Violation
from tornproof_models.disk.filesystem import Fault
from tornproof_models.disk.profiles import CLAIMED, PROFILES
from tornproof_models.disk.trace import Acked, Trace
from tornproof_models.explore.explorer import Explorer
from tornproof_models.explore.findings import Coverage
from tornproof_models.explore.workload import (
    Append,
    Fail,
    Kill,
    Options,
    Program,
    Reopen,
    run,
)

from tornproof_conformance.adapter.target import AdapterTarget
from tornproof_conformance.power.target import RecordedTarget

PROGRAMS: tuple[Program, ...] = (
    (Append(20),),
    (Append(600),),
    (Append(20), Append(30)),
    (Append(600), Append(700)),
    (Append(20), Reopen(), Append(600)),
    (Append(600), Append(700), Append(20)),
)
"""Records within a sector and over several, one behind the other and after a reopening."""

OPTIONS = Options(segment_bytes=4096)

BOUND, SAMPLE = 512, 64
"""Images of a crash point up to which all are judged, and others that are; a database has many."""

CREATED, LATER, FAILED = "while it is created", "later", "after a failed sync"

FIRST, SECOND = Append(5), Append(20)
"""Records before and in the failure; the kernel then holds as clean what is not on disk."""


@frozen
class ForeignLog:
    """A log, its version, and what its own documentation promises."""

    name: str
    log: str
    version: str
    command: tuple[str, ...]
    promise: str
    """Quoted."""

    source: str
    packages: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    """A directory, and what to make in it."""

    @property
    def runnable(self) -> tuple[str, ...]:
        """The command with whole paths."""
        program, *arguments = self.command
        if program == "python":
            return (sys.executable, str(directory() / arguments[0]), *arguments[1:])
        return (str(directory() / program), *arguments)


@frozen
class Harm:
    """What a crash does to a log."""

    time: str
    violation: Violation
    profile: str
    """The mildest in which it happens."""

    program: Program
    lost: tuple[str, ...]


@frozen
class Examined:
    """Everything that was found out about a log."""

    version: str
    harms: tuple[Harm, ...]
    coverage: Coverage


def directory() -> Path:
    """Find the adapters of foreign logs.  Raises `Invalid` outside a checkout."""
    found = Path(__file__).resolve().parents[1] / "targets"
    if not found.is_dir():
        raise Invalid("the adapters of foreign logs are in a checkout of the project only")
    return found


@cache
def foreign_logs() -> Mapping[str, ForeignLog]:
    """Read what there is, by name."""
    text = (directory() / "targets.toml").read_text(encoding="utf-8")
    return {
        name: ForeignLog(
            name,
            entry["log"],
            entry["version"],
            tuple(entry["command"]),
            entry["promise"],
            entry["source"],
            tuple(entry.get("packages", ())),
            tuple(entry.get("build", ())),
        )
        for name, entry in tomllib.loads(text).items()
    }


def prepare(log: ForeignLog) -> None:
    """
    Install or build what a log needs, at the versions that are pinned.

    Raises `Invalid` if a tool is missing or fails.
    """
    wanted = [each for each in log.packages if not _is_installed(each)]
    if wanted:
        _run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], log)
    if log.build:
        place, output = log.build
        tool = {"go": "go", "rust": "cargo"}[place]
        if shutil.which(tool) is None:
            raise Invalid(f"{log.name} is built with {tool}, which is not installed")
        _run(["make", "--silent", "-C", str(directory() / place), output], log)


def _is_installed(requirement: str) -> bool:
    name, _, pinned = requirement.partition("==")
    try:
        return version(name) == pinned
    except PackageNotFoundError:
        return False


def _run(command: list[str], log: ForeignLog) -> None:
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    if finished.returncode:
        last = finished.stderr.strip().splitlines()[-1:]
        raise Invalid(f"{log.name}: {' '.join(command)} failed: {' '.join(last)}")


def examine(log: ForeignLog) -> Iterator[Program | Examined]:
    """Yield each program when it begins, and what was found out at the end."""
    mildest: dict[tuple[str, str], Harm] = {}
    search = _Search()
    with AdapterTarget.running(log.runnable) as adapter, RecordedTarget.of(adapter) as target:
        for program in (*PROGRAMS, *_failing(target)):
            yield program
            for harm in search.run(target, program):
                key = harm.time, harm.violation.requirement
                if key not in mildest or _harshness(harm) < _harshness(mildest[key]):
                    mildest[key] = harm
        said = target.implementation.version
    yield Examined(said, tuple(sorted(mildest.values(), key=_harshness)), search.coverage)


def _failing(target: RecordedTarget) -> Iterator[Program]:
    """Rehearse an append, and let each of its syncs fail and the process die."""
    rehearsed = target.rehearse((FIRST, Fail(1, Fault.ERROR), SECOND), OPTIONS)
    for number, performed in enumerate(rehearsed, start=1):
        if performed.name in ("fsync", "fdatasync"):
            yield FIRST, Fail(number, Fault.ERROR), SECOND, Kill()


@define
class _Search:
    """Runs programs and crashes them."""

    coverage: Coverage = field(factory=Coverage)

    def run(self, target: RecordedTarget, program: Program) -> Iterator[Harm]:
        """Run a program, and crash it in each time of the log's life."""
        running = run(program, target, OPTIONS)
        trace = running.filesystem.trace
        fails = any(isinstance(step, Fail) for step in program)
        for violation in running.violations:
            yield Harm(FAILED if fails else LATER, violation, "none", program, ())
        if fails:
            yield from self._crash(target, program, FAILED, trace, running.armed_after)
            return
        acknowledged = next(n for n, event in enumerate(trace.events) if isinstance(event, Acked))
        created = Trace(trace.initial, trace.events[:acknowledged])
        yield from self._crash(target, program, CREATED, created, 0)
        yield from self._crash(target, program, LATER, trace, acknowledged + 1)

    def _crash(
        self, target: RecordedTarget, program: Program, time: str, trace: Trace, since: int
    ) -> Iterator[Harm]:
        """Crash a trace in one profile after the other, until one does harm."""
        for profile in CLAIMED:
            explorer = Explorer(
                target, OPTIONS, PROFILES[profile], depth=1, bound=BOUND, sample=SAMPLE
            )
            found = explorer.explore(trace, since=since)
            self.coverage.add(explorer.coverage)
            for finding in found:
                yield Harm(time, finding.violation, profile, program, finding.lost)
            if found:
                return  # what is harsher allows the same


def _harshness(harm: Harm) -> int:
    return -1 if harm.profile == "none" else PROFILES[harm.profile].harshness
