"""
A campaign's results on disk, one file for each finished shard.

A campaign over a large bound runs for hours, on machines that crash.  Each shard
is written when it is done, so that whoever starts the same campaign again, in
the same directory, loses no more than what was under way.

A directory belongs to one campaign: to its settings, to the code that judges and
to the traces of what is judged.  Anything else is refused, because results of
different campaigns cannot be added up.
"""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import tornproof.errors
from attrs import asdict, frozen
from tornproof.errors import Invalid

from tornproof_models.campaigns.campaign import Campaign, Discovery, Explored, Plan
from tornproof_models.crash.findings import Coverage
from tornproof_models.documents.files import read_json

FORMAT = "tornproof-campaign/1"
SETTINGS = "campaign.json"


@frozen
class Archive:
    """A directory that holds what came of some shards of a campaign."""

    directory: Path

    @classmethod
    def open(cls, directory: Path, campaign: Campaign, plan: Plan) -> "Archive":
        """
        Begin an archive, or go on with one.

        Raises `Invalid` if the directory belongs to another campaign, or if it
        cannot be read or written.
        """
        settings = _settings(campaign, plan)
        path = directory / SETTINGS
        try:
            directory.mkdir(parents=True, exist_ok=True)
            if path.exists():
                _compare(path, settings)
            else:
                _write(path, settings)
        except OSError as error:
            raise Invalid(f"cannot use {directory}: {error.strerror}") from None
        return cls(directory)

    def load(self) -> Iterator[tuple[int, Explored]]:
        """
        Yield the shards that are finished, by number.

        Raises `Invalid` for a file that is not what `save` wrote.
        """
        for path in sorted(self.directory.glob("shard-*.json")):
            yield _decode(path)

    def save(self, number: int, explored: Explored) -> None:
        """Write what came of a shard: all of it, or nothing."""
        document = {
            "shard": number,
            "coverage": asdict(explored.coverage),
            "discoveries": [asdict(each) for each in explored.discoveries],
        }
        _write(self.directory / f"shard-{number:05}.json", document)


def _settings(campaign: Campaign, plan: Plan) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "subject": campaign.subject.name,
        "operations": campaign.operations,
        "alphabet": [str(step) for step in campaign.alphabet],
        "crash_models": list(campaign.crash_models),
        "durabilities": list(campaign.durabilities),
        "shards": campaign.shards,
        "traces": plan.digest,
        "code": code_digest(),
    }


@cache
def code_digest() -> str:
    """Hash the sources of the reference and of the models, which decide every result."""
    state = blake2b(digest_size=16)
    for module in (tornproof.errors.__file__, __file__):
        package = Path(module).parents[0 if module == tornproof.errors.__file__ else 1]
        for path in sorted(package.rglob("*.py")):
            state.update(path.relative_to(package).as_posix().encode())
            state.update(path.read_bytes())
    return state.hexdigest()


def _compare(path: Path, settings: Mapping[str, Any]) -> None:
    found = _read(path)
    for name, value in settings.items():
        if found.get(name) != value:
            raise Invalid(
                f"{path.parent} belongs to another campaign: its {name} is "
                f"{found.get(name)!r}, not {value!r}; choose another directory"
            )


def _decode(path: Path) -> tuple[int, Explored]:
    document = _read(path)
    try:
        coverage = Coverage(**document["coverage"])
        discoveries = tuple(
            Discovery(**{**each, "word": tuple(each["word"])}) for each in document["discoveries"]
        )
        return int(document["shard"]), Explored(coverage, discoveries)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path, "state of a campaign")
    except Invalid as error:
        raise _damaged(path, error) from None
    if not isinstance(document, dict):
        raise _damaged(path, TypeError("not an object"))
    return document


def _damaged(path: Path, error: Exception) -> Invalid:
    return Invalid(
        f"{path} is damaged ({type(error).__name__}: {error}): remove it, and what it held "
        "is explored again"
    )


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a file that is there whole or not at all; a name that a crash loses costs a shard."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
