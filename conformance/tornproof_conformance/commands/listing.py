"""
`tornproof list`: what there is.
"""

import json

import click
from tornproof_models.disk.profiles import PROFILES
from tornproof_models.miniatures.journal import MINIATURES

from tornproof_conformance.runner import JOURNAL_CHECKS
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification import requirements
from tornproof_conformance.vectors import image_vectors

KINDS = ("requirements", "checks", "scenarios", "vectors", "profiles", "miniatures")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), default="requirements")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(kind: str, as_json: bool) -> None:
    """List requirements, checks, scenarios, vectors, profiles or miniatures."""
    entries = _entries(kind)
    if as_json:
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    width = max(map(len, entries))
    for name, text in entries.items():
        click.echo(f"{name:<{width}}  {text}")


def _entries(kind: str) -> dict[str, str]:
    match kind:
        case "requirements":
            return {each.id: each.sentence for each in requirements().values()}
        case "checks":
            return {check.name: check.title for check in JOURNAL_CHECKS}
        case "scenarios":
            return {scenario.name: scenario.rule for scenario in SCENARIOS.values()}
        case "vectors":
            return {vector.id: vector.comment for vector in image_vectors()}
        case "profiles":
            return {profile.name: profile.meaning for profile in PROFILES.values()}
        case _:
            return {
                name: " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())
                for name, kind in MINIATURES.items()
            }
