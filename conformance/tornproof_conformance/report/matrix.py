"""
Show several runs side by side.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from tornproof_conformance.report.markdown import plain
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import SIGNS, named
from tornproof_conformance.specification.requirements import FAMILIES

NOT_JUDGED = "not judged"
"""What stands where a run said nothing about a requirement."""


@frozen
class Row:
    """A requirement, and the verdict of each run."""

    requirement: str
    level: str
    sentence: str
    verdicts: tuple[str, ...]


@frozen
class Matrix:
    """Runs side by side."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def make_matrix(runs: Sequence[tuple[Path, RunRecord]]) -> Matrix:
    """Put runs side by side, in their order; requirements in that of the specification."""
    stated = {
        verdict.requirement: verdict for _, record in reversed(runs) for verdict in record.verdicts
    }
    order = list(FAMILIES)

    def place(identifier: str) -> tuple[int, int]:
        family, _, number = identifier.partition("-")
        return (order.index(family) if family in order else len(order), int(number))

    rows = []
    for identifier in sorted(stated, key=place):
        verdicts = [record.verdict(identifier) for _, record in runs]
        rows.append(
            Row(
                identifier,
                stated[identifier].level,
                stated[identifier].sentence,
                tuple(verdict.verdict if verdict else NOT_JUDGED for verdict in verdicts),
            )
        )
    return Matrix(_columns(runs), tuple(rows))


def _columns(runs: Sequence[tuple[Path, RunRecord]]) -> tuple[str, ...]:
    """Name each run after what was judged; two of the same also after their files."""
    names = [named(record) for _, record in runs]
    count = Counter(names)
    return tuple(
        name if count[name] == 1 else f"{name} ({path.stem})"
        for name, (path, _) in zip(names, runs, strict=True)
    )


def sign(verdict: str) -> str:
    """Return the sign of a verdict; nothing for none."""
    return SIGNS.get(verdict, " ")


def matrix_markdown(matrix: Matrix) -> str:
    """Write a matrix as a table in Markdown."""
    lines = [
        f"| requirement | {' | '.join(map(plain, matrix.columns))} |",
        f"|---|{':-:|' * len(matrix.columns)}",
    ]
    for row in matrix.rows:
        signs = " | ".join(map(sign, row.verdicts))
        lines.append(f"| **{plain(row.requirement)}** {plain(row.sentence)} | {signs} |")
    return "\n".join(lines) + "\n"
