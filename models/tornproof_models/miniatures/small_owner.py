"""
The process that something belongs to, in the small way: by its number.
"""

import os

from tornproof.errors import Forked


class SmallOwner:
    """Remembers the process in which it was made.  One step: `require_owner`."""

    def __init__(self) -> None:
        self.process = os.getpid()

    def require_owner(self) -> None:
        """Refuse in any other process."""
        if os.getpid() != self.process:
            raise Forked(f"it belongs to process {self.process}; open it again here")
