"""
What each crash model was held against: kernels, programs, states.

The figures are those of the litmus vectors and campaigns in `spec/litmus`; a test counts them
again.  A verdict names them, because it is worth as much as its crash models are.
"""

from collections.abc import Iterable, Mapping

from attrs import frozen


@frozen
class Measurement:
    """What was seen on real kernels, and how much of it a crash model forbids."""

    kernels: tuple[str, ...]
    """Versions of Linux, oldest first."""

    programs: int
    states: int
    """States that a crash has left, told apart by program."""

    outside: int = 0
    """How many of these the crash model forbids; it is wrong if there is one."""

    def __str__(self) -> str:
        return (
            f"held against Linux {', '.join(self.kernels)}: {self.programs:,} programs, "
            f"{self.states:,} states, {self.outside:,} outside"
        )


MEASURED: Mapping[str, Measurement] = {
    "ext4-journal": Measurement(("6.12",), 16, 53, 0),
    "ext4": Measurement(("6.1", "6.12"), 1133, 4925, 0),
    "ext4-fast-commit": Measurement(("6.12",), 16, 48, 0),
    "ext4-writeback": Measurement(("6.12",), 16, 80, 0),
    "xfs": Measurement(("6.12",), 327, 1014, 0),
    "btrfs": Measurement(("6.12",), 323, 875, 0),
}
"""The crash models of filesystems; the others are ideals, or what POSIX says."""


def describe_measurement(crash_model: str) -> str:
    """Say in one line what a crash model rests on."""
    found = MEASURED.get(crash_model)
    return f"was {found}" if found else "follows from its definition, not from a kernel"


def measurements_of(crash_models: Iterable[str]) -> tuple[str, ...]:
    """Say of each crash model that was measured what it was held against."""
    return tuple(f"{name}: {MEASURED[name]}" for name in crash_models if name in MEASURED)
