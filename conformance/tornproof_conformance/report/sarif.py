"""
Write SARIF 2.1.0, the form in which code scanning services take findings.

A violation is not at a line of source; its place is the reproducer that shows it.
"""

from typing import Any

from tornproof_models.documents.words import to_json

from tornproof_conformance.report.run_record import RunRecord
from tornproof_conformance.report.words import replay_command
from tornproof_conformance.specification.requirements import requirement
from tornproof_conformance.stream.run_events import ViolationFound

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

LEVELS = {"MUST": "error", "SHOULD": "warning", "EXTENSION": "note"}


def render_sarif(record: RunRecord) -> str:
    """Write a run as SARIF; a run without a verdict says so by `executionSuccessful`."""
    ids = list(dict.fromkeys(found.requirement for found in record.violations))
    driver = {
        "name": "tornproof",
        "version": record.started.versions.suite,
        "rules": [_rule(each) for each in ids],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": record.finished is not None}],
        "results": [_result(found, ids.index(found.requirement)) for found in record.violations],
    }
    return to_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(identifier: str) -> dict[str, Any]:
    stated = requirement(identifier)
    return {
        "id": identifier,
        "shortDescription": {"text": stated.sentence},
        "fullDescription": {"text": stated.reason},
        "defaultConfiguration": {"level": LEVELS[stated.level.value]},
    }


def _result(found: ViolationFound, rule: int) -> dict[str, Any]:
    level = LEVELS[requirement(found.requirement).level.value]
    model = f", in the crash model {found.crash_model}" if found.crash_model else ""
    text = f"{found.message} ({found.phase}{model}). {replay_command(found)}"
    return {
        "ruleId": found.requirement,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": text},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": found.reproducer}}},
        ],
        "partialFingerprints": {"finding/v1": f"{found.requirement}/{found.phase}/{found.symptom}"},
    }
