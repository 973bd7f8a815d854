"""
Write the table of `spec/barriers.md` from a run: each kind of sync, in every crash model.

    python -m tests.spec.barrier_table

takes away the syncs of the default programs of `tornproof barriers`, one at a time, and crashes
what is left in each crash model by itself.  It replaces what stands between
`<!-- syncs -->` and `<!-- end -->`; half a minute of one core.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tornproof_conformance.commands.barriers import STORIES, Story, search
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.barriers import Barrier
from tornproof_models.disk.crash_models import CRASH_MODELS

PAGE = Path(__file__).resolve().parents[2] / "spec" / "barriers.md"
KILLED, FAILED, TAKEN_BACK = STORIES[2:]
RECOVERIES = {
    KILLED: "after a kill",
    FAILED: "after an fsync that failed",
    TAKEN_BACK: "after a write was taken back",
}
"""What recovery finds, by the program; the others close the journal."""

_TABLE = re.compile(r"(<!-- syncs -->\n).*?(<!-- end -->\n)", re.DOTALL)

Kind = tuple[str, str]
"""What is synced, and when."""


def kind_of(barrier: Barrier, story: Story) -> Kind:
    """Say what a sync of the reference syncs, and when."""
    call = barrier.call.partition(",")[0].replace("between calls", "`rotate`")
    if barrier.path.endswith("watermark"):
        return "the watermark", call
    if barrier.is_directory:
        above = barrier.path == "/"
        return ("the directory above the journal" if above else "the journal's directory"), call
    if call == "open":
        return "the last segment", f"recovery, {RECOVERIES.get(story, 'after a clean close')}"
    if call == "append" and story.durability == "eventual":
        return "the segment about to be sealed", "rotation"
    return "the active segment", "`append` under `immediate`" if call == "append" else call


def broken(crash_models: tuple[str, ...]) -> Mapping[Kind, Mapping[str, str]]:
    """Return, for each kind of sync, which requirement breaks without one in which model."""
    subject = find_subject("reference")
    found: dict[Kind, dict[str, str]] = {}
    for crash_model in crash_models:
        for story in STORIES:
            outcome = search(subject, story, (crash_model,))
            assert not outcome.broken, outcome.broken
            for barrier in outcome.barriers:
                row = found.setdefault(kind_of(barrier, story), {})
                if barrier.finding:
                    row.setdefault(crash_model, barrier.finding.violation.requirement)
    return found


def table(found: Mapping[Kind, Mapping[str, str]]) -> Iterator[str]:
    """Yield the rows: a kind of sync, and what breaks without it by crash model."""
    yield f"| sync | when | {' | '.join(f'`{name}`' for name in CRASH_MODELS)} |"
    yield f"|---|---|{'---|' * len(CRASH_MODELS)}"
    for (what, when), row in sorted(found.items(), key=lambda each: -len(each[1])):
        yield f"| {what} | {when} | {' | '.join(row.get(name, '–') for name in CRASH_MODELS)} |"


def main() -> None:
    """Write the page."""
    rows = "\n".join(table(broken(tuple(CRASH_MODELS))))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_TABLE.sub(rf"\g<1>\n{rows}\n\n\g<2>", page), encoding="utf-8")


if __name__ == "__main__":
    main()
