"""
What all vectors and campaigns together say of each crash model.

A vector keeps programs with the states that were seen of them.  A campaign of random programs is
too large to keep: of it there are its seeds, which make it again, and its counts, and the programs
that tell crash models apart are kept in a vector.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from attrs import asdict, frozen

from tornproof_kernels.litmus import Litmus
from tornproof_kernels.predictions import compare
from tornproof_kernels.vectors import Observed, Vector, load

CAMPAIGNS = "campaigns.json"


@frozen
class Campaign:
    """Random programs that were played on one kernel, and compared with a crash model."""

    kernel: str
    filesystem: str
    options: str
    mkfs: tuple[str, ...]
    seeds: tuple[int, ...]
    programs: int
    images: int
    states: int
    outside: int
    """States that the crash model forbids."""

    compared: int = 0
    """Images that e2fsprogs or a kernel recovered as the reader did."""

    @property
    def place(self) -> tuple[str, str, str, tuple[str, ...]]:
        """Where its programs were played."""
        return self.kernel, self.filesystem, self.options, self.mkfs

    def with_more(self, other: "Campaign") -> "Campaign":
        """Add what other seeds have shown in the same place."""
        return Campaign(
            *self.place,
            tuple(sorted({*self.seeds, *other.seeds})),
            self.programs + other.programs,
            self.images + other.images,
            self.states + other.states,
            self.outside + other.outside,
            self.compared + other.compared,
        )


@frozen
class Total:
    """One crash model against everything."""

    kernels: tuple[str, ...]
    programs: int
    images: int
    states: int
    outside: int


def crash_model_of(filesystem: str, options: str, mkfs: Iterable[str]) -> str:
    """Return the crash model of a filesystem with these options."""
    if filesystem != "ext4":
        return filesystem
    if "fast_commit" in mkfs:
        return "ext4-fast-commit"
    named = {"data=journal": "ext4-journal", "data=writeback": "ext4-writeback"}
    return next((name for option, name in named.items() if option in options), "ext4")


def load_vectors(folder: Path) -> dict[str, Vector]:
    """Read all vectors in a folder, by name.  Raises `BadVector`."""
    paths = (path for path in sorted(folder.glob("*.json")) if path.name != CAMPAIGNS)
    return {path.stem: load(path) for path in paths}


def load_campaigns(folder: Path) -> list[Campaign]:
    """Read the campaigns in a folder."""
    found = json.loads((folder / CAMPAIGNS).read_text(encoding="utf-8"))
    return [
        Campaign(**{**each, "mkfs": tuple(each["mkfs"]), "seeds": tuple(each["seeds"])})
        for each in found
    ]


def save_campaigns(campaigns: Iterable[Campaign], folder: Path) -> None:
    """Write the campaigns, one a line."""
    lines = ",\n ".join(json.dumps(asdict(each)) for each in campaigns)
    (folder / CAMPAIGNS).write_text(f"[\n {lines}\n]\n", encoding="utf-8")


def add_campaign(campaigns: Iterable[Campaign], vector: Vector) -> list[Campaign]:
    """
    Add the random programs of a result, of seeds that were not counted yet.

    Raises `ValueError` for a seed that was: its programs would be counted twice.
    """
    mine = [each for each in vector.programs if each.is_random]
    seeds = tuple(sorted({int(each.litmus.name[1:].partition("-")[0]) for each in mine}))
    model = crash_model_of(vector.filesystem, vector.options, vector.mkfs)
    new = Campaign(
        *(vector.kernel, vector.filesystem, vector.options, vector.mkfs, seeds),
        *(len(mine), vector.images, sum(len(each.states) for each in mine)),
        *(len(compare(model, mine).outside), vector.compared),
    )
    found = list(campaigns)
    for number, old in enumerate(found):
        if old.place == new.place:
            if counted := set(old.seeds) & set(seeds):
                raise ValueError(f"seed {min(counted)} on {new.kernel} was counted already")
            found[number] = old.with_more(new)
            return found
    return [*found, new]


def litmus_programs(crash_model: str, vectors: Iterable[Vector]) -> list[Observed]:
    """Put together what was seen of each litmus program, on all kernels of a crash model."""
    found: dict[Litmus, Observed] = {}
    for vector in vectors:
        if crash_model_of(vector.filesystem, vector.options, vector.mkfs) != crash_model:
            continue
        for each in vector.programs:
            if not each.is_random:
                found.setdefault(each.litmus, Observed(each.litmus)).include(each)
    return list(found.values())


def total(crash_model: str, vectors: Iterable[Vector], campaigns: Iterable[Campaign]) -> Total:
    """Add up what is known of a crash model; random programs in vectors are of campaigns."""
    kernels, programs, images, states, outside = set[str](), 0, 0, 0, 0
    for vector in vectors:
        if crash_model_of(vector.filesystem, vector.options, vector.mkfs) == crash_model:
            litmus = [each for each in vector.programs if not each.is_random]
            kernels.add(vector.version)
            programs += len(litmus)
            images += vector.images
            states += sum(len(each.states) for each in litmus)
    for campaign in campaigns:
        where = campaign.filesystem, campaign.options, campaign.mkfs
        if crash_model_of(*where) == crash_model:
            kernels.add(".".join(campaign.kernel.split(".")[:2]))
            programs += campaign.programs
            images += campaign.images
            states += campaign.states
            outside += campaign.outside
    ordered = sorted(kernels, key=lambda version: tuple(map(int, version.split("."))))
    return Total(tuple(ordered), programs, images, states, outside)
