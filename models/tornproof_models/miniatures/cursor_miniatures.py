"""
Cursors that are wrong where something has gone wrong before: a call, a file, another consumer.

Each class is `SmallCursor` with one step gone wrong.  `cleanup_miniatures` has those that a
crash shows, and the list of all.
"""

from tornproof.errors import InputOutput

from tornproof_models.miniatures.small_cleanup import SmallCursor


class RemembersItsPlace(SmallCursor):
    """
    Compares a move with the position that it remembers, and not with the file.

    Two consumers of one name → the slower one moves the cursor back.
    Source: of this project; a mutant of the reference.
    """

    breaks = frozenset({"CUR-2", "CUR-6"})

    def stored(self) -> int:
        """Ask nobody."""
        return self.position


class ArrivesBeforeItIsStored(SmallCursor):
    """
    Notes the new position before the file is written, and does not move where it is.

    A write that fails, and the same move again → success, and the old position on disk.
    Source: of this project; a mutant of the reference.
    """

    breaks = frozenset({"CUR-1"})

    def advance(self, offset: int) -> None:
        """Be there at once."""
        if offset == self.position:
            return
        self.require_owner()
        self.check(offset)
        self.position = offset
        self.store(offset)


class MadeAgain(SmallCursor):
    """
    Makes its file again when somebody has removed it.

    A cursor that is gone keeps nothing from cleanup, so its records may be gone as well.
    Source: of this project; a mutant of the reference.
    """

    breaks = frozenset({"CUR-6"})

    def stored(self) -> int:
        """Begin with nothing where nothing is."""
        try:
            return super().stored()
        except InputOutput:
            return 0


class TakesAnyName(SmallCursor):
    """
    Makes a path of whatever name it is given.

    Source: CWE-22, path traversal.
    """

    breaks = frozenset({"CUR-8"})

    def check_name(self, name: str) -> None:
        """Trust the caller."""
