"""
Every variant conforms: it is right, and differs from the reference in one permitted way.

`python -m tests.adapters.test_variants SECONDS SEEDS` judges all of them for longer, and
prints the table.
"""

import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tornproof_conformance.checks import Budget
from tornproof_conformance.run.adapter_run import check_adapter
from tornproof_conformance.specification.requirements import requirement
from tornproof_conformance.stream.run_events import Diagnosed, RunEvent, RunFinished, ViolationFound
from tornproof_conformance.variants.catalogue import VARIANTS, summary, variants_of
from tornproof_conformance.variants.log import Log

from tests.recorders import needs_recorder

SECONDS = 4
"""Of each variant in the tests; a verdict takes some forty."""

RECORD_BYTES = 16 << 10


def judge(name: str, seconds: float, seed: int, reproducers: Path) -> Iterator[RunEvent]:
    """Judge a variant, served over the protocol."""
    command = [sys.executable, "-m", "tornproof_conformance.variants", name]
    budget = Budget(seconds=seconds, seed=seed)
    return check_adapter(command, budget=budget, reproducers=reproducers)


def accusations(events: Iterator[RunEvent]) -> list[str]:
    """Say what a run holds against what it judges."""
    return [
        f"{event.requirement}: {event.message}"
        if isinstance(event, ViolationFound)
        else event.message
        for event in events
        if isinstance(event, ViolationFound | Diagnosed)
    ]


def test_there_are_many_variants() -> None:
    """At least two dozen, and each says in what it differs."""
    assert len(VARIANTS) >= 24
    assert all(summary(name).endswith(".") for name in VARIANTS)


def test_every_variant_names_the_sentences_that_permit_it() -> None:
    """They are requirements that a chapter states, and `variants_of` finds it by each."""
    for name, variant in VARIANTS.items():
        assert variant.permitted_by, name
        assert all(name in variants_of(each) for each in map(known_id, variant.permitted_by))


def known_id(identifier: str) -> str:
    """Return an id that is stated; raise `UnknownRequirement` for another."""
    return requirement(identifier).id


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_that_holds_all_records_says_so(name: str, tmp_path: Path) -> None:
    """Opening 512 KiB more takes less than half of that, unless `hello` tells of it (REC-9)."""
    short, long = (opening_memory(VARIANTS[name], tmp_path / str(n), n) for n in (4, 36))
    holds_all = long - short > (36 - 4) * RECORD_BYTES / 2
    assert holds_all == VARIANTS[name].returns_everything


def opening_memory(kind: type[Log], directory: Path, records: int) -> int:
    """Return the most bytes of Python's memory that opening a log of so many records takes."""
    log = kind(str(directory))
    for number in range(records):
        log.append(bytes([number]) * RECORD_BYTES, durable=False)
    log.close()
    tracemalloc.start()
    log = kind(str(directory))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    log.close()
    return peak


@needs_recorder
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_not_convicted(name: str, tmp_path: Path) -> None:
    """Whatever is tried, no requirement is held against it."""
    assert accusations(judge(name, SECONDS, 0, tmp_path)) == []


def main(seconds: float, seeds: int) -> int:
    """Print what became of every variant; return how many runs convicted one."""
    wrong = 0
    for name in VARIANTS:
        for seed in range(seeds):
            with TemporaryDirectory() as saved:
                events = list(judge(name, seconds, seed, Path(saved)))
            told = accusations(iter(events))
            end = next((event for event in events if isinstance(event, RunFinished)), None)
            counts = f"{end.holds} hold, {end.starved} starved" if end else "no verdict"
            print(f"{name:<36} seed {seed}  {counts}  {'; '.join(told)}", flush=True)
            wrong += bool(told)
    return wrong


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])) > 0)
