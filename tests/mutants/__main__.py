"""
Judge mutants of the reference: `python -m tests.mutants`.

    python -m tests.mutants --sample 30               thirty of each area, drawn by a seed
    python -m tests.mutants --area drainer            all of one area
    python -m tests.mutants --share 1/20              a twentieth of all
    python -m tests.mutants --score                   what is known so far, by area and kind
    python -m tests.mutants --show 3f9a0c12b7de       one mutant, as a difference

What came of each mutant is kept in build/mutants.jsonl, under a name that stays as
long as file and change do; what is there is not judged again, so a run that was
interrupted goes on.  Survivors that were looked at stand in `survivors.toml`, each
with the reason why it is none.
"""

import difflib
import json
import math
import os
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from attrs import asdict
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.mutants.in_place import is_in_a_function
from tests.mutants.judging import CRASHED, SURVIVED, Outcome, judge
from tests.mutants.mutation import ROOT, Mutant, areas, lines_of, mutants_of
from tests.mutants.parts import measure, read_reach, small_parts, that_run

RESULTS = ROOT / "build" / "mutants.jsonl"
QUICK_SECONDS = 3.0
"""CPU seconds of the longest part that a quick judge asks."""

SURVIVORS = Path(__file__).with_name("survivors.toml")


@click.command()
@click.option("--area", multiple=True, help="Only this area; may be given more than once.")
@click.option("--file", "name", help="Only modules whose path contains this.")
@click.option("--share", default="1/1", metavar="I/N", help="The I-th of N parts, by name.")
@click.option("--sample", type=int, metavar="N", help="N of each area.")
@click.option("--seed", default=0, help="What the sample is drawn by.")
@click.option(
    "--quick", is_flag=True, help="Only parts of up to 3 s; a survivor may be noticed yet."
)
@click.option("--again", is_flag=True, help="Judge the survivors once more.")
@click.option("--score", is_flag=True, help="Judge none; print the score.")
@click.option("--show", metavar="ID", help="Print one mutant, as a difference.")
def main(
    area: tuple[str, ...],
    name: str | None,
    share: str,
    sample: int | None,
    seed: int,
    quick: bool,
    again: bool,
    score: bool,
    show: str | None,
) -> None:
    """Make mutants, let the suite judge them, and say which were noticed."""
    chosen = _drawn(_chosen(area, name, share), sample, seed)
    if show:
        click.echo("".join(_difference(each) for each in chosen if each.id.startswith(show)))
        return
    known = _known()
    if not score:
        _judge_all(
            [
                each
                for each in chosen
                if each.id not in known or (again and known[each.id]["outcome"] == SURVIVED)
            ],
            thorough=not quick,
        )
        known = _known()
    _print_score(chosen, known)


def _judge_all(todo: list[Mutant], *, thorough: bool) -> None:
    """Judge mutants and write down what came of each; those that need an import first."""
    RESULTS.parent.mkdir(exist_ok=True)
    measure()
    reach = read_reach()
    within = math.inf if thorough else QUICK_SECONDS
    in_functions = [each for each in todo if is_in_a_function(each)]
    elsewhere = [each for each in todo if each not in in_functions]
    for mutant in track(elsewhere, "tables and classes", transient=True):
        names = list(that_run(None, mutant.path, reach, within))
        _note(mutant, judge(mutant, names, names if thorough else ()))
    if in_functions:
        small_parts()  # imports everything, once for all of them
    for mutant in track(in_functions, "functions", transient=True):
        names = list(that_run(lines_of(mutant), mutant.path, reach, within))
        usual = [*that_run(None, mutant.path, reach, within)] if thorough else ()
        _note(mutant, judge(mutant, names, usual))


def _chosen(area: tuple[str, ...], name: str | None, share: str) -> Iterator[Mutant]:
    part, parts = map(int, share.split("/"))
    for found, paths in areas().items():
        for path in paths:
            if (not area or found in area) and (name or "") in str(path):
                for mutant in mutants_of(path):
                    if int(mutant.id, 16) % parts == part % parts:
                        yield mutant


def _drawn(chosen: Iterator[Mutant], sample: int | None, seed: int) -> list[Mutant]:
    """Draw so many of each area, and let the areas take turns."""
    by_area: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in chosen:
        by_area[mutant.area].append(mutant)
    ranked: list[tuple[int, Mutant]] = []
    for group in by_area.values():
        group.sort(key=lambda each: sha256(f"{seed}\n{each.id}".encode()).digest())
        ranked += enumerate(group[: sample or sys.maxsize])
    return [mutant for _, mutant in sorted(ranked, key=lambda entry: entry[0])]


def _known() -> dict[str, dict[str, Any]]:
    if not RESULTS.exists():
        return {}
    lines = map(json.loads, RESULTS.read_text(encoding="utf-8").splitlines())
    return {each["id"]: each for each in lines}


def _note(mutant: Mutant, outcome: Outcome) -> None:
    told = {name: getattr(mutant, name) for name in ("id", "area", "kind", "path", "line")}
    told |= {"before": mutant.before[:200], "after": mutant.after[:200], **asdict(outcome)}
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")
        file.flush()
        os.fsync(file.fileno())


def reasons() -> dict[str, str]:
    """Read why survivors that were looked at are no gap."""
    if not SURVIVORS.exists():
        return {}
    found = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    return {name: entry["reason"] for name, entry in found.items()}


def _print_score(chosen: list[Mutant], known: dict[str, dict[str, Any]]) -> None:
    excused = reasons()
    console = Console(highlight=False)
    judged = [(each, known[each.id]["outcome"]) for each in chosen if each.id in known]
    for title in ("area", "kind"):
        table = Table(title, "judged", "noticed", "excused", "survived", "score", box=None)
        groups = sorted({getattr(each, title) for each, _ in judged})
        for group in [*groups, "all"]:
            outcomes = Counter(
                "excused" if outcome == SURVIVED and each.id in excused else outcome
                for each, outcome in judged
                if group in ("all", getattr(each, title))
            )
            total = outcomes.total() - outcomes["excused"]
            noticed = total - outcomes[SURVIVED]
            share = f"{noticed / total:.1%}" if total else "-"
            counts = outcomes.total(), noticed, outcomes["excused"], outcomes[SURVIVED]
            table.add_row(group, *map(str, counts), share)
        console.print(table)
    console.print(f"{sum(outcome == CRASHED for _, outcome in judged)} of them ended the run")
    for each, outcome in judged:
        if outcome == SURVIVED and each.id not in excused:
            words = f"{each.id} {each.path}:{each.line} {each.kind}: "
            console.print(f"{words}{each.before[:90]} -> {each.after[:90]}", markup=False)


def _difference(mutant: Mutant) -> str:
    before = (ROOT / mutant.path).read_text(encoding="utf-8").splitlines(keepends=True)
    after = mutant.source.splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, mutant.path, mutant.id))


if __name__ == "__main__":
    main()
