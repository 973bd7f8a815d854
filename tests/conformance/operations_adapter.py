"""
The journal with batches and truncations, or a miniature of it, behind the adapter protocol.
"""

import sys
from pathlib import Path
from typing import Any

from attrs import define
from tornproof.errors import Closed
from tornproof_conformance.kit import Adapter
from tornproof_conformance.subjects.real_directory import RealDirectory
from tornproof_models.contract.journal import End
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.miniatures.operation_miniatures import OPERATIONS
from tornproof_models.miniatures.small_operations import SmallOperations


@define
class Served:
    """The journal that is open in this process."""

    kind: type[SmallOperations]
    journal: SmallOperations | None = None

    def journal_open(self, dir: str, segment_bytes: int = 512) -> dict[str, Any]:  # noqa: A002
        """Open it."""
        root = Path(dir.removesuffix(DIRECTORY))
        self.journal = self.kind(RealDirectory(root), Options(segment_bytes, "immediate"))
        return {"discarded_bytes": self.journal.discarded_bytes}

    def journal_append(self, payload: bytes) -> dict[str, Any]:
        """Append, durably in any case."""
        return {"offset": self.opened.append(payload)}

    def journal_append_batch(self, payloads: list[bytes]) -> dict[str, Any]:
        """Append a batch."""
        return {"offsets": self.opened.append_batch(payloads)}

    def journal_truncate(self, end: str, offset: int) -> None:
        """Drop one end."""
        self.opened.truncate(End(end), offset)

    def journal_sync(self) -> None:
        """Sync."""
        self.opened.sync()

    def journal_scan(self) -> dict[str, Any]:
        """Read everything."""
        found = [{"offset": at, "payload": payload} for at, payload in self.opened.scan()]
        return {"records": found, "end": "clean"}

    def journal_close(self) -> None:
        """Close."""
        if self.journal is not None:
            self.journal.close()

    @property
    def opened(self) -> SmallOperations:
        """The journal that is open."""
        if self.journal is None:
            raise Closed("no journal is open")
        return self.journal


if __name__ == "__main__":
    claims = ["journal/core", "journal/batch", "journal/truncate"]
    adapter = Adapter("operations", claims)
    served = Served(OPERATIONS[sys.argv[1]] if sys.argv[1:] else SmallOperations)
    for name in dir(served):
        if name.startswith("journal_"):
            adapter.operation(getattr(served, name))
    adapter.serve()
