"""
A real directory with the interface of a simulated disk.

A workload keeps its marks beside what happens on its disk, puts images on it and
looks at what is there.  A directory can do all that.  It cannot be told to fail,
and it does not see what is done to it; what needs that is not asked of an
adapter, or is asked with a recorder around it.

Each disk is a fresh directory, and is removed when nobody needs it any more.
"""

import weakref
from collections.abc import Callable
from pathlib import Path

from tornproof.errors import Invalid
from tornproof_models.crash.subject import DIRECTORY
from tornproof_models.disk.faults import Fault, Kind
from tornproof_models.disk.trace import Event, Image, Trace
from tornproof_models.documents.words import printable

from tornproof_conformance.adapter.left_behind import read_tree, remove
from tornproof_conformance.adapter.speaking.diagnosis import (
    AdapterBroken,
    Diagnosis,
    Nonsense,
    WritesOutside,
)


class DirectoryDisk:
    """A directory that begins as an image, and the marks of what was asked and answered."""

    armed = False
    operations = 0
    """Of the operations of a process nothing is known."""

    largest_read = 0

    def __init__(
        self, root: Path, release: Callable[["DirectoryDisk"], None], image: Image | None = None
    ) -> None:
        self.initial = image or Image()
        self._is_disturbed = image is not None
        self.events: list[Event] = []
        self.kinds: list[Kind] = []
        self._root = root
        self._release = release
        root.mkdir()
        place(self.initial, root)
        self.directory.mkdir(exist_ok=True)
        weakref.finalize(self, remove, root)

    @property
    def directory(self) -> Path:
        """What the adapter is given."""
        return self._root / DIRECTORY.lstrip("/")

    @property
    def image(self) -> Image:
        """
        The files that are there now.

        Empty files that were not there at the beginning are left out: they hold
        nothing, and are what a lock looks like.
        """
        found = read_tree(self._root)
        kept = {
            name: content
            for name, content in found.files.items()
            if content or name in self.initial.files
        }
        return Image(kept, found.directories)

    @property
    def trace(self) -> Trace:
        """The marks: of what lies between them nothing is known."""
        return Trace(self.initial, tuple(self.events))

    def release_locks(self) -> None:
        """Kill whoever has a journal open here."""
        self._is_disturbed = True
        self._release(self)

    def outcome(self, failure: Diagnosis) -> BaseException:
        """Return what to raise for a failure: after a crash, a broken reply is an outcome."""
        is_reply = isinstance(failure, AdapterBroken) and not isinstance(failure, WritesOutside)
        return Nonsense.of(failure) if is_reply and self.is_disturbed else failure

    @property
    def is_disturbed(self) -> bool:
        """Whether a crash or a kill has been here, so that an adapter finds what that left."""
        return self._is_disturbed

    def require_inside(self) -> None:
        """Raise `WritesOutside` if anything lies beside the directory that was given."""
        known = {path.split("/")[1] for path in (*self.initial.files, DIRECTORY)}
        for path in sorted(self._root.iterdir()):
            if path.name not in known:
                raise WritesOutside(
                    f"was given …{DIRECTORY}, and made {printable(path.name)} beside it"
                )

    # What only a simulated disk can do

    def fail(self, nth: int, fault: Fault) -> None:
        """Refuse: a fault of a real disk takes a recorder."""
        raise Invalid(f"the disk of an adapter cannot be told to fail ({fault.value}, {nth})")

    def disarm(self) -> None:
        """Do nothing: nothing was armed."""

    def struck_since(self, operations: int) -> bool:  # noqa: ARG002
        """Nothing strikes here."""
        return False


def place(image: Image, root: Path) -> None:
    """Write the files and directories of an image below a directory."""
    for name in sorted(image.directories):
        (root / name.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for name, content in image.files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
