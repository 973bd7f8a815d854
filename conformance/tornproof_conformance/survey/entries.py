"""
The entries of the survey: foreign software at pinned versions, and what each needs before it runs.

`conformance/survey/` has a directory for each language, with a kit that speaks the adapter
protocol, one file for each adapter, and a Makefile that builds one entry.  Its list,
`survey.toml`, names every entry: the version, how the software is used, and what its own
documentation promises.
"""

import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from attrs import field, frozen
from tornproof.errors import Invalid
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS

NO_CRASH = "none"
"""Stands for a crash model where software does harm, or survives nothing else, without a crash."""

LAST_LINES = 8
"""Lines that are shown of what a tool says when it fails."""

TOOLS: Mapping[str, tuple[str, ...]] = {
    "c": ("make", "cc", "pkg-config"),
    "go": ("make", "go"),
    "java": ("make", "javac", "mvn"),
    "node": ("make", "node", "npm"),
    "python": ("make",),
    "ruby": ("make", "ruby", "gem"),
    "rust": ("make", "cargo"),
}
"""The programs that build the entries of a language."""


def _tuple(values: Any) -> tuple[str, ...]:
    return tuple(values)


@frozen(kw_only=True)
class Entry:
    """One version of a piece of software, used in one way."""

    name: str
    software: str
    version: str
    language: str
    """Of the library's interface; the directory that has its adapter."""

    adapter: str
    source: str
    """Where the documentation is that speaks of `setting` or `promise`."""

    setting: str
    """How it is used."""

    promise: str | None = None
    """Quoted; none if nothing was found that speaks of a crash."""

    packages: tuple[str, ...] = field(default=(), converter=_tuple)
    """Pinned, as the language's own tool names them."""

    arguments: tuple[str, ...] = field(default=(), converter=_tuple)
    options: str = ""
    """What its compiler is given."""

    survives: str = CLAIMED[-1]
    """The harshest crash model of which the promise speaks; `none` if it speaks of no crash."""

    bug: str | None = None
    """A published one that this version has."""

    fixed_in: str | None = None
    """The entry in which that bug is fixed."""

    reported: str | None = None
    """A program that shows `bug`, where those that every entry runs do not."""

    expected: Mapping[str, str] | None = None
    """What was found: for each time of its life, the mildest crash model that does harm."""

    @property
    def executable(self) -> Path:
        """What its Makefile builds."""
        return directory() / self.language / "build" / self.name / "adapter"

    @property
    def runnable(self) -> tuple[str, ...]:
        """The command with whole paths."""
        return (str(self.executable), *self.arguments)

    def promises(self, crash_model: str) -> bool:
        """Whether a promise speaks of crashes in a crash model."""
        return self.promise is not None and harshness_of(crash_model) <= harshness_of(self.survives)


def harshness_of(crash_model: str) -> int:
    """Return how harsh a crash model is, to compare; no crash is the mildest of all."""
    return -1 if crash_model == NO_CRASH else CRASH_MODELS[crash_model].harshness


def directory() -> Path:
    """Find the adapters of the survey.  Raises `Invalid` outside a checkout."""
    found = Path(__file__).resolve().parents[2] / "survey"
    if not found.is_dir():
        raise Invalid("the adapters of the survey are in a checkout of the project only")
    return found


@cache
def _listed() -> Mapping[str, Any]:
    return tomllib.loads((directory() / "survey.toml").read_text(encoding="utf-8"))


def unavailable() -> Mapping[str, str]:
    """Read which software is missing from the list, and why."""
    return dict(_listed()["unavailable"])


@cache
def entries() -> Mapping[str, Entry]:
    """Read what there is, by name."""
    listed = _listed().items()
    return {name: Entry(name=name, **entry) for name, entry in listed if name != "unavailable"}


def find(pattern: str) -> list[Entry]:
    """
    Find the entries of a name, or of a pattern such as `raft-wal-*`.

    Raises `Invalid` if there is none.
    """
    if pattern in unavailable():
        raise Invalid(f"{pattern} is not available: {unavailable()[pattern]}")
    found = [entry for name, entry in entries().items() if fnmatchcase(name, pattern)]
    if not found:
        near = get_close_matches(pattern, entries(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`tornproof survey` lists them"
        raise Invalid(f"no entry {pattern!r} in the survey: {hint}")
    return found


def reported_programs(entry: Entry) -> tuple[str, ...]:
    """Return the programs of the reports of an entry's bug, and of those that it has fixed."""
    return tuple(
        each.reported
        for each in entries().values()
        if each.reported and entry.name in (each.name, each.fixed_in)
    )


def missing_tools(entry: Entry) -> tuple[str, ...]:
    """Return the programs that must be installed before an entry can be built."""
    return tuple(tool for tool in TOOLS[entry.language] if shutil.which(tool) is None)


def require_tools(entry: Entry) -> None:
    """Raise `Invalid` if what builds an entry is not there."""
    missing = missing_tools(entry)
    if missing:
        raise Invalid(
            f"{entry.name} is built with {' and '.join(TOOLS[entry.language])}; "
            f"install {' and '.join(missing)} and try again"
        )


def is_built(entry: Entry) -> bool:
    """Tell whether an entry can run as it is."""
    return entry.executable.exists()


def build(entry: Entry) -> None:
    """
    Install or build what an entry needs, at the versions that are pinned.

    Raises `Invalid` if a tool fails, with what it says.
    """
    values = {
        "ENTRY": entry.name,
        "ADAPTER": entry.adapter,
        "PACKAGES": " ".join(entry.packages),
        "OPTIONS": entry.options,
        "VERSION": entry.version,
        "PYTHON": sys.executable,
    }
    assignments = [f"{name}={value}" for name, value in values.items()]
    command = ["make", "--silent", "-C", str(directory() / entry.language), *assignments]
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    if finished.returncode:
        said = [line for line in finished.stderr.splitlines() if not line.startswith("make: *** [")]
        last = "".join(f"\n  {line}" for line in said[-LAST_LINES:])
        raise Invalid(f"{entry.name} cannot be built; this failed: {shlex.join(command)}{last}")
