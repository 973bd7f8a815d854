"""A certificate convinces who distrusts its writer, and nothing false in it passes."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tornproof.errors import Invalid
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.certificates.certificate import (
    certify,
    encode_certificate,
)
from tornproof_models.certificates.checker import check_certificate as checker
from tornproof_models.certificates.checker.check_certificate import check_certificate
from tornproof_models.certificates.checker.plain_crash import WHOLE, Crash
from tornproof_models.certificates.checker.plain_disk import Disk
from tornproof_models.crash.program import Append
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED

from tests.models.brute_force import BLOCK, SECTOR
from tests.models.brute_force import images as images_by_brute_force
from tests.models.judge import space_of
from tests.models.spoilt_certificates import (
    FORGERIES,
    REFERENCE,
    Document,
    again,
    crashed,
    good,
    verdict,
    write,
)
from tests.models.traces import random_run

# Good ones


@pytest.mark.parametrize("crash_model", CLAIMED)
def test_a_certificate_of_the_reference_is_valid(crash_model: str) -> None:
    """Two crashes deep, all is as it says, and both ends of every part recover so."""
    document = write(crash_model)
    assert document["crashes"] == 2
    assert len(crashed(document)) > 10
    checked = check_certificate(document, again)
    assert checked.refutation == ""
    assert checked.images == document["images"]
    assert checked.recovered >= checked.parts == document["parts"]


def test_parts_are_fewer_than_images() -> None:
    """A certificate shows the naive count beside what was really recovered."""
    options = Options(durability="eventual", segment_bytes=1 << 20)
    trace = run((Append(472),) * 16, REFERENCE, options).filesystem.trace
    document, findings, coverage = certify(REFERENCE, options, trace, "adversarial", crashes=1)
    assert findings == []
    assert document["images"] > 1_000_000_000
    assert document["parts"] < 10_000
    assert coverage.recovered < 500
    assert crashed(document) == []
    assert check_certificate(json.loads(encode_certificate(document))).refutation == ""


def test_the_same_exploration_gives_the_same_bytes() -> None:
    """Nothing in a certificate depends on a clock or on chance."""
    assert write() == write()


def test_the_certificate_of_a_broken_journal_is_refuted() -> None:
    """The checker judges outcomes by itself and finds the promise that is broken."""
    subject = find_subject("acknowledged-before-fsync")
    trace = run((Append(5),), subject, Options()).filesystem.trace
    document, findings, _ = certify(subject, Options(), trace, "prefix")
    assert "JRN-3" in [finding.violation.requirement for finding in findings]
    checked = check_certificate(json.loads(encode_certificate(document)))
    assert "the promises do not hold: the record at offset 0 is gone" in checked.refutation


@pytest.mark.parametrize("crash_model", CLAIMED)
def test_the_checker_counts_as_the_enumerator_does(crash_model: str) -> None:
    """On random traces both count the same, and the ends of the whole are images of brute force."""
    for seed in range(250):
        trace = random_run(seed).trace
        disk = Disk(crash_model, SECTOR, BLOCK)
        disk.begin(trace.initial)
        for event in trace.events:
            disk.replay(event)
        crash = Crash(disk)
        assert crash.count() == space_of(trace, crash_model).count(), seed
        if seed % 5 == 0:
            possible = images_by_brute_force(trace, crash_model)
            assert {image.key for image in crash.ends(WHOLE)} <= possible, seed


# Forgeries


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forgery_is_refuted(forge: Callable[[Document], None]) -> None:
    """Whatever is changed in a good certificate, the check says what is not so."""
    document = good()
    forge(document)
    assert verdict(document)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"format": "tornproof-certificate/3"},
        {"format": "tornproof-certificate/4"},
        {"format": "tornproof-certificate/4", "trace": {}, "crash_model": "prefix"},
    ],
)
def test_what_is_no_certificate_is_refused(document: Any) -> None:
    """Something else, another version, or half of one is an `Invalid`."""
    with pytest.raises(Invalid):
        check_certificate(document)


def test_a_damaged_certificate_is_refused_or_refuted() -> None:
    """Whichever field goes missing, there is a typed answer and never another exception."""
    document = write("prefix")
    for key in document:
        damaged = {name: value for name, value in document.items() if name != key}
        with pytest.raises(Invalid):
            check_certificate(damaged)


LINES = 370
"""The checker has at most so many, and can be read at a sitting."""


CHECKER = ("check_certificate.py", "plain_crash.py")


SHARED = {
    "tornproof.errors",
    "tornproof_models.disk",
    "tornproof_models.disk.marks",
    "tornproof_models.disk.trace_file",
    "tornproof_models.documents.values",
    "tornproof_models.certificates.checker.form",
    "tornproof_models.certificates.checker.plain_crash",
    "tornproof_models.certificates.checker.plain_disk",
    "tornproof_models.certificates.checker.plain_names",
}


def source(name: str) -> str:
    """Return a module of the models as it is written."""
    return (Path(checker.__file__).parent / name).read_text(encoding="utf-8")


# Independence


@pytest.mark.parametrize("name", [*CHECKER, "plain_disk.py", "plain_names.py"])
def test_the_checker_shares_no_code_with_the_enumerator(name: str) -> None:
    """It imports the form of a trace, and errors."""
    imported = {
        node.module or ""
        for node in ast.walk(ast.parse(source(name)))
        if isinstance(node, ast.ImportFrom)
    }
    assert {each for each in imported if each.startswith("tornproof")} <= SHARED


def test_the_checker_is_short() -> None:
    """Who checks the checker reads 370 lines, and 390 more of a plain disk and its names."""
    assert sum(len(source(name).splitlines()) for name in CHECKER) <= LINES
    disk = sum(len(source(name).splitlines()) for name in ("plain_disk.py", "plain_names.py"))
    assert disk <= 390


def test_a_verdict_without_a_refutation_is_a_pass() -> None:
    """What was checked is counted: a kill leaves one image wherever it strikes."""
    checked = check_certificate(write("process-kill"))
    assert checked.refutation == ""
    assert checked.images == checked.parts == checked.crash_points > 10
