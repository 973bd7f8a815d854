"""
The registers of a disk that are not decided yet, and when they begin to matter.

A recovery stands for all images that gave it the same answers, and they may differ
wherever it did not look.  When it is crashed in its turn, such a place may be looked at
for the first time.  Then the images must be told apart there after all: `Undecided` says
where, and whoever explores the first crash splits them, and begins the second again.
"""

from collections.abc import Hashable, Iterator, Mapping

from attrs import frozen

from tornproof_models.crash.access_log import Answer, Place
from tornproof_models.disk import image_sets
from tornproof_models.disk.image_builder import Tree
from tornproof_models.disk.image_sets import Part
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.registers import Registers
from tornproof_models.disk.trace import Image, number_inodes
from tornproof_models.disk.versions import Data, Name, Register, Size


class Undecided(Exception):
    """The images for which a recovery stands differ in a place that matters now."""

    def __init__(self, place: Place) -> None:
        super().__init__(str(place))
        self.place = place


@frozen
class Doubts:
    """What is not known of the image with which a trace begins."""

    answers: Mapping[Place, Answer]
    sectors: Mapping[int, int]
    """How many sectors each file of the image has."""

    @classmethod
    def about(
        cls, image: Image, answers: Mapping[Place, Answer] | None, sector_bytes: int
    ) -> "Doubts | None":
        """Doubt all of an image but these answers; nothing, if there are none."""
        if answers is None:
            return None
        inodes = number_inodes(image)
        return cls(
            answers,
            {inodes[path]: -(-len(each) // sector_bytes) for path, each in image.files.items()},
        )

    def concern(self, register: Register, registers: Registers) -> bool:
        """Tell whether what is durable of a register is not known."""
        if register in self.answers or register in registers.raised:
            return False
        match register:
            case Size(inode):
                return inode in self.sectors
            case Data(inode, sector):
                return sector < self.sectors.get(inode, 0)
        return False


def answers_of(
    place: Place,
    space: ImageSpace,
    part: Part,
    tree: Tree,
    sizes: Mapping[int, int],
    doubts: Doubts | None,
) -> Iterator[tuple[Answer, Part]]:
    """
    Split a part by what its images answer, and yield each answer and who gives it.

    `place` is in the image, whose names are `tree`; `sizes` are those of its files that
    are known.  Raises `Undecided` if the answer is not known.
    """
    register = register_of(place, tree)
    if doubts and doubts.concern(register, space.builder.registers):
        history = space.histories.get(register)
        if not history or not part.kept >> history[0] & 1:
            assert not isinstance(register, Name)  # all names are known
            raise Undecided(register)
    for piece in image_sets.split(space, part, register):
        value = image_sets.value(space, piece, register)
        if isinstance(value, bytes):
            assert isinstance(place, Data)
            visible = sizes[place.inode] - place.sector * len(value)
            yield (value if visible >= len(value) else value[:visible]), piece
        else:
            assert value is not None
            yield value, piece


def register_of(place: Place, tree: Tree) -> Register:
    """Return the register that a place of an image with these names shows."""
    inode = tree.inodes[place.inode]
    return Size(inode) if isinstance(place, Size) else Data(inode, place.sector)


def state_of(registers: Registers, doubts: Doubts | None, numbers: dict[bytes, int]) -> Hashable:
    """
    Put all that a crash depends on into one key: what is durable, what is pending.

    Doubts come in as such.  Contents stand as `numbers`, where new ones are added, since
    keys are kept and contents are large.
    """

    def number(value: bytes | int | None) -> int | None:
        return numbers.setdefault(value, len(numbers)) if isinstance(value, bytes) else value

    def durable(register: Register, value: bytes | int) -> int | str | None:
        doubtful = doubts is not None and doubts.concern(register, registers)
        return "?" if doubtful else number(value)

    zeros = number(bytes(registers.sector_bytes))
    first = registers.pending[0].step if registers.pending else 0
    positions = {id(version): position for position, version in enumerate(registers.pending)}
    return (
        tuple((inode, tuple(sorted(names.items()))) for inode, names in registers.names.items()),
        tuple((inode, durable(Size(inode), size)) for inode, size in registers.sizes.items()),
        tuple(
            (inode, sector, held)
            for inode, sectors in registers.sectors.items()
            for sector, value in sorted(sectors.items())
            if (held := durable(Data(inode, sector), value)) != zeros
        ),
        tuple(
            (
                version.register,
                number(version.value),
                version.step - first,
                version.namespace,
                version.failed,
                tuple(positions.get(id(needed)) for needed in version.needs),
                isinstance(version.register, Data)
                and registers.is_new(version.register)
                and tuple(map(number, registers.cut.get(version.register, ()))),
            )
            for version in registers.pending
        ),
    )
