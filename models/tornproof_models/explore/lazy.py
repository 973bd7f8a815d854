"""
A disk on which some things are undecided until a program looks.

The explorer hands a recovery a *partial image*: one image in full, and a list of
places where others differ.  As long as the recovery looks at none of them, what
it does is the same on all.  When it does look, it is stopped, and the explorer
decides that place in every possible way and starts it again.

Recovery is run again from its beginning each time, because a program cannot be
copied in the middle.  What has been run once on equal knowledge is remembered.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from hashlib import blake2b
from typing import TypeAlias

from attrs import frozen

from tornproof_models.disk import parts
from tornproof_models.disk.filesystem import ModelFile, ModelFilesystem
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.parts import Part
from tornproof_models.disk.registers import Data, Name, Register, Size
from tornproof_models.disk.trace import ROOT, Image, number_inodes


@frozen(order=True)
class SizeOf:
    """The size of a file."""

    path: str


@frozen(order=True)
class SectorOf:
    """A sector of a file."""

    path: str
    sector: int


@frozen(order=True)
class NameIn:
    """Whether a directory has a name, and for which file."""

    path: str
    name: str


Place: TypeAlias = SizeOf | SectorOf | NameIn


class Undecided(BaseException):
    """
    A program looked at a place that is in doubt.

    Not an `Exception`: no program may mistake it for a failing disk and go on.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(str(place))
        self.place = place


