"""
The interface through which an open journal, reader, chain or queue uses its adapter.

It speaks through a process that was lent to it, and gives the process back when it is closed.
Who lends, and how many processes there are, is not its concern.
"""

from typing import Any, Protocol

from tornproof_models.contract.delivery import Mode

from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_conformance.adapter.speaking.session import Session


class Lender(Protocol):
    """Lends processes of an adapter, and takes them back."""

    @property
    def claims(self) -> frozenset[str]:
        """What the adapter claims."""
        ...

    @property
    def best_drainer(self) -> Mode:
        """The mode in which its drainer promises most."""
        ...

    @property
    def is_slow(self) -> bool:
        """Whether starting it is what most of the time goes into."""
        ...

    def new_disk(self) -> DirectoryDisk:
        """Make a fresh directory."""
        ...

    def take_session(self) -> Session:
        """Lend a process that has nothing open."""
        ...

    def session_for(self, disk: DirectoryDisk) -> Session:
        """Lend a process that is going to work on a disk."""
        ...

    def give_back(self, session: Session) -> None:
        """Take a process back."""
        ...

    def forget(self, opened: Any) -> bool:
        """Note that something is not open any more, and say whether it was."""
        ...
