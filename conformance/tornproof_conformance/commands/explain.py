"""
`tornproof explain`: what a requirement says, why, and what looks at it.

Finding what looks at a requirement imports every check, which takes a second.  So the text
is printed first.
"""

import re
from difflib import get_close_matches
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click
from tornproof.errors import Invalid
from tornproof_models.disk.crash_models import CRASH_MODELS, CrashModel
from tornproof_models.disk.measurements import describe_measurement

from tornproof_conformance.commands.completing import complete_explained
from tornproof_conformance.report.printable import say, to_json
from tornproof_conformance.specification.claims import CLAIMS, Claim
from tornproof_conformance.specification.requirements import Requirement, requirement, requirements

if TYPE_CHECKING:
    from tornproof_conformance.subjects.gallery import Exhibit

_LIKE_AN_ID = re.compile(r"[A-Za-z]{3}-\d+")


@click.command("explain")
@click.argument("subject", shell_complete=complete_explained)
@click.option(
    "--events",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Print also the verdict on a requirement in the run of this file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(subject: str, events: Path | None, as_json: bool) -> None:
    """Explain a requirement such as REC-2, a claim, a crash model, a check or a miniature."""
    if subject in CRASH_MODELS:
        found = _crash_model(CRASH_MODELS[subject])
        parts = [_explain_crash_model(CRASH_MODELS[subject])]
    elif subject in CLAIMS:
        found = _claim(CLAIMS[subject])
        parts = [_explain_claim(CLAIMS[subject])]
    elif subject.upper() in requirements():
        _explain(requirement(subject.upper()), events, as_json=as_json)
        return
    elif miniatures := _miniatures(subject):
        found = {"miniatures": [_miniature(each) for each in miniatures]}
        parts = [_explain_miniature(each) for each in miniatures]
    elif judges := _judges(subject):
        found, parts = {"judges": judges}, [_explain_judge(each) for each in judges]
    elif _LIKE_AN_ID.fullmatch(subject):
        requirement(subject.upper())  # raises, and names similar ids
        return
    else:
        raise Invalid(f"nothing is called {subject!r}: {_meant(subject)}")
    say(_json(found) if as_json else "\n\n".join(parts))


def _explain(stated: Requirement, events: Path | None, *, as_json: bool) -> None:
    """Print a requirement, its text at once, then what looks at it."""
    status = _status(stated.id, events) if events else None
    if not as_json:
        say(_text(stated))
    from tornproof_conformance.run.traceability import who_looks

    looking = who_looks(stated.id)
    if as_json:
        run = {"run": status} if status else {}
        say(_json({**_requirement(stated), **looking, **run}))
        return
    if status:
        say(f"\n{status['of']}: {status['verdict']} ({status['rests on']})")
    for label, names in looking.items():
        if names:
            say("\n".join(["", f"{label}:", *(f"  {name}" for name in names)]))


def _meant(subject: str) -> str:
    """Name what may have been meant by a name that there is not."""
    from tornproof_conformance.commands.listing import KINDS, entries_of

    known = {entry["name"] for kind in KINDS for entry in entries_of(kind)}
    if near := get_close_matches(subject, known, n=3):
        return f"did you mean {' or '.join(near)}?"
    return (
        "give a requirement, a claim, a crash model, a check, a scenario or a miniature; "
        "`tornproof list --help` says how to list each"
    )


def _json(found: dict[str, Any]) -> str:
    return to_json(found, indent=2)


# As JSON


def _requirement(stated: Requirement) -> dict[str, Any]:
    return {
        "id": stated.id,
        "level": stated.level.value,
        "sentence": stated.sentence,
        "why": stated.reason,
        "helps": stated.helps,
        "elsewhere": stated.elsewhere,
        "place": _place(stated),
    }


def _place(stated: Requirement) -> str:
    return f"spec/{stated.chapter}.md:{stated.line}"


def _status(identifier: str, events: Path) -> dict[str, str]:
    from tornproof_conformance.report.run_record import record_run
    from tornproof_conformance.report.words import named, rests_on
    from tornproof_conformance.stream.event_file import read_events

    record = record_run(read_events(events))
    verdict = record.verdict(identifier)
    return {
        "of": named(record),
        "verdict": verdict.verdict if verdict else "not judged",
        "rests on": rests_on(verdict) if verdict else "nothing",
    }


def _crash_model(crash_model: CrashModel) -> dict[str, Any]:
    rules = [
        {"name": rule.name, "sentence": rule.sentence, "source": rule.source}
        for rule in crash_model.rules
    ]
    return {"name": crash_model.name, "meaning": crash_model.meaning, "rules": rules}


def _claim(claim: Claim) -> dict[str, Any]:
    """Say what a claim brings with it."""
    return {
        "name": claim.name,
        "meaning": claim.meaning,
        "requirements": [name for name in requirements() if claim.lists(name)],
        "checks": [*claim.checks],
        "unobservable": dict(claim.unobservable),
    }


def _miniatures(subject: str) -> tuple["Exhibit", ...]:
    """Find miniatures of a name, or of a kind and a name; none if there are none."""
    from tornproof_conformance.subjects.gallery import exhibits, find_exhibits

    is_one = subject.rpartition("/")[2] in {each.name for each in exhibits()}
    return find_exhibits(subject) if is_one else ()


def _miniature(found: "Exhibit") -> dict[str, Any]:
    return {
        "name": found.name,
        "kind": found.kind,
        "breaks": list(found.breaks),
        "text": found.text,
    }


def _judges(subject: str) -> list[dict[str, Any]]:
    """Find the checks and scenarios of a name."""
    from tornproof_conformance.commands.listing import entries_of

    return [
        {"kind": kind, **entry}
        for kind in ("check", "scenario")
        for entry in entries_of(f"{kind}s")
        if entry["name"] == subject
    ]


# As text


def _text(stated: Requirement) -> str:
    parts = [
        f"{stated.id} ({stated.level.value}), {_place(stated)}",
        fill(stated.sentence, 88),
        fill(f"Why: {stated.reason}", 88),
    ]
    if stated.helps:
        parts.append(fill(f"What helps: {stated.helps}", 88))
    if stated.elsewhere:
        parts.append(fill(f"Elsewhere: {stated.elsewhere}", 88))
    return "\n\n".join(parts)


def _explain_miniature(found: "Exhibit") -> str:
    """Say what is wrong with a miniature, and which command detects it."""
    from tornproof_conformance.subjects.reference import KINDS

    caught = ""
    if found.kind in KINDS:
        caught = f"tornproof check --miniature {found.kind}/{found.name}"
    elif found.kind == "audit-indexer":
        caught = f"tornproof fuzz --miniature {found.name}"
    elif found.kind == "adapter":
        served = f"python -m tornproof_conformance.wrong_adapters {found.name}"
        caught = f"tornproof check -- {served}"
    lines = [f"{found.name} ({found.kind})", "", _paragraphs(found.text), ""]
    lines.append(f"breaks {', '.join(found.breaks)}")
    return "\n".join([*lines, f"detect it: {caught}"] if caught else lines)


def _explain_judge(found: dict[str, Any]) -> str:
    """Say what a check or a scenario looks at."""
    of = f" of {found['group']}" if found["kind"] == "check" else ""
    about = fill(f"about {', '.join(found['requirements'])}", 88)
    return "\n\n".join([f"{found['name']} ({found['kind']}{of})", fill(found["text"], 88), about])


def _explain_crash_model(crash_model: CrashModel) -> str:
    parts = [f"{crash_model.name}: {fill(crash_model.meaning, 88)}"]
    for rule in crash_model.rules:
        sentence = fill(rule.sentence, 84, initial_indent="  ", subsequent_indent="  ")
        seen = f"\n  measured: {rule.measured}" if rule.measured else ""
        parts.append(f"{rule.name}\n{sentence}\n  source: {rule.source}{seen}")
    parts.append(f"The model {describe_measurement(crash_model.name)}.")
    return "\n\n".join(parts)


def _explain_claim(claim: Claim) -> str:
    parts = [
        f"{claim.name} (claim)",
        claim.meaning,
        f"requirements:\n{_indented(', '.join(_claim(claim)['requirements']))}",
    ]
    if claim.checks:
        parts.append(f"checks that it brings:\n{_indented(', '.join(claim.checks))}")
    lines = ["what may stay unobserved, and why:"]
    for reason in dict.fromkeys(claim.unobservable.values()):
        names = (name for name, said in claim.unobservable.items() if said == reason)
        lines.append(_indented(f"{', '.join(names)}: {reason}"))
    return "\n\n".join(parts if len(lines) == 1 else [*parts, "\n".join(lines)])


def _indented(text: str) -> str:
    return fill(text, 88, initial_indent="  ", subsequent_indent="  ")


def _paragraphs(text: str) -> str:
    return "\n\n".join(fill(" ".join(part.split()), 88) for part in text.strip().split("\n\n"))