@frozen(slots=False)
class PartialImage:
    """An image, and the places at which others like it differ."""

    image: Image
    doubts: "Mapping[Place, Register | Inherited]"
    """For each place, what would have to be decided: a register, or an earlier doubt."""

    sector_bytes: int

    @cached_property
    def digest(self) -> bytes:
        """A hash of everything that is not in doubt, and of what is in doubt."""
        if not self.doubts:
            return self.image.digest
        state = blake2b(digest_size=16)
        for path, content in self.image.key:
            state.update(f"\0{path}\0".encode())
            if content is not None and SizeOf(path) not in self.doubts:
                state.update(f"{len(content)}\0".encode())
                state.update(self._without_doubts(path, content))
        state.update(repr(sorted(map(str, self.doubts))).encode())
        return state.digest()

    def _without_doubts(self, path: str, content: bytes) -> bytes:
        known = bytearray(content)
        size = self.sector_bytes
        for number in range(-(-len(content) // size)):
            if SectorOf(path, number) in self.doubts:
                end = min((number + 1) * size, len(content))
                known[number * size : end] = bytes(end - number * size)
        return bytes(known)


def partial_image(
    space: ImageSpace, part: Part, inherited: Mapping[Register, Place]
) -> PartialImage:
    """
    Describe a part of an image space as an image with doubts.

    A place is in doubt if the part leaves its register open; or if the register
    still holds what it held at the beginning and that was in doubt already, which
    `inherited` says.
    """
    choice = parts.representative(space, part)
    image, inodes = space.builder.build_numbered(choice)
    open_registers: dict[Register, Register | Inherited] = {
        register: register for register in parts.doubtful(space, part)
    }
    for register, doubt in inherited.items():
        positions = space.histories.get(register, ())
        if register not in open_registers and not any(part.kept >> i & 1 for i in positions):
            open_registers[register] = Inherited(doubt)
    paths: dict[int, list[str]] = {}
    for path, inode in inodes.items():
        paths.setdefault(inode, []).append(path)
    doubts: dict[Place, Register | Inherited] = {
        place: doubt
        for register, doubt in open_registers.items()
        for place in _places(register, paths)
    }
    return PartialImage(image, doubts, space.builder.registers.sector_bytes)


@frozen
class Inherited:
    """A doubt that goes back to the image with which a trace began: a place in that."""

    place: Place


def _places(register: Register, paths: Mapping[int, list[str]]) -> Iterable[Place]:
    match register:
        case Size(inode):
            return [SizeOf(path) for path in paths.get(inode, ())]
        case Data(inode, sector):
            return [SectorOf(path, sector) for path in paths.get(inode, ())]
        case Name(directory, name):
            return [NameIn(path, name) for path in paths.get(directory, ())]


def registers_in_doubt(partial: PartialImage) -> dict[Register, Place]:
    """Name a partial image's doubts as the registers of a trace that begins with it."""
    inodes = {"": ROOT, **number_inodes(partial.image)}
    return {_register(place, inodes): place for place in partial.doubts}


def _register(place: Place, inodes: Mapping[str, int]) -> Register:
    match place:
        case SizeOf(path):
            return Size(inodes[path])
        case SectorOf(path, sector):
            return Data(inodes[path], sector)
        case NameIn(path, name):
            return Name(inodes[path], name)


class LazyFilesystem(ModelFilesystem):
    """A simulated disk that raises `Undecided` when a program looks at a doubtful place."""

    def __init__(self, partial: PartialImage) -> None:
        super().__init__(partial.image)
        inodes = {"": ROOT, **number_inodes(partial.image)}
        self._sector_bytes = partial.sector_bytes
        self.read_ahead = partial.sector_bytes  # who reads no further looks at no more
        self._doubts = {_register(place, inodes): place for place in partial.doubts}
        self._cut: dict[Register, Place] = {}

    def list_directory(self, path: str) -> list[str]:
        """Look at every name in a directory."""
        directory = self._directory(path)
        for register in self._doubts:
            if isinstance(register, Name) and register.directory == directory:
                self._look(register)
        return super().list_directory(path)

    def open(self, path: str, *, create: bool = False, exclusive: bool = False) -> ModelFile:
        """Look at one name."""
        self._look(Name(*self._parent(path)))
        return super().open(path, create=create, exclusive=exclusive)

    def make_directory(self, path: str) -> None:
        """Look at one name."""
        self._look(Name(*self._parent(path)))
        super().make_directory(path)

    def rename(self, source: str, target: str) -> None:
        """Look at two names."""
        self._look(Name(*self._parent(source)))
        self._look(Name(*self._parent(target)))
        super().rename(source, target)

    def unlink(self, path: str) -> None:
        """Look at one name."""
        self._look(Name(*self._parent(path)))
        super().unlink(path)

    def content(self, inode: int) -> bytearray:
        """Look at a file's size."""
        self._look(Size(inode))
        return super().content(inode)

    def read_inode(self, inode: int, offset: int, size: int) -> bytes:
        """Look at the sectors that are read."""
        end = min(offset + size, len(self.content(inode)))
        for sector in range(offset // self._sector_bytes, -(-end // self._sector_bytes)):
            self._look(Data(inode, sector))
        return super().read_inode(inode, offset, size)

    def write_inode(self, inode: int, offset: int, data: bytes) -> int:
        """Look at sectors that are written in part; decide those written in whole."""
        end = offset + len(data)
        reach = max(end, len(self.content(inode)))
        for sector in range(offset // self._sector_bytes, -(-end // self._sector_bytes)):
            register = Data(inode, sector)
            start = sector * self._sector_bytes
            if start < offset or end < min(start + self._sector_bytes, reach):
                self._look(register)
            if register in self._cut:
                # what a cut left behind may show through a write that is not synced
                raise Undecided(self._cut[register])
            self._doubts.pop(register, None)
        return super().write_inode(inode, offset, data)

    def truncate_inode(self, inode: int, size: int) -> None:
        """Look at the sector that is cut in two; forget, for now, those behind it."""
        old_size = len(self.content(inode))
        if size % self._sector_bytes:
            self._look(Data(inode, size // self._sector_bytes))
        first = -(-size // self._sector_bytes)
        for sector in range(first, -(-old_size // self._sector_bytes)):
            register = Data(inode, sector)
            if register in self._doubts:
                self._cut[register] = self._doubts.pop(register)
        super().truncate_inode(inode, size)

    def _directory(self, path: str) -> int:
        inode = ROOT
        for name in path.split("/"):
            if name in ("", "."):
                continue
            self._look(Name(inode, name))
            if name not in self._names.get(inode, {}):
                break
            inode = self._names[inode][name]
        return super()._directory(path)

    def _look(self, register: Register) -> None:
        if register in self._doubts:
            raise Undecided(self._doubts[register])
