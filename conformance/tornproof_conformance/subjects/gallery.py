"""
Every miniature, of every kind.

Two of different kinds may have the same name, so a miniature is known by both:
`drainer/replays-twice`.  Where only one has a name, the name is enough.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache

from attrs import frozen
from tornproof.errors import Invalid
from tornproof_models.miniatures import (
    audit_miniatures,
    chain_miniatures,
    cleanup_miniatures,
    drainer_miniatures,
    drainer_rules,
    group_commit_miniatures,
    job_queue,
    journal_miniatures,
    operation_miniatures,
    reader_miniatures,
)

from tornproof_conformance.wrong_adapters.breaches import ADAPTERS

KINDS: Mapping[str, Mapping[str, type]] = {
    "journal": journal_miniatures.MINIATURES,
    "operations": operation_miniatures.OPERATIONS,
    "group-commit": group_commit_miniatures.MINIATURES,
    "reader": reader_miniatures.READERS,
    "cursor": cleanup_miniatures.CURSORS,
    "cleanup": cleanup_miniatures.CLEANERS,
    "chain": chain_miniatures.MINIATURES,
    "audit": audit_miniatures.MINIATURES,
    "audit-indexer": audit_miniatures.INDEXERS,
    "drainer": {**drainer_miniatures.MINIATURES, **drainer_rules.RULES},
    "job-queue": job_queue.MINIATURES,
    "adapter": ADAPTERS,
}
"""What there are miniatures of, in the order of the specification."""


@frozen
class Exhibit:
    """A miniature, as it is listed and explained."""

    kind: str
    name: str
    breaks: tuple[str, ...]
    """Ids of the requirements that it does not hold."""

    text: str
    """What is wrong with it, and where that has been seen: its docstring."""

    @property
    def summary(self) -> str:
        """The first paragraph of its text, on one line."""
        return " ".join(self.text.split("\n\n")[0].split())


@cache
def exhibits() -> tuple[Exhibit, ...]:
    """Return every miniature."""
    return tuple(_exhibits())


def _exhibits() -> Iterator[Exhibit]:
    for kind, miniatures in KINDS.items():
        for name, miniature in miniatures.items():
            breaks = sorted(getattr(miniature, "breaks", ()))
            yield Exhibit(kind, name, tuple(breaks), (miniature.__doc__ or "").strip())


def find_exhibits(name: str) -> tuple[Exhibit, ...]:
    """
    Find the miniatures of a name, or of a kind and a name.

    Raises `Invalid` if there is none, with what may have been meant.
    """
    found = tuple(e for e in exhibits() if name in (e.name, f"{e.kind}/{e.name}"))
    if not found:
        near = get_close_matches(name, [each.name for each in exhibits()], n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`tornproof list miniatures`"
        raise Invalid(f"no miniature {name!r}: {hint}")
    return found


def breakers(requirement: str) -> tuple[Exhibit, ...]:
    """Return the miniatures that do not hold a requirement."""
    return tuple(each for each in exhibits() if requirement in each.breaks)
