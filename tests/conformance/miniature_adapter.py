"""
Every miniature of a journal, and their twin, behind the adapter protocol.

One process serves them all: which one it is stands in the path of the directory
that it is given, or in the command.  Starting a process for each would cost more than
judging it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, frozen
from tornproof.errors import Closed
from tornproof.filesystem import OsFile, OsFilesystem
from tornproof_conformance.kit import Adapter
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.miniatures.journal_miniatures import MINIATURES
from tornproof_models.miniatures.small_journal import SmallJournal

TWIN = "small-journal"


@frozen
class Below:
    """The real disk, where the directory of a miniature lies somewhere else."""

    root: str
    read_ahead = 64 << 10

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> OsFile:
        """Open a file."""
        return OsFilesystem().open(self._at(path), create=create, exclusive=exclusive)

    def open_for_reading(self, path: str) -> OsFile:
        """Open a file for reading."""
        return OsFilesystem().open_for_reading(self._at(path))

    def list_directory(self, path: str) -> list[str]:
        """List a directory."""
        return OsFilesystem().list_directory(self._at(path))

    def make_directory(self, path: str) -> None:
        """Make a directory."""
        OsFilesystem().make_directory(self._at(path))

    def rename(self, source: str, subject: str) -> None:
        """Rename a file."""
        OsFilesystem().rename(self._at(source), self._at(subject))

    def unlink(self, path: str) -> None:
        """Remove a name."""
        OsFilesystem().unlink(self._at(path))

    def sync_directory(self, path: str) -> None:
        """Sync a directory."""
        OsFilesystem().sync_directory(self._at(path))

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold a lock."""
        with OsFilesystem().lock(self._at(path)):
            yield

    def _at(self, path: str) -> str:
        """Put a path below the root."""
        return f"{self.root}{path}"


@define
class Miniature:
    """The miniature that is open in this process."""

    journal: SmallJournal | None = None

    def journal_open(
        self,
        dir: str,  # noqa: A002
        segment_bytes: int = 512,
        max_payload: int = 16 << 20,
    ) -> dict[str, Any]:
        """Open the miniature that the path names."""
        root = dir.removesuffix(DIRECTORY)
        (name,) = sys.argv[1:] or {TWIN, *MINIATURES} & set(Path(root).parts)
        make = SmallJournal if name == TWIN else MINIATURES[name]
        options = Options(segment_bytes, "eventual", max_payload)
        self.journal = make(Below(root), options)
        return {"discarded_bytes": self.journal.discarded_bytes}

    def journal_append(self, payload: bytes, durable: bool = True) -> dict[str, Any]:
        """Append."""
        offset = self.opened.append(payload)
        if durable:
            self.opened.sync()
        return {"offset": offset}

    def journal_sync(self) -> None:
        """Sync."""
        self.opened.sync()

    def journal_rotate(self) -> dict[str, Any]:
        """Rotate."""
        return {"base": self.opened.rotate()}

    def journal_read(self, offset: int) -> dict[str, Any]:
        """Read."""
        return {"payload": self.opened.read(offset)}

    def journal_segments(self) -> dict[str, Any]:
        """List no segment: nothing asks for them."""
        return {"segments": []}

    def journal_scan(self) -> dict[str, Any]:
        """Read everything."""
        found = [{"offset": at, "payload": payload} for at, payload in self.opened.scan()]
        return {"records": found, "end": "clean"}

    def journal_close(self) -> None:
        """Close."""
        if self.journal is not None:
            self.journal.close()

    @property
    def opened(self) -> SmallJournal:
        """The journal that is open."""
        if self.journal is None:
            raise Closed("no journal is open")
        return self.journal


if __name__ == "__main__":
    claims = ["journal/core", "journal/format-v2"]  # a miniature has no cleanup
    if not sys.argv[1:]:
        claims.append("journal/segments")  # for the situations that do not ask for one
    adapter = Adapter("a miniature", claims)
    miniature = Miniature()
    for name in dir(miniature):
        if name.startswith("journal_"):
            adapter.operation(getattr(miniature, name))
    adapter.serve()
