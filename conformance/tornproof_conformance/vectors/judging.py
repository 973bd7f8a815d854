"""
Compare a subject with a test vector.
"""

from collections.abc import Iterator, Mapping

from tornproof.errors import TornproofError
from tornproof_models.contract.journal import Record
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.subject import DIRECTORY, Options, Subject, new_disk
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image

from tornproof_conformance.vectors.vector import ImageVector, Recovers, Refused

NO_ANSWERS = frozenset({"exited", "no_reply"})
"""Codes of an error that no implementation has given: its process ended, or kept silent."""


def judge_vector(vector: ImageVector, subject: Subject) -> list[Violation]:
    """Let a subject open the vector's image and compare what it shows with what it must."""
    filesystem = new_disk(subject, image_of(vector.files))
    try:
        journal = subject.open(filesystem, options_of(vector))
        records = tuple(journal.scan())
        discarded = journal.discarded_bytes
    except Exception as error:
        found = _judge_refusal(vector, error, filesystem)
    else:
        found = _judge_records(vector, records, discarded, filesystem)
    return [Violation(requirement, f"{vector.id}: {message}") for requirement, message in found]


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
) -> Iterator[tuple[str, str]]:
    code = error.code if isinstance(error, TornproofError) else type(error).__name__
    is_typed = isinstance(error, TornproofError) and code not in NO_ANSWERS
    if code in NO_ANSWERS:
        code = type(error).__name__
    if isinstance(vector.expect, Recovers):
        yield "REC-1", f"refused to open with {code}: {error}"
    elif code != vector.expect.code:
        message = f"refused with {code}, not {vector.expect.code}: {error}"
        yield "ADP-7" if is_typed else vector.requirements[0], message
    if filesystem.image.files != filesystem.initial.files:
        yield "REC-5", "refused, and changed what is on disk"


def _judge_records(
    vector: ImageVector,
    records: tuple[Record, ...],
    discarded: int,
    filesystem: ModelFilesystem,
) -> Iterator[tuple[str, str]]:
    expect = vector.expect
    if isinstance(expect, Refused):
        message = f"opened and showed {len(records)} records; must be refused with {expect.code}"
        yield vector.requirements[0], message
        return
    if len(records) != len(expect.records):
        message = f"showed {len(records)} records, not the {len(expect.records)} that are valid"
        yield vector.requirements[0], message
    elif records != expect.records:
        yield vector.requirements[0], "showed other offsets or payloads than are there"
    elif discarded != expect.discarded_bytes:
        yield "REC-7", f"reported {discarded} bytes cut, not {expect.discarded_bytes}"
    after = filesystem.image.files
    for name in expect.unchanged:
        if after.get(f"{DIRECTORY}/{name}") != vector.files[name]:
            yield "REC-10", f"changed or removed {name}"
    for name in expect.absent:
        if f"{DIRECTORY}/{name}" in after:
            yield "REC-10", f"left {name}"
