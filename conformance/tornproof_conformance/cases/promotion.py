"""
Turn a counterexample into a test vector.

A reproducer shows a fault to those who have this suite.  A vector shows it to
everybody: here are the files that a crash left, this is what must come of them.
`make_case` turns the one into the other, if it can.

What must come of the files is not asked of any implementation.  It is read off
the frames (`reading`) and held against what was owed at the crash.  Where the
two disagree, the disk had lost what was owed before recovery began, and there is
no image on which a recovery could be blamed for it; where the subject did what
the reading says, the fault shows only later, in a process that lives.  Such
reproducers are refused, with the reason.

"""

from base64 import b64encode
from collections.abc import Sequence

from attrs import frozen
from tornproof.errors import Invalid
from tornproof_models.contract.journal import Record
from tornproof_models.crash.program import Crash
from tornproof_models.crash.subject import DIRECTORY, Options
from tornproof_models.disk.trace import Image, Observed, Trace

from tornproof_conformance.cases.case import ProgramCase
from tornproof_conformance.cases.reproducer import Reproducer
from tornproof_conformance.specification.requirements import requirement
from tornproof_conformance.vectors.second_reading import COMPANION, MAXIMUM, read_directory
from tornproof_conformance.vectors.vector import Recovers, Refused
from tornproof_conformance.vectors.vector_files import Case, encode_expectation


@frozen
class _Opening:
    """A recovery: the image it met, what it owed, and what it showed."""

    image: Image
    owed: tuple[Record, ...]
    shown: tuple[Record, ...] | None


def make_case(
    saved: Reproducer, identifier: str, comment: str, flags: Sequence[str], source: str
) -> Case:
    """
    Make a vector of a reproducer; a missing comment is the requirement's sentence.

    The requirements are those that opening the image tests, whatever the program did
    that led to it.  Raises `Invalid`, with the reason, if no image can show the fault.
    """
    opening = _opening(saved)
    files = _files(opening.image)
    options = saved.case.options if isinstance(saved.case, ProgramCase) else Options()
    expect = read_directory(files, options.max_payload)
    if isinstance(expect, Refused):
        raise Invalid(
            "the image is damaged where no recovery may cut: what went wrong went wrong "
            "before the crash"
        )
    _require_expressible(saved, opening, expect)
    tested = _tested(opening, expect)
    stated = requirement(tested[0])
    limited = options.max_payload != MAXIMUM
    return {
        "id": identifier,
        "kind": "image",
        "requirements": tested,
        "level": stated.level.value,
        "comment": comment or stated.sentence,
        "flags": list(flags),
        "source": source,
        **({"max_payload": options.max_payload} if limited else {}),
        "files": {name: b64encode(files[name]).decode() for name in sorted(files)},
        "expect": encode_expectation(expect),
    }


def _opening(saved: Reproducer) -> _Opening:
    """Find the recovery in which the fault shows: that after the last crash."""
    if not isinstance(saved.case, ProgramCase):
        raise Invalid("only programs on a journal leave images that can be promoted")
    if saved.crashes:
        return _Opening(saved.crashes[-1].image, saved.expected, saved.recovered)
    if saved.trace and any(isinstance(step, Crash) for step in saved.case.program):
        # what the crash inside the program owed is not in the file
        return _Opening(saved.trace.initial, (), _first_shown(saved.trace))
    raise Invalid(
        f"nothing crashes in it: {saved.requirement} is violated by a process that lives, "
        "and an image holds only what a dead one left"
    )


def _first_shown(trace: Trace) -> tuple[Record, ...] | None:
    shown = (event.records for event in trace.events if isinstance(event, Observed))
    return next(shown, None)


def _files(image: Image) -> dict[str, bytes]:
    """
    Name the files of the journal's directory.

    Watermark and cursors are left out: not everybody keeps them, and what recovery
    must show of a legal image does not depend on them.
    """
    prefix = f"{DIRECTORY}/"
    named = {path.removeprefix(prefix): data for path, data in image.files.items()}
    return {name: data for name, data in named.items() if not COMPANION.fullmatch(name)}


def _require_expressible(saved: Reproducer, opening: _Opening, expect: Recovers) -> None:
    missing = [record for record in opening.owed if record not in expect.records]
    if missing:
        raise Invalid(
            f"the record at {missing[0][0]} was owed and is not in the image: it was lost "
            "before recovery began, so no recovery can be blamed for it"
        )
    if opening.shown == expect.records:
        raise Invalid(
            f"the image was recovered as it must be: {saved.requirement} is violated later, by "
            "a process that lives"
        )


def _tested(opening: _Opening, expect: Recovers) -> list[str]:
    """Name what the subject got wrong: the prefix, and perhaps that it made something up."""
    invented = set(opening.shown or ()) - set(expect.records)
    tested = ["REC-1"]
    if invented:
        tested.append("JRN-5")
    return tested
