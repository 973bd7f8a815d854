"""
Judge mutants of the reference: `python -m tests.mutants`.

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
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from attrs import asdict
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.mutants.judging import CRASHED, SURVIVED, Outcome, judge
from tests.mutants.mutation import ROOT, Mutant, areas, mutants_of

RESULTS = ROOT / "build" / "mutants.jsonl"
SURVIVORS = Path(__file__).with_name("survivors.toml")


@click.command()
@click.option("--area", help="Only this area.")
@click.option("--file", "name", help="Only modules whose path contains this.")
@click.option("--share", default="1/1", metavar="I/N", help="The I-th of N parts, by name.")
@click.option("--limit", type=int, help="Judge so many at most.")
@click.option("--quick", is_flag=True, help="Small bounds alone; a survivor may be noticed yet.")
@click.option("--again", is_flag=True, help="Judge the survivors once more.")
@click.option("--score", is_flag=True, help="Judge none; print the score.")
@click.option("--show", metavar="ID", help="Print one mutant, as a difference.")
def main(
    area: str | None,
    name: str | None,
    share: str,
    limit: int | None,
    quick: bool,
    again: bool,
    score: bool,
    show: str | None,
) -> None:
    """Make mutants, let the suite judge them, and say which were noticed."""
    chosen = list(_chosen(area, name, share))
    if show:
        click.echo("".join(_difference(each) for each in chosen if each.id.startswith(show)))
        return
    known = _known()
    if not score:
        todo = [
            each
            for each in chosen
            if each.id not in known or (again and known[each.id]["outcome"] == SURVIVED)
        ]
        RESULTS.parent.mkdir(exist_ok=True)
        for mutant in track(todo[:limit], "judging", transient=True):
            _note(mutant, judge(mutant, thorough=not quick))
        known = _known()
    _print_score(chosen, known)


def _chosen(area: str | None, name: str | None, share: str) -> Iterator[Mutant]:
    part, parts = map(int, share.split("/"))
    for found, paths in areas().items():
        for path in paths:
            if (area or found) == found and (name or "") in str(path):
                for mutant in mutants_of(path):
                    if int(mutant.id, 16) % parts == part % parts:
                        yield mutant


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
