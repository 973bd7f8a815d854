"""The faults that can hit a step of a call."""

from enum import StrEnum


class Strike(StrEnum):
    """Something that goes wrong at a step."""

    ERROR = "an error, and nothing was done"
    """Whoever has done nothing before either says so; after a first step, nobody knows."""

    AMBIGUOUS = "an error, and all was done"
    """The commit happened, and its answer was lost."""

    DEATH_BEFORE = "the worker dies before it"
    DEATH_AFTER = "the worker dies after it"
