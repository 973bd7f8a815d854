"""
Hold the crash models to what was seen: is every state among those that a model allows?

A state was seen while a line of the program ran: some of its events may have happened, others
not.  So a model allows the state if it does after any of these numbers of events.  Whether it
does is decided register by register, without listing images; how many states it allows at all,
which says how tight it is, takes a list.
"""

from collections.abc import Iterable, Iterator

from attrs import define, field, frozen
from tornproof_models.disk.crash_models import CRASH_MODELS, CrashModel
from tornproof_models.disk.image_builder import Tree
from tornproof_models.disk.image_digests import digested
from tornproof_models.disk.image_sets import Part, by_names, split, value
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Image
from tornproof_models.disk.versions import Data, Register, Size

from tornproof_kernels.litmus import Litmus
from tornproof_kernels.playing import Played, play
from tornproof_kernels.vectors import Observed, Seen

LISTED = 600_000
"""How many images are listed, at most, to count the states that a model allows."""


@define
class Predictions:
    """What one crash model allows of one program."""

    played: Played
    model: CrashModel
    _spaces: dict[int, ImageSpace] = field(factory=dict)

    @classmethod
    def of(cls, litmus: Litmus, model: str | CrashModel) -> "Predictions":
        """Play a program on paper.  Raises `ValueError` if that cannot be done."""
        found = CRASH_MODELS[model] if isinstance(model, str) else model
        return cls(play(litmus), found)

    def space(self, events: int) -> ImageSpace:
        """Return the images that a crash may leave after so many events."""
        if events not in self._spaces:
            happened = self.played.events[:events]
            self._spaces[events] = ImageSpace.after(self.played.initial, happened, self.model)
        return self._spaces[events]

    def outside(self, observed: Observed) -> Iterator[Seen]:
        """Yield the states that were seen and are not allowed when they were seen."""
        for seen in observed.seen:
            if not all(self.allows(seen.image, done) for done in seen.after):
                yield seen

    def allows(self, image: Image, done: int) -> bool:
        """Tell whether a crash may leave an image when so many lines had returned."""
        return any(contains(self.space(n), image) for n in self.played.during(done))

    def states(self, *, at_end: bool = False) -> set[int] | None:
        """
        List the digests of all states that a crash may leave; nothing if there are too many.

        `at_end` leaves out crashes before the last line has returned.
        """
        found: set[int] = set()
        last = len(self.played.events)
        for events in range(last if at_end else 0, last + 1):
            space = self.space(events)
            if space.count() > LISTED:
                return None
            seen: set[int] = set()
            for choice, digest in digested(space):
                if digest not in seen:
                    seen.add(digest)
                    found.add(space.builder.build(choice).digest)
        return found


def contains(space: ImageSpace, image: Image) -> bool:
    """Tell whether an image is in a space: decide the names, then sizes, then sectors."""
    for part in by_names(space):
        tree = space.builder.tree(part.kept)
        names = tree.directories, {path for path, _ in tree.files}
        if names == (image.directories, set(image.files)) and _fits(space, part, tree, image):
            return True
    return False


def _fits(space: ImageSpace, part: Part, tree: Tree, image: Image) -> bool:
    """Tell whether some image of a part has these contents."""
    wanted = list(_wanted(space, tree, image))
    pending = [(part, 0)]
    while pending:
        found, at = pending.pop()
        if at == len(wanted):
            return True
        register, content = wanted[at]
        for piece in split(space, found, register):
            held = value(space, piece, register)
            if held == content or (isinstance(held, bytes) and held[: len(content)] == content):  # type: ignore[arg-type]
                pending.append((piece, at + 1))
    return False


def _wanted(space: ImageSpace, tree: Tree, image: Image) -> Iterator[tuple[Register, bytes | int]]:
    """Yield what each register has to hold; of a file's last sector the visible part."""
    sector_bytes = space.builder.registers.sector_bytes
    for path, inode in tree.files:
        content = image.files[path]
        yield Size(inode), len(content)
        for start in range(0, len(content), sector_bytes):
            yield Data(inode, start // sector_bytes), content[start : start + sector_bytes]


@frozen
class Comparison:
    """A crash model against everything that was seen of some programs."""

    crash_model: str
    programs: int
    states: int
    """States that were seen."""

    outside: tuple[tuple[str, Seen], ...]
    """Those that the model does not allow, each with its program's name."""


def compare(model: str | CrashModel, programs: Iterable[Observed]) -> Comparison:
    """Hold a crash model to what was seen."""
    name = model if isinstance(model, str) else model.name
    counted = states = 0
    outside: list[tuple[str, Seen]] = []
    for observed in programs:
        counted += 1
        states += len(observed.states)
        predictions = Predictions.of(observed.litmus, model)
        outside += [(observed.litmus.name, seen) for seen in predictions.outside(observed)]
    return Comparison(name, counted, states, tuple(outside))


def tightness(model: str | CrashModel, programs: Iterable[Observed]) -> tuple[int, int]:
    """Count the states that were seen and are allowed, and all that are allowed."""
    seen = allowed = 0
    for observed in programs:
        states = Predictions.of(observed.litmus, model).states()
        if states is not None:
            allowed += len(states)
            seen += len({each.image.digest for each in observed.seen} & states)
    return seen, allowed
