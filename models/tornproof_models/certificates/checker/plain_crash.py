"""
Count and build what one crash may leave, in the simplest way that is fast enough.

Everything comes from deciding one register after another: how many of its versions are
kept, and what it holds then.  Certificates give the images of a crash as a tree of such
decisions; here are all that are possible.
"""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from tornproof_models.certificates.checker.plain_disk import Disk
from tornproof_models.certificates.checker.plain_names import Register, State, Version
from tornproof_models.disk import trace as t

Versions: TypeAlias = frozenset[Version]


class Refuted(Exception):
    """A certificate says what is not so."""


class Part(NamedTuple):
    """The images that keep some versions and lose some others, and what is decided in them."""

    kept: Versions
    lost: Versions
    held: State


WHOLE = Part(frozenset(), frozenset(), {})


class Crash:
    """All that a crash may leave of a disk."""

    def __init__(self, disk: Disk) -> None:
        self.disk, self.floor, pending = disk, disk.floor, disk.pending()
        self.histories: dict[Register, list[Version]] = {}
        for version in pending:
            if not self.is_silent(version):
                self.histories.setdefault(version.register, []).append(version)
        self.unkept = {register: disk.unkept(register) for register in self.histories}
        self.below = {a: frozenset(b for b in pending if disk.forces(a, b)) for a in pending}
        closed: dict[Version, Versions] = {}
        while closed != self.below:
            closed = self.below
            self.below = {
                a: below.union(*map(closed.__getitem__, below)) for a, below in closed.items()
            }
        told = frozenset(version for each in self.histories.values() for version in each)
        self.below = {a: self.below[a] & told for a in pending if a in told}
        pending = [version for version in pending if version in told]
        self.above = {b: frozenset(a for a in pending if b in self.below[a]) for b in pending}

    def is_silent(self, version: Version) -> bool:
        """Are these zeros where there are zeros already, and can be nothing else?"""
        zeros = bytes(self.disk.sector)
        is_first = version.register not in self.histories and version.register[0] == "data"
        return is_first and version.value == zeros and self.disk.unkept(version.register) == [zeros]

    def decide(self, register: Register, part: Part) -> Iterator[tuple[tuple[int, Any], Part]]:
        """Yield how many versions a register may keep, what it holds then, and what that makes."""
        history = self.histories[register]
        for number, (newest, following) in enumerate(pairwise([None, *history, None])):
            kept = part.kept | self.below[newest] if newest else part.kept
            lost = part.lost | self.above[following] if following else part.lost
            if kept.isdisjoint(lost):
                for value in [newest.value] if newest else reversed(self.unkept[register]):
                    yield (number, hashed(value)), Part(kept, lost, {**part.held, register: value})

    def leaves(self, tree: Any, part: Part) -> Iterator[tuple[int, Part]]:
        """Yield the leaves of a tree, each with its part of the images; none is left out."""
        if isinstance(tree, int):
            yield tree, part
            return
        register, branches = tuple(tree["register"]), tree["branches"]
        if register not in self.histories:
            raise Refuted(f"nothing is pending of {register}, and parts are told apart by it")
        pieces = dict(self.decide(register, part))
        claimed = [(number, held) for number, held, _ in branches]
        if register in part.held or claimed != sorted(pieces):
            raise Refuted(f"the branches are not all that {register} may hold there, each once")
        for number, held, child in branches:
            yield from self.leaves(child, pieces[number, held])

    def count(self) -> int:
        """Count the images: decide register after register, and take equal parts together."""
        parts, decided = Counter({WHOLE[:2]: 1}), WHOLE.kept
        for register, history in self.histories.items():
            decided |= set(history)
            pieces = Counter[tuple[Versions, Versions]]()
            for (kept, lost), number in parts.items():
                for _, piece in self.decide(register, Part(kept, lost, {})):
                    pieces[piece.kept - decided, piece.lost - decided] += number
            parts = pieces
        return parts.total()

    def ends(self, part: Part) -> Iterator[t.Image]:
        """Build the image of a part that loses the least, and the one that loses the most."""
        for end in (-1, 0):
            decided = part
            for register in self.histories:
                if register not in part.held:
                    decided = [piece for _, piece in self.decide(register, decided)][end]
            yield image_of(self.disk, self.floor | decided.held)


def hashed(value: Any) -> Any:
    """Give the content of a sector by its SHA-256, and anything else as it is."""
    return sha256(value).hexdigest() if isinstance(value, bytes) else value


def image_of(disk: Disk, state: State) -> t.Image:
    """Return what a program sees: the tree of names, with the contents of the files."""
    names = {key[1:]: inode for key, inode in state.items() if key[0] == "name"}
    files, directories, pending = dict[str, bytes](), set[str](), [("", t.ROOT)]
    while pending:
        path, directory = pending.pop()
        for (parent, name), inode in names.items():
            if parent == directory and ("size", inode) in state:
                files[f"{path}/{name}"] = disk.read(state, inode)
            elif parent == directory and inode is not None:
                directories.add(f"{path}/{name}")
                pending.append((f"{path}/{name}", inode))
    return t.Image(files, frozenset(directories))
