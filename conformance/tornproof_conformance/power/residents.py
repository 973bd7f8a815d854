"""
Several processes of an adapter that recover images side by side.

Which process recovers an image changes nothing: each image is one recovery, and outcomes come
back in the order of the images.  So a search finds and counts the same with any number of them,
if the implementation does the same with the same image.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import define, field
from tornproof_models.crash.recovery import Recovered
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Image

from tornproof_conformance.adapter.speaking.patience import Patience
from tornproof_conformance.lifetime.next_boot import NextBoot
from tornproof_conformance.power.resident import Resident

LEAST = 8
"""Images that are worth a process of their own."""


@define(eq=False)
class Residents:
    """Processes that stay, at most `jobs` of them; each starts when it is first needed."""

    command: tuple[str, ...]
    root: Path
    timeout: float
    patience: Patience
    jobs: int = 1
    boot: NextBoot | None = None
    """The machine that has started again since the crash; none if only processes were killed."""

    left_alone: str = ""
    """Why they are given no more images: what one of them says; empty if they are."""

    _all: list[Resident] = field(factory=list)
    _threads: ThreadPoolExecutor | None = None

    def recover(self, images: Sequence[Image], options: Options) -> list[Recovered | None]:
        """Let each image be recovered; return what came of them, in order (see `Resident`)."""
        if not images:
            return []
        share = max(LEAST, -(-len(images) // self.jobs))
        parts = [images[first : first + share] for first in range(0, len(images), share)]
        while len(self._all) < len(parts):
            self._all.append(self._another())
        residents = self._all[: len(parts)]
        if len(parts) == 1:
            found = [residents[0].recover(images, options)]
        else:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.jobs, "resident")
            found = list(
                self._threads.map(lambda one, part: one.recover(part, options), residents, parts)
            )
        reasons = (each.left_alone for each in residents if each.left_alone)
        self.left_alone = self.left_alone or next(reasons, "")
        return [outcome for outcomes in found for outcome in outcomes]

    def leave_alone(self, reason: str) -> None:
        """Give them no more images, for a reason."""
        self.left_alone = self.left_alone or reason
        for resident in self._all:
            resident.left_alone = resident.left_alone or reason

    def stop(self) -> None:
        """End every process; those that are at work are given nothing more."""
        for resident in self._all:
            resident.left_alone = "the check has ended"
            resident.stop()
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
        self._all.clear()

    def _another(self) -> Resident:
        root = self.root / str(len(self._all))
        root.mkdir(exist_ok=True, parents=True)
        resident = Resident(self.command, root, self.timeout, self.patience, self.boot)
        resident.left_alone = self.left_alone
        return resident
