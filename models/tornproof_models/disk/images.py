"""
Count the images that a crash may leave, list them, sample them, build them.

The pending versions and a crash model's rules form a partially ordered set: "a
implies b" puts b below a.  A crash keeps a set of versions that contains, with
each, all that it implies: a *down-set*.  So the images of a crash point are the
down-sets of a small order, and counting them needs no image at all.

One recursion does everything.  Pick a version: the down-sets without it are
those of the order less everything above it; the down-sets with it are those of
the order less everything below it.  Versions that are not related, directly or
through others, are counted apart and multiplied.

Where nothing at all of a new sector has been kept, a crash model may allow more
than zeros in it.  These *fillings* multiply the choices further.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from math import prod

from tornproof_models.disk.crash_models import CrashModel
from tornproof_models.disk.image_builder import (
    Builder,
    Choice,
    Fillings,
    bits,
    unwritten_contents,
)
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.telling_versions import not_only_zeros, telling
from tornproof_models.disk.trace import Event, Image
from tornproof_models.disk.versions import Register, Version


class ImageSpace:
    """
    All images that a crash may leave at one moment under one crash model.

    Takes the state of `registers` as it is; later changes there do not matter
    to counting, but build images before advancing the registers.
    """

    def __init__(self, registers: Registers, crash_model: CrashModel) -> None:
        self.reboots = crash_model.floors.reboots
        considered = not_only_zeros(registers, crash_model)
        self.versions: Sequence[Version] = tuple(telling(considered, registers, crash_model))
        self.everything = (1 << len(self.versions)) - 1
        self.below, self.above = self._closures(considered, crash_model)
        self.fillings = unwritten_contents(registers, crash_model, self.versions)
        self.fillable = sum(1 << first for first in self.fillings)
        self.components = self._components(self.everything)
        self.builder = Builder(registers, self.versions, self.fillings)
        self.histories: dict[Register, list[int]] = {}
        for position, version in enumerate(self.versions):
            self.histories.setdefault(version.register, []).append(position)
        self._counts: dict[int, int] = {0: 1}
        self._counts_among: dict[int, int] = {}
        self._pivots: dict[int, int] = {}
        self._fillings_among: dict[int, Sequence[Fillings]] = {}

    @classmethod
    def after(
        cls, initial: Image, events: Iterable[Event], crash_model: CrashModel
    ) -> "ImageSpace":
        """Return what a crash may leave after all of some events."""
        registers = Registers.of(initial, crash_model.floors)
        registers.replay(events)
        return cls(registers, crash_model)

    # Counting and listing

    def count(self) -> int:
        """Count the choices without building any."""
        return prod(self._count(component) for component in self.components)

    def count_among(self, remaining: int) -> int:
        """Count the choices among some of the versions, the others being decided."""
        if remaining not in self._counts_among:
            components = self._components(remaining)
            self._counts_among[remaining] = prod(self._count(each) for each in components)
        return self._counts_among[remaining]

    def choices(self) -> Iterator[Choice]:
        """Yield every choice once; all-lost comes first, all-kept last."""
        yield from self.down_sets(self.components)

    def down_sets(self, components: Sequence[int]) -> Iterator[Choice]:
        """Yield every choice among the versions of some components, the others being lost."""
        parts = [list(self._down_sets(component)) for component in components]
        for combination in product(*parts):
            yield join(combination)

    def within(self, deviations: int) -> Iterator[Choice]:
        """
        Yield every choice within so many deviations of all-kept or of all-lost.

        One deviation from all-kept drops one version, and what is above it; one
        from all-lost keeps one version, and what is below it; filling a lost
        sector is one as well.  Most bugs need very few.
        """
        seen: set[Choice] = set()
        # versions that imply each other are one move
        drops = list(dict.fromkeys((self.above[i], filling) for i, filling in self._moves()))
        keeps = list(dict.fromkeys((self.below[i], ()) for i in range(len(self.versions))))
        fills = [(0, filling) for _, filling in self._moves() if filling]
        for number in range(deviations + 1):
            for moves in combinations(drops, number):
                kept = self.everything & ~_union(mask for mask, _ in moves)
                yield from self._new(seen, kept, [filling for _, filling in moves])
            for moves in combinations(keeps + fills, number):
                kept = _union(mask for mask, _ in moves)
                yield from self._new(seen, kept, [filling for _, filling in moves])

    def sample(self, number: int, seed: int) -> Iterator[Choice]:
        """Yield choices drawn uniformly and independently, the same for the same seed."""
        source, total = random.Random(seed), self.count()
        for _ in range(number):
            yield self.unrank(source.randrange(total))

    def unrank(self, index: int) -> Choice:
        """Return the choice with a number in `[0, count())`."""
        parts = []
        for component in self.components:
            index, remainder = divmod(index, self._count(component))
            parts.append(self._unrank(component, remainder))
        return join(parts)

    def image(self, number: int) -> Image:
        """Build the image of a number, clamped to what there is: every integer means one."""
        return self.builder.build(self.unrank(number % self.count()))

    @property
    def all_kept(self) -> Choice:
        """The choice that loses nothing."""
        return Choice(self.everything)

    def deviations(self, choice: Choice) -> int:
        """
        Count what a choice has lost, and what it has filled.

        What is lost because it hangs on something else lost does not count, and
        the parts of an atomic operation count as one.
        """
        lost = self.everything & ~choice.kept
        minimal = {
            self.below[i] & self.above[i]
            for i in bits(lost)
            if self.below[i] & lost & ~self.above[i] == 0
        }
        return len(minimal) + len(choice.fillings)

    def describe_losses(self, choice: Choice) -> tuple[str, ...]:
        """Say in words what a crash with this outcome lost or damaged."""
        lost = [
            f"{self.builder.describe(version.register)} lost"
            for i, version in enumerate(self.versions)
            if not choice.kept >> i & 1
        ]
        filled = [
            f"{self.builder.describe(self.versions[i].register)} holds stale bytes or garbage"
            for i, _ in choice.fillings
        ]
        return tuple(dict.fromkeys(filled + lost))

    # The recursion

    def _count(self, remaining: int) -> int:
        if remaining not in self._counts:
            parts = self._components(remaining)
            if len(parts) > 1:
                self._counts[remaining] = prod(self._count(part) for part in parts)
                return self._counts[remaining]
            pivot = self._pivot(remaining)
            without = self._count(remaining & ~self.above[pivot])
            weight = prod(
                1 + len(self.fillings[i])
                for i in bits(remaining & self.above[pivot])
                if i in self.fillings
            )
            with_it = self._count(remaining & ~self.below[pivot])
            self._counts[remaining] = weight * without + with_it
        return self._counts[remaining]

    def _down_sets(self, remaining: int) -> Iterator[Choice]:
        if remaining == 0:
            yield Choice(0)
            return
        pivot = self._pivot(remaining)
        fillings = self._filled(remaining & self.above[pivot])
        for rest in self._down_sets(remaining & ~self.above[pivot]):
            for filling in fillings:
                yield Choice(rest.kept, rest.fillings + filling)
        kept = remaining & self.below[pivot]
        for rest in self._down_sets(remaining & ~self.below[pivot]):
            yield Choice(rest.kept | kept, rest.fillings)

    def _unrank(self, remaining: int, index: int) -> Choice:
        kept = 0
        chosen: Fillings = ()
        while remaining:
            pivot = self._pivot(remaining)
            without = self._count(remaining & ~self.above[pivot])
            fillings = self._filled(remaining & self.above[pivot])
            if index < without * len(fillings):
                index, which = divmod(index, len(fillings))
                chosen += fillings[which]
                remaining &= ~self.above[pivot]
            else:
                index -= without * len(fillings)
                kept |= remaining & self.below[pivot]
                remaining &= ~self.below[pivot]
        return Choice(kept, chosen)

    def _pivot(self, remaining: int) -> int:
        """
        Pick the version with the most pairs of others on its two sides.

        It splits the order best: a chain is halved, not peeled, so that the
        recursion stays shallow.
        """
        if remaining not in self._pivots:

            def pairs(i: int) -> int:
                below = (self.below[i] & remaining).bit_count()
                return below * (self.above[i] & remaining).bit_count()

            self._pivots[remaining] = max(bits(remaining), key=pairs)
        return self._pivots[remaining]

    def _filled(self, lost: int) -> Sequence[Fillings]:
        """List every way to fill the sectors whose first version is among the lost."""
        lost &= self.fillable
        if lost not in self._fillings_among:
            options = [
                [(), *(((i, number),) for number in range(len(self.fillings[i])))]
                for i in bits(lost)
            ]
            self._fillings_among[lost] = [
                tuple(pair for filling in combination for pair in filling)
                for combination in product(*options)
            ]
        return self._fillings_among[lost]

    def fillings_of(self, i: int) -> Iterator[Fillings]:
        """Yield every filling of the sector whose first version this is, if it is one."""
        for number in range(len(self.fillings.get(i, ()))):
            yield ((i, number),)

    def _moves(self) -> Iterator[tuple[int, Fillings]]:
        for i in range(len(self.versions)):
            yield i, ()
            yield from ((i, filling) for filling in self.fillings_of(i))

    def _new(self, seen: set[Choice], kept: int, fillings: Sequence[Fillings]) -> Iterator[Choice]:
        chosen = dict(pair for filling in fillings for pair in filling)
        choice = Choice(kept, tuple(sorted((i, n) for i, n in chosen.items() if not kept >> i & 1)))
        if choice not in seen:
            seen.add(choice)
            yield choice

    # The order

    def _closures(
        self, considered: Sequence[Version], crash_model: CrashModel
    ) -> tuple[list[int], list[int]]:
        """
        Compute what each version implies and what implies it, as bit masks with itself.

        Zeros that are left out imply something all the same, to whatever replaces them.
        """
        implied: list[list[int]] = [[] for _ in considered]
        implying: list[list[int]] = [[] for _ in considered]
        for cause, effect in crash_model.implications(considered):
            implied[cause].append(effect)
            implying[effect].append(cause)
        # what is implied comes earlier, with few exceptions, so one pass nearly does it
        order = range(len(considered))
        closures = _closure(implied, order), _closure(implying, order[::-1])
        if len(considered) == len(self.versions):
            return closures
        told = {id(version): 1 << place for place, version in enumerate(self.versions)}
        told_at = {i: told[id(each)] for i, each in enumerate(considered) if id(each) in told}
        told_mask = sum(1 << i for i in told_at)
        below, above = (
            [_union(told_at[i] for i in bits(closure[one] & told_mask)) for one in told_at]
            for closure in closures
        )
        return below, above

    def _components(self, remaining: int) -> list[int]:
        """Split versions into groups that nothing among them relates to each other."""
        within, components = remaining, []
        while remaining:
            component, frontier = 0, remaining & -remaining
            while frontier:
                component |= frontier
                frontier = _union(self.below[i] | self.above[i] for i in bits(frontier))
                frontier &= within & ~component
            components.append(component)
            remaining &= ~component
        return components


def join(parts: Sequence[Choice]) -> Choice:
    """Put choices among different versions together."""
    kept = 0
    fillings: Fillings = ()
    for part in parts:
        kept |= part.kept
        fillings += part.fillings
    return Choice(kept, tuple(sorted(fillings)) if len(fillings) > 1 else fillings)


def _closure(edges: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """Find all that can be reached from each position, itself included."""
    reached = [1 << i for i in range(len(edges))]
    changed = True
    while changed:
        changed = False
        for i in order:
            mask = reached[i] | _union(reached[j] for j in edges[i])
            if mask != reached[i]:
                reached[i], changed = mask, True
    return reached


def _union(masks: "Iterator[int] | Sequence[int]") -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result
