"""
Images built as a whole, and what recovery did with each.

A recovery in another process does not tell where it looks, and a block that is recycled
may hold what nobody has looked at.  Then there is nothing for it but to build the images,
one by one: all of them up to a bound, and above it those that lose the least or keep the
least, and a sample.  Images of equal content share one recovery, whatever crash or trace
they come from.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import cast

from attrs import define, field

from tornproof_models.crash.decision_tree import Conversation, Ending
from tornproof_models.crash.recovery import Recovered, RecoversElsewhere, recover
from tornproof_models.crash.subject import Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.image_digests import digested
from tornproof_models.disk.images import ImageSpace

DEVIATIONS = 2
"""How much the images that are closest to losing nothing, or all, differ from that."""

AT_ONCE = 256
"""Images that are recovered in one go, where recovery runs elsewhere."""


def exceeds(space: ImageSpace, bound: int) -> bool:
    """Tell whether not even the images nearest to losing nothing, or all, are within a bound."""
    if space.count() <= bound:
        return False
    return sum(1 for _ in islice(space.within(DEVIATIONS), bound + 1)) > bound


def choose(
    space: ImageSpace, *, bound: int, sample: int, fewest_first: bool
) -> Iterator[tuple[tuple[Choice, int], ...]]:
    """Yield choices with the digests of their images, as many as are recovered in one go."""
    chosen = _choices(space, bound, sample, fewest_first=fewest_first)
    while chunk := tuple(islice(chosen, AT_ONCE)):
        yield chunk


def _choices(
    space: ImageSpace, bound: int, sample: int, *, fewest_first: bool
) -> Iterator[tuple[Choice, int]]:
    if space.count() <= bound:
        if not fewest_first:
            yield from digested(space)
            return
        choices = space.choices()
    else:
        near = islice(space.within(DEVIATIONS), bound)
        choices = iter(dict.fromkeys(chain(near, space.sample(sample, seed=0))))
    ordered = sorted(choices, key=space.deviations) if fewest_first else choices
    yield from ((choice, space.builder.digest(choice)) for choice in ordered)


@define
class BuiltImages:
    """How the recovery ends of every image that was built as a whole, by its digest."""

    subject: Subject
    options: Options
    remember: bool
    """Keep how each recovery went, for a crash in it."""

    endings: dict[int, Ending] = field(factory=dict)

    @property
    def elsewhere(self) -> RecoversElsewhere | None:
        """Return the subject as one that recovers in another process, if it does."""
        elsewhere = hasattr(self.subject, "recover_images")
        return cast("RecoversElsewhere", self.subject) if elsewhere else None

    def recover(self, space: ImageSpace, choices: Mapping[int, Choice]) -> int:
        """
        Recover the images of choices, given by their digests, as far as they are new.

        Returns how many were.  An image of which nothing came has no ending.
        """
        new = {
            digest: space.builder.build(choice)
            for digest, choice in choices.items()
            if digest not in self.endings
        }
        outcomes: Sequence[Recovered | None]
        if self.elsewhere:
            outcomes = self.elsewhere.recover_images(list(new.values()), self.options)
        else:
            disks = map(ModelFilesystem, new.values())
            outcomes = [recover(self.subject, self.options, disk) for disk in disks]
        for digest, recovered in zip(new, outcomes, strict=True):
            if recovered is None:
                continue
            conversation = Conversation(recovered.trace, None) if self.remember else None
            self.endings[digest] = Ending(recovered.outcome, conversation=conversation)
        return len(new)
