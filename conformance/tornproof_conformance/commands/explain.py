"""
`tornproof explain`: what a requirement says, why, and who looks at it.
"""

from textwrap import fill

import click
from tornproof_models.disk.profiles import PROFILES, Profile
from tornproof_models.miniatures.journal import MINIATURES

from tornproof_conformance.runner import JOURNAL_CHECKS
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification import requirement, tests_of
from tornproof_conformance.vectors import vectors_of


@click.command("explain")
@click.argument("subject")
def command(subject: str) -> None:
    """Explain SUBJECT: a requirement such as REC-2, a profile, or a miniature."""
    if subject in PROFILES:
        _explain_profile(PROFILES[subject])
    elif subject in MINIATURES:
        click.echo(f"{subject}\n\n{_paragraphs(MINIATURES[subject].__doc__ or '')}")
        click.echo(f"\nbreaks {', '.join(sorted(MINIATURES[subject].breaks))}")
        click.echo(f"see it caught: tornproof check --target {subject}")
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
        "checks": [check.name for check in JOURNAL_CHECKS if identifier in check.requirements],
        "scenarios": [s.name for s in SCENARIOS.values() if identifier in s.requirements],
        "vectors": vectors_of(identifier),
        "miniatures": [name for name, kind in MINIATURES.items() if identifier in kind.breaks],
        "tests": tests_of(identifier),
    }.items():
        if names:
            click.echo(f"\n{label}:")
            for name in names:
                click.echo(f"  {name}")


def _explain_profile(profile: Profile) -> None:
    click.echo(f"{profile.name}: {fill(profile.meaning, 88)}\n")
    for rule in profile.rules:
        click.echo(rule.name)
        click.echo(fill(rule.sentence, 84, initial_indent="  ", subsequent_indent="  "))
        click.echo(f"  source: {rule.source}\n")


def _paragraphs(text: str) -> str:
    return "\n\n".join(fill(" ".join(part.split()), 88) for part in text.strip().split("\n\n"))
