"""
The adapters conform, and one that leaves a sync out does not.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.cli import main
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.stream.exit_codes import CONFORMS, INCONCLUSIVE
from tornproof_models.crash.explorer import Explorer
from tornproof_models.crash.program import Append
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CRASH_MODELS

from tests.adapters.driver import ADAPTERS, LANGUAGES, NODE, Language
from tests.recorders import needs_recorder

OPTIONS = Options(segment_bytes=4096)


@needs_recorder
@pytest.mark.parametrize("language", [*LANGUAGES, NODE], ids=lambda language: language.name)
def test_conforms(language: Language, tmp_path: Path) -> None:
    """Everything that it claims holds, in every image of every crash model that is tried."""
    arguments = ["check", "--budget=2", f"--reproducers={tmp_path}", "--", str(language.build())]

    outcome = CliRunner().invoke(main, arguments)

    assert outcome.exit_code in (CONFORMS, INCONCLUSIVE), outcome.output  # two seconds are few
    assert "requirements hold, 0 violated" in outcome.output


@needs_recorder
@pytest.mark.parametrize(
    ("start", "call"),
    [
        ("static bool start_segment(", "fsync(journal->directory)"),
        ("bool journal_sync(", "fdatasync(journal->active)"),
    ],
    ids=["directory", "append"],
)
def test_a_missing_sync_is_found(start: str, call: str, tmp_path: Path) -> None:
    """Without one of the C adapter's syncs some image breaks a promise."""
    if shutil.which("cc") is None:
        pytest.skip("cc is not installed, so the C adapter is not tested")
    wrong = tmp_path / "c"
    shutil.copytree(ADAPTERS / "c", wrong, ignore=shutil.ignore_patterns("build"))
    before, found, rest = (wrong / "journal.c").read_text().partition(start)
    assert call in rest
    (wrong / "journal.c").write_text(before + found + rest.replace(call, "0", 1))
    subprocess.run(["make", "--silent", "-C", wrong], check=True)
    with (
        AdapterSubject.running([str(wrong / "build" / "adapter")]) as adapter,
        RecordedSubject.of(adapter) as subject,
    ):
        trace = run((Append(20),), subject, OPTIONS).filesystem.trace
        explorer = Explorer(subject, OPTIONS, CRASH_MODELS["adversarial"], depth=1)
        findings = explorer.explore(trace)

    assert "JRN-3" in {finding.violation.requirement for finding in findings}
