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
from attrs import asdict, fields, frozen
from tornproof.errors import Invalid

from tornproof_models.campaigns.campaign import Campaign, Discovery, Explored, Plan
from tornproof_models.crash.findings import Coverage
from tornproof_models.documents.files import read_json
from tornproof_models.documents.limits import Span
from tornproof_models.documents.values import Members, Value
from tornproof_models.documents.words import shown

FORMAT = "tornproof-campaign/1"
SETTINGS = "campaign.json"
KIND = "state of a campaign"
SHARD = ("shard", "coverage", "discoveries")
COUNT = Span(0, 10**40, "no campaign covers so much")


@frozen
class Archive:
    """A directory that holds what came of some shards of a campaign."""

    directory: Path
    campaign: Campaign

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
        return cls(directory, campaign)

    def load(self) -> Iterator[tuple[int, Explored]]:
        """
        Yield the shards that are finished, by number.

        Raises `Invalid` for a file that is not what `save` wrote.
        """
        for path in sorted(self.directory.glob("shard-*.json")):
            yield _decode(path, self.campaign)

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
        there = found[name].data if name in found else None
        if there != value:
            raise Invalid(
                f"{shown(path.parent)} belongs to another campaign: its {name} is "
                f"{shown(there)}, not {shown(value)}; choose another directory"
            )


def _decode(path: Path, campaign: Campaign) -> tuple[int, Explored]:
    try:
        found = Value(read_json(path, KIND), shown(path)).members(SHARD)
        number = found["shard"].whole(Span(0, campaign.shards - 1, "the shards of this campaign"))
        counts = found["coverage"].members([each.name for each in fields(Coverage)])
        coverage = Coverage(**{name: count.whole(COUNT) for name, count in counts.items()})
        discoveries = [_discovery(each, campaign) for each in found["discoveries"].items()]
    except Invalid as error:
        raise _damaged(path, error) from None
    return number, Explored(coverage, tuple(discoveries))


def _discovery(value: Value, campaign: Campaign) -> Discovery:
    found = value.members([each.name for each in fields(Discovery)])
    step = Span(0, len(campaign.alphabet) - 1, "the alphabet of this campaign")
    model = found["crash_model"]
    return Discovery(
        requirement=found["requirement"].text(),
        message=found["message"].text(),
        durability=found["durability"].choice(campaign.durabilities),
        crash_model=None if model.data is None else model.choice(campaign.crash_models),
        word=tuple(each.whole(step) for each in found["word"].items()),
    )


def _read(path: Path) -> Members:
    try:
        return dict(Value(read_json(path, KIND), shown(path)).entries())
    except Invalid as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Invalid) -> Invalid:
    return Invalid(
        f"{shown(path)} is damaged ({error}): remove it, and what it held is explored again"
    )


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a file that is there whole or not at all; a name that a crash loses costs a shard."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
