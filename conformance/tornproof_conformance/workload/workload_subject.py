"""
A workload as a subject of the runner: recorded once, and looked at after each crash.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from attrs import define, field, frozen
from tornproof.errors import Invalid
from tornproof_models.contract import workload as contract
from tornproof_models.contract.journal import Violation
from tornproof_models.contract.workload import Answer, States
from tornproof_models.crash.subject import Options
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import MARKS
from tornproof_models.disk.versions import SECTOR_BYTES

from tornproof_conformance.adapter import scratch
from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.power.image_directories import clear_away
from tornproof_conformance.workload.asking import HERE, Promises
from tornproof_conformance.workload.laid_out import LaidOut, laid_out
from tornproof_conformance.workload.places import Places, Questions, Visit
from tornproof_conformance.workload.recorded_workload import (
    RecordedWorkload,
    WorkloadFails,
    record_workload,
    run_until,
)

ERROR_STREAM = 2
"""What the setup prints goes to standard error; standard output is for the report."""

PRINTED_FILE = "printed"
"""Where a recovery that is recorded finds what the workload had printed."""

KEPT = "kept"
"""Where the files lie that are never written."""


@frozen
class Given:
    """What the user has given."""

    workload: tuple[str, ...]
    questions: Questions
    setup: str | None = None
    timeout: float = 60.0
    sector_bytes: int = SECTOR_BYTES
    jobs: int = 1
    once_killed: bool = False
    """Whether findings of a kill are tried by a real one."""

    terminal: bool = False
    """Whether the workload writes to a terminal, so that most programs print line by line."""

    every_store: bool = False
    """Whether every store into mapped memory is seen by itself."""

    @property
    def words(self) -> tuple[str, ...]:
        """What is run, in order, for people."""
        asked = self.questions
        named = [
            ("setup", self.setup),
            ("workload", shlex.join(self.workload)),
            ("crash, then recover", asked.recover),
            *(("check", each) for each in asked.checks),
            ("state", asked.state),
        ]
        return tuple(f"{name}: {command}" for name, command in named if command)


@define(eq=False)
class WorkloadSubject:
    """A workload, its recording, and the commands that look at images."""

    given: Given
    recorded: RecordedWorkload
    places: Places
    kept: Path
    """Where the files lie that are never written, by inode."""

    states: States | None = None
    """The states that were there without a crash, if states are told apart."""

    is_recovery: bool = False
    """Whether what was recorded is a recovery, on an image that a crash has left."""

    recoveries: "list[WorkloadSubject]" = field(factory=list, init=False)
    """Recoveries that were recorded, each as what can be crashed in turn."""

    looked: int = field(default=0, init=False)
    """How many images were looked at."""

    @property
    def name(self) -> str:
        """The command."""
        return shlex.join(self.given.workload)

    def open(self, filesystem: ModelFilesystem, options: Options) -> NoReturn:
        """Raise `Invalid`."""
        del filesystem, options
        raise Invalid(f"{self.name} is no journal")

    @classmethod
    @contextmanager
    def prepared(cls, given: Given) -> "Iterator[WorkloadSubject]":
        """
        Set a directory up, record the workload in it, and open places for its images.

        Raises what `record_workload` raises, and `WorkloadFails` for a setup that fails.
        """
        owner = _Owner()
        root = scratch.claim(owner)
        root.chmod(0o755)
        places = Places(root, given.questions, given.timeout, given.jobs)
        places.root.mkdir(parents=True)
        _set_up(given.setup, places.root)
        recorded = record_workload(
            given.workload,
            places.root,
            root / "log",
            environment=_environment(),
            timeout=given.timeout,
            terminal=given.terminal,
            every_store=given.every_store,
        )
        clear_away(str(places.root))
        with places.opened():
            yield cls(given, recorded, places, _keep(recorded, root / KEPT))
        del owner

    def ask(
        self,
        space: ImageSpace,
        choice: Choice,
        point: int,
        *,
        emptied: bool = False,
        reboots: bool = False,
    ) -> "Future[tuple[Answer, ...]]":
        """
        Lay an image of a crash point out, and ask all commands about it.

        With `emptied` all that was written is gone; with `reboots` the machine starts again also
        where only processes were killed.
        """
        self.looked += 1
        image, lines = self.image(space, choice), self.recorded.lines_before(point)
        return self.places.ask(Visit(image, lines, emptied, reboots or space.reboots))

    def image(self, space: ImageSpace, choice: Choice) -> LaidOut:
        """Say what a choice leaves as a directory."""
        return laid_out(space, choice, self.recorded, self.kept)

    def record_recovery(
        self, image: LaidOut, lines: tuple[bytes, ...], *, reboots: bool
    ) -> "WorkloadSubject":
        """
        Run the recovery on an image, recorded, so that it can be crashed.

        `lines` are those that had been printed before the first crash; with `reboots` the machine
        starts again after it, and once more after a crash of the recovery.  Raises what
        `record_workload` raises.
        """
        recover = self.given.questions.recover
        assert recover is not None
        number, root = len(self.recoveries), self.places.root
        image.write(str(root))
        promises = Promises(lines, self.places.scratch / PRINTED_FILE)
        boot = NextBoot(self.places.scratch) if reboots else None
        try:
            recorded = record_workload(
                ("/bin/sh", "-c", recover),
                root,
                self.places.scratch / "log",
                environment=promises.environment(),
                timeout=self.given.timeout,
                promised=lines,
                boot=boot,
            )
        finally:
            clear_away(str(root))
            if boot is not None:
                boot.stop()
        kept = _keep(recorded, self.places.scratch / f"{KEPT}-{number}")
        nested = WorkloadSubject(self.given, recorded, self.places, kept, self.states, True)
        self.recoveries.append(nested)
        return nested

    def kill(self, point: int) -> tuple[tuple[Answer, ...], tuple[bytes, ...]] | None:
        """
        Run the workload again, and really kill it at a crash point.

        Returns what the commands say of what it has left, and what it had printed; none if it
        came to its end before.  Raises what `run_until` raises.
        """
        events = self.recorded.trace.events[:point]
        root = self.places.root
        root.mkdir(parents=True)
        try:
            _set_up(self.given.setup, root)
            lines = run_until(
                self.given.workload,
                root,
                environment=_environment(),
                timeout=self.given.timeout,
                operations=sum(not isinstance(event, MARKS) for event in events),
            )
            return None if lines is None else (self.places.ask_there(lines, reboots=False), lines)
        finally:
            clear_away(str(root))

    def violations(self, answers: Sequence[Answer], printed: int) -> Iterator[Violation]:
        """Judge what the commands have said, when so many lines had been printed."""
        for answer in answers:
            if answer.command == self.given.questions.state:
                assert self.states is not None
                found = self.states.violation(answer, printed)
            else:
                found = contract.judge_check(answer, recovered_again=self.is_recovery)
            if found is not None:
                yield found


def _keep(recorded: RecordedWorkload, directory: Path) -> Path:
    """Lay down the files that are never written; return the directory."""
    directory.mkdir()
    for inode, content in recorded.still.items():
        (directory / str(inode)).write_bytes(content)
    return directory


class _Owner:
    """Lives as long as a scratch directory is needed."""


def _environment() -> dict[str, str]:
    """Return the environment of a workload."""
    return {**os.environ, HERE: str(Path.cwd()), "PYTHONUNBUFFERED": "1"}


def _set_up(command: str | None, directory: Path) -> None:
    if command is None:
        return
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=ERROR_STREAM,
        env={**os.environ, HERE: str(Path.cwd())},
        check=False,
    )
    if done.returncode:
        raise WorkloadFails(f"the setup ends with exit code {done.returncode}: {command}")
