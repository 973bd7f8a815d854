"""
Sectors of zeros that a truncation cut off, and that got no version for it.

Logs preallocate: a file of 64 MB that is cut has 131,072 sectors, and while they stay zeros it
makes no difference to any image which of them are gone.  It does once something is written there,
since that is in a new block: it is on disk no sooner than the truncation.  So such a sector is
given the version of the truncation when it is written again.
"""

from collections.abc import Iterable

from attrs import define, field

from tornproof_models.disk.versions import Data, Version


@define
class SparedZeros:
    """The truncations of each file, each with the sectors that got no version."""

    _cuts: dict[int, list[tuple[Version, range, frozenset[int]]]] = field(factory=dict)

    def note(self, size: Version, sectors: range, versioned: Iterable[int]) -> None:
        """Note a truncation, by its size, of these sectors; some of them got a version."""
        cuts = self._cuts.setdefault(size.register[0], [])
        cuts.append((size, sectors, frozenset(versioned)))

    def make(self, register: Data, pending: list[Version], sector_bytes: int) -> list[Version]:
        """Make the missing versions of a sector, put them among the pending, and return them."""
        made, zeros = list[Version](), bytes(sector_bytes)
        for size, sectors, versioned in self._cuts.get(register.inode, ()):
            if register.sector not in sectors or register.sector in versioned:
                continue
            if size in pending:
                made.append(Version(register, zeros, size.step, namespace=True, failed=size.failed))
                pending.insert(pending.index(size) + 1, made[-1])
        return made
