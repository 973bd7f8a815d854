"""
`tornproof explain`: what a requirement says, why, and who looks at it.
"""

import json
from pathlib import Path
from textwrap import fill
from typing import Any

import click
from tornproof_models.disk.profiles import PROFILES, Profile

from tornproof_conformance.adapter_checks import ADAPTER_CHECKS
from tornproof_conformance.event_file import read_events
from tornproof_conformance.gallery import Exhibit, breakers, exhibits, find_exhibits
from tornproof_conformance.report.record import record_run
from tornproof_conformance.report.words import named, rests_on
from tornproof_conformance.runner import CHECKS
from tornproof_conformance.scenarios import SCENARIOS
from tornproof_conformance.specification import Requirement, requirement, tests_of
from tornproof_conformance.vectors import vectors_of

WHO_LOOKS = ("checks", "scenarios", "vectors", "miniatures", "tests")


@click.command("explain")
@click.argument("subject")
@click.option(
    "--events",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Say also what became of a requirement in the run of this file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(subject: str, events: Path | None, as_json: bool) -> None:
    """Explain SUBJECT: a requirement such as REC-2, a profile, or a miniature."""
    if subject in PROFILES:
        found, text = _profile(PROFILES[subject]), _explain_profile(PROFILES[subject])
    elif subject.rpartition("/")[2] in {each.name for each in exhibits()}:
        miniatures = find_exhibits(subject)
        found = {"miniatures": [_miniature(each) for each in miniatures]}
        text = "\n\n".join(map(_explain_miniature, miniatures))
    else:
        stated = requirement(subject.upper())
        found = _requirement(stated) | ({"run": _status(stated.id, events)} if events else {})
        text = _explain_requirement(stated, found)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else text)


# What there is to say


def _requirement(stated: Requirement) -> dict[str, Any]:
    identifier = stated.id
    checks = dict.fromkeys(
        check.name
        for check in (*CHECKS, *(check for check, _ in ADAPTER_CHECKS.values()))
        if identifier in check.requirements
    )
    return {
        "id": identifier,
        "level": stated.level.value,
        "sentence": stated.sentence,
        "why": stated.reason,
        "elsewhere": stated.elsewhere,
        "place": f"spec/{stated.chapter}.md:{stated.line}",
        "checks": list(checks),
        "scenarios": [each.name for each in SCENARIOS.values() if identifier in each.requirements],
        "vectors": list(vectors_of(identifier)),
        "miniatures": [f"{each.kind}/{each.name}" for each in breakers(identifier)],
        "tests": list(tests_of(identifier)),
    }


def _status(identifier: str, events: Path) -> dict[str, Any]:
    record = record_run(read_events(events))
    verdict = record.verdict(identifier)
    return {
        "of": named(record),
        "verdict": verdict.verdict if verdict else "not judged",
        "rests on": rests_on(verdict) if verdict else "nothing",
    }


def _profile(profile: Profile) -> dict[str, Any]:
    rules = [
        {"name": rule.name, "sentence": rule.sentence, "source": rule.source}
        for rule in profile.rules
    ]
    return {"name": profile.name, "meaning": profile.meaning, "rules": rules}


def _miniature(found: Exhibit) -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "breaks": list(found.breaks),
        "text": found.text,
    }


# For people


def _explain_requirement(stated: Requirement, found: dict[str, Any]) -> str:
    parts = [
        f"{stated.id} ({stated.level.value}), {found['place']}",
        fill(stated.sentence, 88),
        fill(f"Why: {stated.reason}", 88),
    ]
    if stated.elsewhere:
        parts.append(fill(f"Elsewhere: {stated.elsewhere}", 88))
    if run := found.get("run"):
        parts.append(f"{run['of']}: {run['verdict']} ({run['rests on']})")
    for label in WHO_LOOKS:
        if names := found[label]:
            parts.append("\n".join([f"{label}:", *(f"  {name}" for name in names)]))
    return "\n\n".join(parts)


def _explain_miniature(found: Exhibit) -> str:
    """Say what is wrong with a miniature, and how to see it caught."""
    caught = {
        "journal": f"tornproof check --target {found.name}",
        "drainer": f"tornproof check --target {found.name}",
        "audit": f"tornproof fuzz --target {found.name}",
        "audit-indexer": f"tornproof fuzz --target {found.name}",
    }.get(found.kind)
    lines = [f"{found.name} ({found.kind})", "", _paragraphs(found.text), ""]
    lines.append(f"breaks {', '.join(found.breaks)}")
    return "\n".join([*lines, f"see it caught: {caught}"] if caught else lines)


def _explain_profile(profile: Profile) -> str:
    parts = [f"{profile.name}: {fill(profile.meaning, 88)}"]
    for rule in profile.rules:
        sentence = fill(rule.sentence, 84, initial_indent="  ", subsequent_indent="  ")
        parts.append(f"{rule.name}\n{sentence}\n  source: {rule.source}")
    return "\n\n".join(parts)


def _paragraphs(text: str) -> str:
    return "\n\n".join(fill(" ".join(part.split()), 88) for part in text.strip().split("\n\n"))
