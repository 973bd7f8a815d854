"""
A program that goes wherever a disk leads it: what a recovery could do at its worst.

It reads here and there, and what it reads decides where it goes next, what it writes or
cuts, and when it stops.  What it shows is a hash of all it has seen, so that two disks
that it can tell apart are told apart.  Nothing about it is a journal.
"""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b

from attrs import define
from tornproof_models.contract.journal import Record
from tornproof_models.crash.subject import Options
from tornproof_models.disk.filesystem import ModelFile, ModelFilesystem

STEPS = 7
"""How many things it does, at most."""


@define
class Wandered:
    """Where it has come to."""

    seen: bytes
    discarded_bytes: int = 0

    def scan(self) -> Iterator[Record]:
        """Yield what it saw."""
        yield 0, self.seen

    def append(self, payload: bytes) -> int:
        """Append nothing."""
        return len(payload)

    def sync(self) -> None:
        """Do nothing."""

    def rotate(self) -> int:
        """Do nothing."""
        return 0

    def read(self, offset: int) -> bytes:
        """Read what is not there."""
        return bytes(offset)

    def close(self) -> None:
        """Do nothing."""


@define
class Wanderer:
    """Wanders over a disk; another number takes another way."""

    number: int
    shows: int = 8
    """How many bytes of the hash it shows: with none, all it comes to is the same."""

    name: str = "wanderer"

    def open(self, filesystem: ModelFilesystem, options: Options) -> Wandered:
        """Wander until the disk says to stop."""
        del options
        seen = blake2b(bytes([self.number]), digest_size=8)
        names = filesystem.list_directory("/")
        seen.update(repr(names).encode())
        for turn in range(STEPS):
            what, which, offset, size = seen.digest()[:4]
            if not names or what % 16 == 0:
                break
            with suppress(IsADirectoryError):
                file = filesystem.open(f"/{names[which % len(names)]}")
                seen.update(bytes([turn]))
                seen.update(self.step(file, what % 16, offset % 12, size % 7))
        return Wandered(seen.digest()[: self.shows])

    def step(self, file: ModelFile, what: int, offset: int, size: int) -> bytes:
        """Do something to a file, and return what there was to see."""
        seen = bytes([file.size()])
        if what < 4:
            file.truncate(offset)
        elif what < 8:
            file.write_at(offset, b"w" * size)
        elif what < 10:
            file.sync()
        else:
            seen += file.read_at(offset, size)
        return seen
