"""
`tornproof list`: the names that the other commands take.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import click
from tornproof_models.disk.crash_models import CRASH_MODELS

from tornproof_conformance.checks.catalogue import ADAPTER_CHECKS, CHECKS
from tornproof_conformance.commands.completing import complete_requirements
from tornproof_conformance.commands.one_of import OneOf
from tornproof_conformance.report.printable import say, to_json
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification.claims import CLAIMS
from tornproof_conformance.specification.requirements import FAMILIES, requirements
from tornproof_conformance.subjects.gallery import exhibits
from tornproof_conformance.subjects.machines import MACHINES
from tornproof_conformance.variants.catalogue import VARIANTS, summary
from tornproof_conformance.vectors.vector import cases

KINDS = (
    "requirements",
    "checks",
    "scenarios",
    "machines",
    "vectors",
    "claims",
    "crash-models",
    "miniatures",
    "variants",
)


@click.command("list")
@click.argument("kind", type=OneOf(KINDS), default="requirements")
@click.option(
    "--requirement",
    metavar="ID",
    shell_complete=complete_requirements,
    help="List only what concerns this requirement, such as REC-2.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects.")
def command(kind: str, requirement: str | None, as_json: bool) -> None:
    """List requirements, checks, scenarios, claims, crash models, miniatures or variants."""
    entries = [
        entry
        for entry in entries_of(kind)
        if requirement is None or requirement.upper() in entry.get("requirements", [entry["name"]])
    ]
    if as_json:
        say(to_json(entries, indent=2))
        return
    width = max((len(entry["name"]) for entry in entries), default=0)
    for group, members in groupby(entries, lambda entry: str(entry.get("group", ""))):
        if group:
            click.secho(group, bold=True)
        for entry in members:
            say(f"{entry['name']:<{width}}  {entry['text']}")


def entries_of(kind: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of a kind, as `--json` prints them."""
    match kind:
        case "requirements":
            for stated in requirements().values():
                family = FAMILIES[stated.family]
                yield _entry(stated.id, stated.sentence, family, level=stated.level.value)
        case "checks":
            for group, checks in (
                ("built-in", CHECKS),
                ("adapters", tuple(ADAPTER_CHECKS.values())),
            ):
                for check in checks:
                    names = [each for each in requirements() if each in check.requirements]
                    yield _entry(check.name, check.title, group, requirements=names)
        case "scenarios":
            for scenario in SCENARIOS.values():
                yield _entry(scenario.name, scenario.rule, requirements=[*scenario.requirements])
        case "machines":
            for name, judged in MACHINES.items():
                text = f"judges {len(judged)} subject{'s'[: len(judged) != 1]}"
                yield _entry(name, text, subjects=list(judged))
        case "vectors":
            for case in cases():
                yield _entry(
                    case["id"], case["comment"], case["kind"], requirements=case["requirements"]
                )
        case "claims":
            for claim in CLAIMS.values():
                names = [each.id for each in requirements().values() if claim.lists(each.id)]
                yield _entry(claim.name, claim.meaning, requirements=names, checks=[*claim.checks])
        case "crash-models":
            for crash_model in CRASH_MODELS.values():
                yield _entry(crash_model.name, crash_model.meaning)
        case "miniatures":
            for each in exhibits():
                yield _entry(each.name, each.summary, each.kind, requirements=[*each.breaks])
        case "variants":
            for name, variant in VARIANTS.items():
                yield _entry(name, summary(name), requirements=[*variant.permitted_by])


def _entry(name: str, text: str, group: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, **({"group": group} if group else {}), **more, "text": text}
