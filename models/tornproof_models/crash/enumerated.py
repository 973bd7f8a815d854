"""
Images built as a whole, and what recovery did with each.

A recovery in another process does not tell where it looks, and a block that is recycled
may hold what nobody has looked at.  Then there is nothing for it but to build the images,
one by one: all of them up to a bound, and above it those that lose the least or keep the
least, and a sample (`nearest` has their order).  Images of equal content share one recovery,
whatever crash or trace they come from.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from typing import cast

from attrs import define, field

from tornproof_models.crash.decision_tree import Conversation, Ending
from tornproof_models.crash.nearest import NearestFirst
from tornproof_models.crash.recovery import Recovered, RecoversElsewhere, recover
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.image_digests import digested
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image

ROUNDS = (16, 64)
"""Images of one crash point that are recovered in the first round, and in the second."""

AT_ONCE = 256
"""Images that are recovered in one go after that."""


class Chosen:
    """The choices of one crash point with the digests of their images, round by round."""

    def __init__(
        self,
        space: ImageSpace,
        *,
        bound: int,
        sample: int,
        nearest_first: bool,
        most: int | None = None,
    ) -> None:
        self._space, self._most = space, most
        self._nearest = NearestFirst(space, bound=bound, sample=sample)
        self._all_at_once = not nearest_first and space.count() <= bound
        self._is_over = False

    @property
    def suffices(self) -> bool:
        """Whether what was yielded is enough for a verdict: all that is near, or simply all."""
        return self._nearest.is_near_over or self._is_over

    def rounds(self) -> Iterator[tuple[tuple[Choice, int], ...]]:
        """Yield the choices in rounds of growing size."""
        chosen = islice(
            digested(self._space) if self._all_at_once else self._one_by_one(), self._most
        )
        sizes = chain((AT_ONCE,) if self._all_at_once else ROUNDS, repeat(AT_ONCE))
        for size in sizes:
            found = tuple(islice(chosen, size))
            self._is_over = len(found) < size
            if found:
                yield found
            if self._is_over:
                return

    def _one_by_one(self) -> Iterator[tuple[Choice, int]]:
        return ((choice, self._space.builder.digest(choice)) for choice in self._nearest)


@define
class BuiltImages:
    """How the recovery ends of every image that was built as a whole, by its digest."""

    subject: Subject
    options: Options
    remember: bool
    """Keep how each recovery went, for a crash in it."""

    reboots: bool = True
    """Whether the machine starts again before a recovery."""

    endings: dict[int, Ending] = field(factory=dict)

    @property
    def elsewhere(self) -> RecoversElsewhere | None:
        """Return the subject as one that recovers in another process, if it does."""
        elsewhere = hasattr(self.subject, "recover_images")
        return cast("RecoversElsewhere", self.subject) if elsewhere else None

    def new(self, space: ImageSpace, choices: Mapping[int, Choice]) -> dict[int, Image]:
        """Build the images of choices, given by their digests, of which nothing is known yet."""
        return {
            digest: space.builder.build(choice)
            for digest, choice in choices.items()
            if digest not in self.endings
        }

    def recover(self, images: Mapping[int, Image]) -> int:
        """
        Recover images, given by their digests, as far as nothing is known of them.

        Returns how many that were.  An image of which nothing came has no ending.
        """
        new = {digest: image for digest, image in images.items() if digest not in self.endings}
        outcomes: Sequence[Recovered | None]
        if self.elsewhere:
            outcomes = self.elsewhere.recover_images(
                list(new.values()), self.options, reboots=self.reboots
            )
        else:
            disks = map(ModelFilesystem, new.values())
            outcomes = [recover(self.subject, self.options, disk) for disk in disks]
        for digest, recovered in zip(new, outcomes, strict=True):
            if recovered is None:
                continue
            conversation = Conversation(recovered.trace, None) if self.remember else None
            self.endings[digest] = Ending(recovered.outcome, conversation=conversation)
        return len(new)
