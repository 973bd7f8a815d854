"""
Programs of operations that a journal need not have: each claim brings its own.
"""

from collections.abc import Mapping, Sequence

from tornproof_models.crash.program import (
    Append,
    Batch,
    DropHead,
    DropTail,
    Program,
    Reopen,
    Rotate,
    Step,
    Submit,
)

TOGETHER: tuple[tuple[Program, ...], ...] = (
    ((Submit((5, 24)),), (Submit((472, 24, 5)),)),
    ((Append(5), Submit((24, 472))), (Submit((5, 24)), Submit((24, 472, 5)))),
)
"""Programs of one and of two operations for those who have group commit."""

BATCHES: tuple[tuple[Program, ...], ...] = (
    ((Batch((5, 600)),), (Batch((472, 24, 5)),)),
    ((Append(5), Batch((24, 472))), (Batch((600, 5)), Batch((24, 24))), (Batch((5, 24)), Reopen())),
)
"""Programs of one and of two operations for those who claim `journal/batch`."""

TRUNCATIONS: tuple[tuple[Program, ...], ...] = (
    (),
    tuple(
        (Append(600), *more, Append(24), drop, *after)
        for drop in (DropTail(1), DropHead(1))
        for more, after in (((), ()), ((), (Append(24),)), ((Append(5),), (Reopen(),)))
    ),
)
"""Programs for those who claim `journal/truncate`: with nothing to drop there is none of one."""

BROUGHT: Mapping[str, Sequence[Sequence[Program]]] = {
    "journal/group-commit": TOGETHER,
    "journal/batch": BATCHES,
    "journal/truncate": TRUNCATIONS,
}
"""The programs that a claim brings, by their number of operations."""

NEEDED: Mapping[type[Step], str] = {
    Rotate: "journal/segments",
    Batch: "journal/batch",
    DropTail: "journal/truncate",
    DropHead: "journal/truncate",
}
"""The claims that steps need."""
