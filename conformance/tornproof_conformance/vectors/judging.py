"""
Compare a subject with a test vector.
"""

from collections.abc import Iterator, Mapping

from attrs import evolve
from tornproof.errors import TornproofError
from tornproof_models.contract.journal import Record
from tornproof_models.contract.violations import Violation, refuses
from tornproof_models.crash.subject import DIRECTORY, Options, Subject, new_disk
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

from tornproof_conformance.vectors.shown import misshown
from tornproof_conformance.vectors.vector import ImageVector, Recovers, Refused, image_vectors
from tornproof_conformance.vectors.written import judge_written

PLAIN = "frm/three-records"
"""The vector of three valid records, with nothing before, between or behind them."""

OTHER_FRAMES = "has frames of another layout"
"""The cause where not even a journal of three valid records is read."""

NO_ANSWERS = frozenset({"exited", "no_reply"})
"""Codes of an error that no implementation has given: its process ended, or kept silent."""


def judge_vector(vector: ImageVector, subject: Subject) -> list[Violation]:
    """Let a subject open the vector's image and compare what it shows with what it must."""
    filesystem, has_answered = new_disk(subject, image_of(vector.files)), True
    try:
        journal = subject.open(filesystem, options_of(vector))
        records = tuple(journal.scan())
        discarded = journal.discarded_bytes
    except Exception as error:
        found = _judge_refusal(vector, error, filesystem)
        has_answered = getattr(error, "code", "") not in NO_ANSWERS
    else:
        found = _judge_records(vector, records, discarded, filesystem)
    told = [evolve(each, message=f"{vector.id}: {each.message}") for each in found]
    layout = other_layout(subject) if told and has_answered else None
    if layout is None:
        return told
    return [layout, *map(_unread, told)]


def _unread(violation: Violation) -> Violation:
    """Say that a violation comes from frames that are not read, unless it is about other files."""
    is_foreign = violation.requirement == "REC-10"
    return violation if is_foreign else evolve(violation, cause=OTHER_FRAMES)


def other_layout(subject: Subject) -> Violation | None:
    """
    Return the violation of the field in which a subject's frames differ from ours, or none.

    It neither reads three valid records nor writes what the layout says: wherever frames are
    laid before it, it shows something else, and that is one fault.
    """
    if reads_frames(subject):
        return None
    try:
        found = next(judge_written(subject), None)
    except Exception:
        return None
    return found and evolve(found, cause=OTHER_FRAMES)


def reads_frames(subject: Subject) -> bool:
    """Tell whether a subject shows the records of a journal that has nothing else."""
    plain = next(each for each in image_vectors() if each.id == PLAIN)
    assert isinstance(plain.expect, Recovers)
    return show_vector(plain, subject) == plain.expect.records


def show_vector(vector: ImageVector, subject: Subject) -> tuple[Record, ...] | Exception:
    """Let a subject open the vector's image; return what it shows, or how it refuses."""
    try:
        journal = subject.open(new_disk(subject, image_of(vector.files)), options_of(vector))
        return tuple(journal.scan())
    except Exception as error:
        return error


def options_of(vector: ImageVector) -> Options:
    """Return how the vector wants its image opened."""
    return Options() if vector.max_payload is None else Options(max_payload=vector.max_payload)


def image_of(files: Mapping[str, bytes]) -> Image:
    """Put files into an otherwise empty journal directory."""
    return Image(
        {f"{DIRECTORY}/{name}": content for name, content in files.items()},
        frozenset({DIRECTORY}),
    )


def _judge_refusal(
    vector: ImageVector, error: Exception, filesystem: ModelFilesystem
) -> Iterator[Violation]:
    code = error.code if isinstance(error, TornproofError) else type(error).__name__
    is_typed = isinstance(error, TornproofError) and code not in NO_ANSWERS
    cause = "" if code in NO_ANSWERS else refuses(error)
    if code in NO_ANSWERS:
        code = type(error).__name__
    if isinstance(vector.expect, Recovers):
        yield Violation("REC-1", f"refused to open with {code}: {error}", cause)
    elif code != vector.expect.code:
        message = f"refused with {code}, not {vector.expect.code}: {error}"
        yield Violation("ADP-7" if is_typed else vector.requirements[0], message, cause)
    if filesystem.image.files != filesystem.initial.files:
        yield Violation("REC-5", "refused, and changed what is on disk")


def _judge_records(
    vector: ImageVector,
    records: tuple[Record, ...],
    discarded: int,
    filesystem: ModelFilesystem,
) -> Iterator[Violation]:
    expect = vector.expect
    wrong = misshown(vector.files, records)
    if isinstance(expect, Refused):
        message = f"opened and showed {len(records)} records; must be refused with {expect.code}"
        yield Violation(vector.requirements[0], message, wrong.cause if wrong else "")
        return
    if wrong:
        shown = f"showed {len(records)} records, and {len(expect.records)} are valid"
        yield evolve(wrong, message=f"{shown}: {wrong.message}")
    elif discarded != expect.discarded_bytes:
        message = f"reported {discarded} bytes cut, not {expect.discarded_bytes}"
        yield Violation("REC-7", message)
    after = filesystem.image.files
    for name in expect.unchanged:
        if after.get(f"{DIRECTORY}/{name}") != vector.files[name]:
            yield Violation("REC-10", f"changed or removed {name}")
    for name in expect.absent:
        if f"{DIRECTORY}/{name}" in after:
            yield Violation("REC-10", f"left {name}")
