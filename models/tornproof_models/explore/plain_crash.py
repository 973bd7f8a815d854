"""
What one crash may leave, counted and built by the plainest means that are fast enough.

The versions that may be kept or lost are positions in bit masks.  A part of the images is
a set that is kept, a set that is lost, and what sectors hold that have lost all.
"""

from collections.abc import Iterator
from functools import reduce
from hashlib import sha256
from math import prod
from random import Random
from typing import Any

from tornproof_models.disk import trace as t
from tornproof_models.explore.plain_disk import Disk, Register, state_of


class Refuted(Exception):
    """A certificate says what is not so."""


class Crash:
    """The versions that a crash may keep or lose, as positions in bit masks."""

    def __init__(self, disk: Disk) -> None:
        self.disk, self.versions = disk, disk.pending()
        self.durable = state_of(version for version in disk.versions if version in disk.durable)
        self.all, self.counts = (1 << len(self.versions)) - 1, dict[int, int]()
        self.below = [
            sum(1 << j for j, b in enumerate(self.versions) if disk.forces(a, b))
            for a in self.versions
        ]
        closed: list[int] = []
        while closed != self.below:
            closed = self.below
            self.below = [reduce(int.__or__, (closed[j] for j in bits(m)), m) for m in closed]
        self.above = [
            sum(1 << j for j, mask in enumerate(self.below) if mask >> i & 1)
            for i in range(len(self.versions))
        ]
        self.histories: dict[Register, list[int]] = {}
        for i, version in enumerate(self.versions):
            self.histories.setdefault(version.register, []).append(i)
        self.unwritten = {h[0]: self.contents(r) for r, h in self.histories.items()}

    def contents(self, register: Register) -> list[Any]:
        """What a register may hold of which no version was kept."""
        kind, inode, *rest = register
        if kind != "data":
            return [self.durable.get(register)]
        size = self.disk.sector
        found = [self.durable.get(register, bytes(size))]
        if self.disk.profile == "adversarial" and rest[0] * size >= self.durable["size", inode]:
            garbage = Random(rest[0]).randbytes(size)
            cut = [old for owner, n, old in self.disk.cut if [owner, n] == [inode, *rest]]
            found += dict.fromkeys(content for content in (garbage, *cut) if any(content))
        return found

    def weigh(self, lost: int, settled: dict[int, Any]) -> int:
        """Count what sectors may hold that have lost all, but for those that are settled."""
        return prod(len(self.unwritten.get(i, " ")) for i in bits(lost) if i not in settled)

    def count(self, remaining: int) -> int:
        """Count what may be kept of some versions, the others being decided."""
        total = 1
        while remaining:
            group, reached = 0, remaining & -remaining  # that nothing relates to the rest
            while reached != group:
                group = reached
                reached = reduce(int.__or__, (self.below[i] | self.above[i] for i in bits(group)))
                reached &= remaining
            remaining &= ~group
            if group not in self.counts:
                self.counts[group] = self.count_group(group)
            total *= self.counts[group]
        return total

    def count_group(self, group: int) -> int:
        """Count with one version lost, then with it kept: one that halves the group."""
        sides = {i: (self.below[i] & group, self.above[i] & group) for i in bits(group)}
        below, above = max(sides.values(), key=lambda s: min(m.bit_count() for m in s))
        return self.weigh(above, {}) * self.count(group & ~above) + self.count(group & ~below)

    def parts(
        self, node: Any, kept: int, lost: int, settled: dict[int, Any]
    ) -> Iterator[tuple[Any, int, int, dict[int, Any]]]:
        """Yield the leaves of a tree: what each keeps, loses, and what lost sectors hold."""
        if "branches" not in node:
            yield node, kept, lost, settled
            return
        history, seen = self.histories.get(tuple(node["register"]), []), set[Any]()
        for number, content, child in node["branches"]:
            holds = dict(settled)
            if not 0 <= number <= len(history) or (number, content) in seen or not history:
                raise Refuted(f"no branch, or two, keep {number} versions of {node['register']}")
            seen.add((number, content))
            hashes = [sha256(each).hexdigest() for each in self.unwritten[history[0]] if content]
            if (number == 0 and len(self.unwritten[history[0]]) > 1) or content is not None:
                if number or content not in hashes:
                    raise Refuted(f"{node['register']} cannot hold {content}")
                holds[history[0]] = self.unwritten[history[0]][hashes.index(content)]
            keeps = reduce(int.__or__, (self.below[i] for i in history[:number]), kept)
            loses = reduce(int.__or__, (self.above[i] for i in history[number:]), lost)
            if keeps & loses:
                raise Refuted(f"no image keeps {number} versions of {node['register']} there")
            yield from self.parts(child, keeps, loses, holds)

    def ends(self, kept: int, lost: int, settled: dict[int, Any]) -> Iterator[t.Image]:
        """Build the images of a part that lose the least and the most."""
        for keep, filling in ((self.all & ~lost, 0), (kept, -1)):
            state = dict(self.durable)
            for register, history in self.histories.items():
                held = [self.versions[i].value for i in history if keep >> i & 1]
                unheld = settled.get(history[0], self.unwritten[history[0]][filling])
                state[register] = held[-1] if held else unheld
            tree = dict(self.disk.tree(state))
            files = {path: content for path, content in tree.items() if content is not None}
            yield t.Image(files, frozenset(tree) - frozenset(files))
            if self.all & ~kept & ~lost == 0 and self.weigh(lost, settled) == 1:
                return


def bits(mask: int) -> Iterator[int]:
    """Yield the positions of a mask."""
    return (i for i in range(mask.bit_length()) if mask >> i & 1)
