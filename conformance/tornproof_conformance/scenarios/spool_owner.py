"""
Scenarios about the files of a spool: who can change them, and whether they are a spool's.

A simulated disk has neither links nor permissions, so they are played in a real directory.  A spool
is found by its `spool.json`, as the chapter of the drainer names it.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from tornproof_models.contract.delivery import Mode
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.subject import Subject
from tornproof_models.queues.delivery_program import event_of

from tornproof_conformance.scenarios.scenario import error_code, is_typed, scenario
from tornproof_conformance.vectors.frames import make_frame


@runtime_checkable
class LandsInDirectory(Protocol):
    """A subject whose durable queue can be opened in a directory of this machine."""

    def land_in(self, directory: Path, event: Mapping[str, Any]) -> None:
        """Open the queue of a directory, land an event, and close it.  Raises if it is refused."""
        ...


def _link(file: Path) -> None:
    file.symlink_to(file.rename(_outside(file)))


def _second_name(file: Path) -> None:
    _outside(file).hardlink_to(file)


def _outside(file: Path) -> Path:
    return file.parents[1] / f"outside-{file.name}"


def _writable(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o002)


DIRECTORY, SEGMENT = "the directory", "a segment"
CHANGES: tuple[tuple[str, str, Callable[[Path], None]], ...] = (
    (DIRECTORY, "may be written by everybody", _writable),
    (DIRECTORY, "is a symbolic link", _link),
    (SEGMENT, "may be written by everybody", _writable),
    (SEGMENT, "is a symbolic link", _link),
    (SEGMENT, "has a second name", _second_name),
)
"""What of a spool is changed, in which words, and how."""


@contextmanager
def _with_spool(subject: Subject) -> Iterator[tuple[Path, Path | None]]:
    """Land an event in a new directory; yield that, and the spool in it if there is one."""
    with tempfile.TemporaryDirectory(prefix="tornproof-") as made:
        directory = Path(made).resolve() / "queue"
        directory.mkdir()
        cast("LandsInDirectory", subject).land_in(directory, event_of(1))
        named = next(directory.rglob("spool.json"), None)
        yield directory, named and named.parent


def names_its_spool(subject: Subject) -> bool:
    """Tell whether a subject has a durable queue with a spool as the chapter describes it."""
    if not isinstance(subject, LandsInDirectory):
        return False
    with _with_spool(subject) as (directory, spool):
        return spool is not None and spool != directory and any(spool.glob("*.wal"))


@scenario("DRN-21", claim=Mode.DURABLE.value, where=names_its_spool)
def a_spool_that_others_can_change_is_refused(subject: Subject) -> Iterator[Violation]:
    """A spool with links or second names, or that everybody may write, is refused as it is."""
    for part, words, change in CHANGES:
        with _with_spool(subject) as (directory, spool):
            assert spool is not None
            change(spool if part is DIRECTORY else next(spool.glob("*.wal")))
            before = _contents(spool)
            land = cast("LandsInDirectory", subject).land_in
            code = error_code(land, directory, event_of(2))
            if not is_typed(code):
                yield Violation("DRN-21", f"{part} of a spool {words}: opening it gives {code}")
            elif _contents(spool) != before:
                yield Violation("DRN-21", f"{part} of a spool {words}: refused, and changed")


@scenario("DRN-21", "DRN-39", claim=Mode.DURABLE.value, where=names_its_spool)
def what_is_no_spool_is_refused(subject: Subject) -> Iterator[Violation]:
    """A journal without the name of a spool, or with a record that is no event, is refused."""
    for requirement, words, change in (
        ("DRN-21", "has lost its spool.json", lambda spool: (spool / "spool.json").unlink()),
        ("DRN-39", "has a record that is no event", _append_no_event),
    ):
        with _with_spool(subject) as (directory, spool):
            assert spool is not None
            change(spool)
            before = _contents(spool)
            code = error_code(cast("LandsInDirectory", subject).land_in, directory, event_of(2))
            if not is_typed(code):
                yield Violation(requirement, f"a spool {words}: opening it gives {code}")
            elif _records(before) != _records(_contents(spool)):
                yield Violation(requirement, f"a spool {words}: refused, and its segments changed")


def _append_no_event(spool: Path) -> None:
    with max(spool.glob("*.wal")).open("ab") as segment:
        segment.write(make_frame(b"no event"))


def _records(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in contents.items() if name.endswith(".wal")}


def _contents(spool: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in spool.iterdir()}
