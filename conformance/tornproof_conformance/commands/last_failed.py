"""
What the last run found violated, so that the next can begin with it.

It is a file beside the reproducers: the requirement and the check that found it, a line each.
"""

from collections.abc import Sequence
from pathlib import Path

from tornproof.errors import Invalid

from tornproof_conformance.checks import Check
from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.run.selection import select

NAME = "last-failed"


def note_failures(record: RunRecord, directory: Path) -> None:
    """Keep what a run found violated; remove the file if that is nothing."""
    found = [v for v in record.verdicts if v.verdict == "violated"]
    path = directory / NAME
    if not found:
        path.unlink(missing_ok=True)
        return
    directory.mkdir(parents=True, exist_ok=True)
    lines = (f"{each.requirement} {check}\n" for each in found for check in each.checks)
    path.write_text("".join(lines), encoding="utf-8")


def has_failed(directory: Path) -> bool:
    """Tell whether the last run found anything violated."""
    return (directory / NAME).is_file()


def select_last_failed(directory: Path, offered: Sequence[Check]) -> list[Check]:
    """
    Choose the checks that found something violated in the last run, and of scenarios only those.

    Raises `Invalid` if nothing was, or if what found it is not among those on offer.
    """
    if not has_failed(directory):
        raise Invalid(f"nothing failed in the last run that kept its reproducers in {directory}")
    lines = (directory / NAME).read_text(encoding="utf-8").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    requirements = list(dict.fromkeys(pair[0] for pair in pairs if len(pair) > 1))
    names = {pair[1] for pair in pairs if len(pair) > 1}
    checks = [check for check in offered if check.name in names]
    if not checks:
        raise Invalid(
            f"the last failure was found by {', '.join(sorted(names))}, which does not apply here: "
            f"run without --last-failed, or delete {directory / NAME}"
        )
    return select(requirements, checks)
