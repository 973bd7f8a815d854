"""The heat of a program: how many images fail, by where the crash struck and what it lost."""

from pathlib import Path

from click.testing import CliRunner
from tornproof_conformance.cli import main
from tornproof_conformance.subjects.reference import find_subject
from tornproof_models.crash.heat import HeatRow, Share, heat
from tornproof_models.crash.program import Append
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CRASH_MODELS

OPTIONS = Options(4096, "immediate")


def rows(name: str) -> list[HeatRow]:
    """Crash one append of a subject everywhere, in the crash model that keeps every order."""
    subject = find_subject(name)
    trace = run([Append(5)], subject, OPTIONS).filesystem.trace
    return list(heat(subject, OPTIONS, trace, CRASH_MODELS["prefix"]))


def test_nothing_of_the_reference_fails() -> None:
    """Neither at any crash point nor for anything that was lost."""
    shares = [share for row in rows("reference") for share in (row.share, *row.lost.values())]
    assert sum(share.failing for share in shares) == 0
    assert sum(share.images for share in shares) > 5


def test_what_was_acknowledged_and_not_synced_is_hot() -> None:
    """At the end every image that has lost the frame fails, and the one that kept all does not."""
    last = rows("acknowledged-before-fsync")[-1]
    frame = next(share for name, share in last.lost.items() if name.startswith("bytes 0"))
    assert frame.failing == frame.images > 0
    assert last.share == Share(last.share.images - 1, last.possible)


def test_the_page_shows_posts_and_shares(tmp_path: Path) -> None:
    """A sync that is needed is a red post, and says what breaks without it."""
    page = tmp_path / "heat.html"
    arguments = [
        "barriers",
        "--program",
        "append:5",
        "--crash-model",
        "prefix",
        "--html",
        str(page),
    ]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert 'class="line syncs bearing"' in text
    assert "without it JRN-3 breaks, from prefix" in text
    assert 'class="line syncs idle"' in text
