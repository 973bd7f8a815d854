"""
Places where images are laid out, all at the path at which the workload ran.

Absolute paths inside files hold only there.  Several images are looked at at the same time by
workers in mount namespaces of their own: each sees its own directory at that path.  Where no
namespace is to be had there is one place, and the images come one after the other.
"""

import ctypes
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from attrs import define, evolve, field, frozen
from tornproof_models.contract.workload import Answer

from tornproof_conformance.lifetime.next_boot import EVERYTHING, NextBoot
from tornproof_conformance.power.image_directories import clear_away
from tornproof_conformance.workload.asking import Promises, ask
from tornproof_conformance.workload.laid_out import LaidOut
from tornproof_conformance.workload.resident_checks import ask_resident, end_residents

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000

BOX, WORK = "box", "work"
"""The directory that each worker has for itself, and the one of the workload in it."""


@frozen
class Questions:
    """The commands that are run in each image, in this order."""

    recover: str | None = None
    """A command that must succeed before the others run."""

    checks: tuple[str, ...] = ()
    state: str | None = None
    is_resident: bool = False
    """Whether the checks stay, and are asked line by line."""

    @property
    def commands(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(filter(None, (self.recover, *self.checks, self.state)))

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the command line that ask them."""
        pairs = [("--check", each) for each in self.checks]
        pairs += [("--recover", self.recover)] if self.recover else []
        pairs += [("--state", self.state)] if self.state else []
        words = tuple(word for pair in pairs for word in pair)
        return (*words, "--resident") if self.is_resident else words


class Writable(Protocol):
    """An image that can be laid out."""

    def write(self, root: str) -> None:
        """Make the directory.  Raises `OSError`."""


@frozen
class Visit:
    """One image, and what is asked of it."""

    laid_out: LaidOut
    lines: tuple[bytes, ...]
    """What the workload had printed."""

    emptied: bool = False
    """Whether every file that was written is cut to nothing first."""

    reboots: bool = False
    """Whether the machine has started again since the crash; else only processes were killed."""


@define
class Places:
    """Where images are laid out and looked at."""

    scratch: Path
    questions: Questions
    timeout: float
    """Seconds that a command may take."""

    jobs: int = 1
    visible: tuple[str, ...] = field(default=(), init=False)
    """What commands see of the time before a loss of power, and would not see after one."""

    _restarts: bool = field(default=True, init=False)
    """Whether the machine starts again after a loss of power."""

    _pool: ProcessPoolExecutor | None = field(default=None, init=False)

    @property
    def root(self) -> Path:
        """The path of every image."""
        return self.scratch / BOX / WORK

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Start the workers; without namespaces there are none, and `jobs` is 1 from then on."""
        (self.scratch / BOX).mkdir(exist_ok=True)
        if self.jobs > 1:
            self._pool = ProcessPoolExecutor(
                self.jobs,
                multiprocessing.get_context("spawn"),
                _enter,
                (str(self.scratch),),
            )
            if not self._pool.submit(_has_entered).result():
                self.become_one()
        try:
            yield
        finally:
            self.become_one()
            end_residents()
            end_boots()

    def become_one(self) -> None:
        """Go on without workers."""
        self.jobs = 1
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def try_restart(self) -> bool:
        """Start a machine again; say whether some commands may fail there that pass here."""
        boot = boot_in(self.scratch)
        boot.start(())
        self.visible = boot.visible
        return boot.has_one_user

    def forgo_restarts(self) -> None:
        """Run all commands on this machine from now on."""
        self._restarts, self.visible = False, EVERYTHING

    def look(
        self, image: Writable, lines: tuple[bytes, ...], *, reboots: bool
    ) -> tuple[Answer, ...]:
        """Look at an image here and now, without a worker (see `Visit`)."""
        self.root.parent.mkdir(exist_ok=True)
        image.write(str(self.root))
        return self.ask_there(lines, reboots=reboots)

    def ask_there(self, lines: tuple[bytes, ...], *, reboots: bool) -> tuple[Answer, ...]:
        """Run the commands in what lies at the path, and clear it away (see `Visit`)."""
        return _questioned(
            str(self.scratch),
            lines,
            self.questions,
            self.timeout,
            reboots=reboots and self._restarts,
        )

    def ask(self, visit: Visit) -> "Future[tuple[Answer, ...]]":
        """Lay an image out and run the commands in it, now or soon."""
        visit = evolve(visit, reboots=visit.reboots and self._restarts)
        arguments = str(self.scratch), visit, self.questions, self.timeout
        if self._pool is not None:
            return self._pool.submit(look, *arguments)
        future: Future[tuple[Answer, ...]] = Future()
        future.set_result(look(*arguments))
        return future


def look(scratch: str, visit: Visit, questions: Questions, timeout: float) -> tuple[Answer, ...]:
    """Lay an image out, run the commands in it, and clear it away; return what they said."""
    root = str(Path(scratch, BOX, WORK))
    visit.laid_out.write(root)
    if visit.emptied:
        visit.laid_out.empty(root)
    return _questioned(scratch, visit.lines, questions, timeout, reboots=visit.reboots)


def _questioned(
    scratch: str,
    lines: tuple[bytes, ...],
    questions: Questions,
    timeout: float,
    *,
    reboots: bool,
) -> tuple[Answer, ...]:
    """Run the commands in what is laid out, and clear it away."""
    root = Path(scratch, BOX, WORK)
    boot = boot_in(Path(scratch)) if reboots else None
    promises = Promises(lines, Path(scratch, f"printed-{os.getpid()}"))
    environment = promises.environment()
    answers: list[Answer] = []
    try:
        for command in questions.commands:
            stays = questions.is_resident and command in questions.checks
            answer = (ask_resident if stays else ask)(command, root, environment, timeout, boot)
            answers.append(answer)
            if command == questions.recover and not answer.passes:
                break
    finally:
        clear_away(str(root))
        promises.file.unlink(missing_ok=True)
    return tuple(answers)


# A worker's own machine, and its own view of the filesystem

_boots: dict[Path, NextBoot] = {}


def boot_in(scratch: Path) -> NextBoot:
    """Return the machine of this process that has started again; it lasts until `end_boots`."""
    return _boots.setdefault(scratch, NextBoot(scratch))


def end_boots() -> None:
    """End what runs on such machines; those of workers end with them."""
    for boot in _boots.values():
        boot.stop()
    _boots.clear()


_entered: list[str] = []
"""The place that this process has for itself, if it has one."""


def _has_entered() -> bool:
    return bool(_entered)


def _enter(scratch: str) -> None:
    """Try to give this process a place of its own: where namespaces are forbidden it has none."""
    with suppress(OSError):
        _go_in(scratch)
        _entered.append(scratch)


def _go_in(scratch: str) -> None:
    """Put a directory of this process's own in place of the box.  Raises `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS):
        if libc.unshare(CLONE_NEWNS | CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "no mount namespace")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    own = tempfile.mkdtemp(prefix="place-", dir=scratch)
    Path(own).chmod(0o755)
    box = str(Path(scratch, BOX))
    for source, target, flags in (("none", "/", MS_REC | MS_PRIVATE), (own, box, MS_BIND)):
        if libc.mount(source.encode(), target.encode(), None, flags, None):
            raise OSError(ctypes.get_errno(), f"cannot mount {target}")
