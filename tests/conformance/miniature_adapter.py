"""
Every miniature of a journal, and their twin, behind the adapter protocol.

One process serves them all: which one it is stands in the path of the directory
that it is given, or in the command.  Starting a process for each would cost more than
judging it.
"""

import sys
from pathlib import Path
from typing import Any

from attrs import define
from tornproof.errors import Closed
from tornproof_conformance.kit import Adapter
from tornproof_conformance.subjects.real_directory import RealDirectory
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.miniatures.journal_miniatures import MINIATURES
from tornproof_models.miniatures.small_journal import SmallJournal

TWIN = "small-journal"


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
        self.journal = make(RealDirectory(Path(root)), options)
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
