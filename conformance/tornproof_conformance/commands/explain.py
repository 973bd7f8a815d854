"""
`tornproof explain`: what a requirement says, why, and who looks at it.
"""

from textwrap import fill

import click
from tornproof_models.disk.profiles import PROFILES, Profile

from tornproof_conformance.gallery import Exhibit, breakers, exhibits, find_exhibits
from tornproof_conformance.runner import CHECKS
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification import requirement, tests_of
from tornproof_conformance.vectors import vectors_of


@click.command("explain")
@click.argument("subject")
def command(subject: str) -> None:
    """Explain SUBJECT: a requirement such as REC-2, a profile, or a miniature."""
    if subject in PROFILES:
        _explain_profile(PROFILES[subject])
    elif subject.rpartition("/")[2] in {each.name for each in exhibits()}:
        click.echo("\n\n".join(map(_explain_miniature, find_exhibits(subject))))
    else:
        _explain_requirement(subject.upper())


def _explain_requirement(identifier: str) -> None:
    stated = requirement(identifier)
    click.echo(f"{stated.id} ({stated.level.value}), spec/{stated.chapter}.md:{stated.line}\n")
    click.echo(fill(stated.sentence, 88))
    click.echo(f"\n{fill(f'Why: {stated.reason}', 88)}")
    if stated.elsewhere:
        click.echo(f"\n{fill(f'Elsewhere: {stated.elsewhere}', 88)}")
    for label, names in {
        "checks": [check.name for check in CHECKS if identifier in check.requirements],
        "scenarios": [s.name for s in SCENARIOS.values() if identifier in s.requirements],
        "vectors": vectors_of(identifier),
        "miniatures": [f"{each.kind}/{each.name}" for each in breakers(identifier)],
        "tests": tests_of(identifier),
    }.items():
        if names:
            click.echo(f"\n{label}:")
            for name in names:
                click.echo(f"  {name}")


def _explain_miniature(found: Exhibit) -> str:
    """Say what is wrong with a miniature, and how to see it caught."""
    caught = {
        "journal": f"tornproof check --target {found.name}",
        "audit": f"tornproof fuzz --target {found.name}",
        "audit-indexer": f"tornproof fuzz --target {found.name}",
    }.get(found.kind)
    lines = [f"{found.name} ({found.kind})", "", _paragraphs(found.text), ""]
    lines.append(f"breaks {', '.join(found.breaks)}")
    return "\n".join([*lines, f"see it caught: {caught}"] if caught else lines)


def _explain_profile(profile: Profile) -> None:
    click.echo(f"{profile.name}: {fill(profile.meaning, 88)}\n")
    for rule in profile.rules:
        click.echo(rule.name)
        click.echo(fill(rule.sentence, 84, initial_indent="  ", subsequent_indent="  "))
        click.echo(f"  source: {rule.source}\n")


def _paragraphs(text: str) -> str:
    return "\n\n".join(fill(" ".join(part.split()), 88) for part in text.strip().split("\n\n"))
