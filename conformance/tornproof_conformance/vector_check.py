"""
Hold a target to a frozen vector.
"""

from collections.abc import Mapping

from tornproof.errors import TornproofError
from tornproof_models.contract.journal import Record, Violation
from tornproof_models.disk.filesystem import ModelFilesystem
from tornproof_models.disk.trace import Image
from tornproof_models.explore.workload import DIRECTORY, Options, Target

from tornproof_conformance.vectors import ImageVector, Recovered, Refused


def judge_vector(vector: ImageVector, target: Target) -> list[Violation]:
    """Let a target open the vector's image and compare what it shows with what it must."""
    filesystem = ModelFilesystem(image_of(vector.files))
    options = Options()
    if vector.max_payload is not None:
        options = Options(max_payload=vector.max_payload)
    try:
        journal = target.open(filesystem, options)
        records = tuple(journal.scan())
        discarded = journal.discarded_bytes
    except Exception as error:
        found = _judge_refusal(vector, error, filesystem)
    else:
        found = _judge_records(vector, records, discarded, filesystem)
    return [Violation(vector.requirements[0], f"{vector.id}: {message}") for message in found]


def image_of(files: Mapping[str, bytes]) -> Image:
    """Put files into an otherwise empty journal directory."""
    return Image(
        {f"{DIRECTORY}/{name}": content for name, content in files.items()},
        frozenset({DIRECTORY}),
    )


def _judge_refusal(vector: ImageVector, error: Exception, filesystem: ModelFilesystem) -> list[str]:
    problems = []
    code = error.code if isinstance(error, TornproofError) else type(error).__name__
    if isinstance(vector.expect, Recovered):
        problems.append(f"refused to open with {code}: {error}")
    elif code != vector.expect.code:
        problems.append(f"refused with {code}, not with {vector.expect.code}: {error}")
    if filesystem.image.files != filesystem.initial.files:
        problems.append("refused, and changed what is on disk")
    return problems


def _judge_records(
    vector: ImageVector,
    records: tuple[Record, ...],
    discarded: int,
    filesystem: ModelFilesystem,
) -> list[str]:
    expect = vector.expect
    if isinstance(expect, Refused):
        return [f"opened and showed {len(records)} records; must be refused with {expect.code}"]
    problems = []
    if records != expect.records:
        problems.append(
            f"showed {len(records)} records, not the {len(expect.records)} that are valid"
            if len(records) != len(expect.records)
            else "showed other offsets or payloads than are there"
        )
    if discarded != expect.discarded_bytes:
        problems.append(f"reported {discarded} bytes cut, not {expect.discarded_bytes}")
    after = filesystem.image.files
    for name in expect.unchanged:
        if after.get(f"{DIRECTORY}/{name}") != vector.files[name]:
            problems.append(f"changed or removed {name}")
    problems += [f"left {name}" for name in expect.absent if f"{DIRECTORY}/{name}" in after]
    return problems
