"""
Logs that nobody here wrote, and what each needs before it runs.

`conformance/targets/` puts them behind the adapter protocol, at pinned versions; its
list, `targets.toml`, quotes what the documentation of each promises.
"""

import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from attrs import frozen
from tornproof.errors import Invalid
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS

NO_CRASH = "none"
"""Stands for a crash model where a log does harm, or survives nothing else, without a crash."""

LAST_LINES = 8
"""Lines that are shown of what a tool says when it fails."""


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

    survives: str = CLAIMED[-1]
    """The harshest crash model of which the promise speaks; `none` if it speaks of no crash."""

    @property
    def runnable(self) -> tuple[str, ...]:
        """The command with whole paths."""
        program, *arguments = self.command
        if program == "python":
            return (sys.executable, str(directory() / arguments[0]), *arguments[1:])
        return (str(directory() / program), *arguments)

    @property
    def tools(self) -> tuple[str, ...]:
        """The programs that build it."""
        return ("make", {"go": "go", "rust": "cargo"}[self.build[0]]) if self.build else ()

    def promises(self, crash_model: str) -> bool:
        """Whether the promise speaks of crashes in a crash model."""
        return harshness_of(crash_model) <= harshness_of(self.survives)


def harshness_of(crash_model: str) -> int:
    """Return how harsh a crash model is, to compare; no crash is the mildest of all."""
    return -1 if crash_model == NO_CRASH else CRASH_MODELS[crash_model].harshness


def directory() -> Path:
    """Find the adapters of foreign logs.  Raises `Invalid` outside a checkout."""
    found = Path(__file__).resolve().parents[2] / "targets"
    if not found.is_dir():
        raise Invalid("the adapters of foreign logs are in a checkout of the project only")
    return found


@cache
def _listed() -> Mapping[str, Any]:
    return tomllib.loads((directory() / "targets.toml").read_text(encoding="utf-8"))


def unavailable_logs() -> Mapping[str, str]:
    """Read which logs are missing from the list, and why."""
    return dict(_listed()["unavailable"])


@cache
def foreign_logs() -> Mapping[str, ForeignLog]:
    """Read what there is, by name."""
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
            entry.get("survives", CLAIMED[-1]),
        )
        for name, entry in _listed().items()
        if name != "unavailable"
    }


def missing_tools(log: ForeignLog) -> tuple[str, ...]:
    """Return the programs that must be installed before a log can be built."""
    return tuple(tool for tool in log.tools if shutil.which(tool) is None)


def preparations(log: ForeignLog) -> tuple[str, ...]:
    """Say what `prepare` has yet to install or to build; nothing if the log is ready."""
    installed = tuple(f"pip install {each}" for each in log.packages if not _is_installed(each))
    if log.build and not Path(log.runnable[0]).exists():
        return (*installed, f"build it with {log.tools[-1]}")
    return installed


def require_tools(log: ForeignLog) -> None:
    """Raise `Invalid` if what builds a log is not there."""
    missing = missing_tools(log)
    if missing:
        raise Invalid(
            f"{log.name} is built with {' and '.join(log.tools)}; "
            f"install {' and '.join(missing)} and try again"
        )


def prepare(log: ForeignLog) -> None:
    """
    Install or build what a log needs, at the versions that are pinned.

    Raises `Invalid` if a tool fails, with what it says.
    """
    wanted = [each for each in log.packages if not _is_installed(each)]
    if wanted:
        _run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], log)
    if log.build:
        place, output = log.build
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
        said = [line for line in finished.stderr.splitlines() if not line.startswith("make: *** [")]
        last = "".join(f"\n  {line}" for line in said[-LAST_LINES:])
        raise Invalid(f"{log.name} cannot be prepared; this failed: {shlex.join(command)}{last}")
