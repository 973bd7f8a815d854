"""Whatever an adapter leaves, in its directory or running, it neither hangs nor outlives a run."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tornproof_conformance.adapter import scratch
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.left_behind import read_tree, remove
from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis, LeavesTooMuch, WritesOutside
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Image

from tests.conformance.misbehaving_adapter import misbehave

ADAPTER = Path(__file__).with_name("misbehaving_adapter.py")
TORNPROOF = Path(sys.executable).with_name("tornproof")

SECONDS = f"987.{os.getpid()}"
"""A number that no other process of this machine has, that of a test beside this one included."""


def command(how: str) -> list[str]:
    """Return the command of an adapter that does something besides."""
    return [sys.executable, str(ADAPTER), how, SECONDS]


def sleeping() -> list[str]:
    """List the processes that such adapters have left."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:
            continue
        found += [path.parent.name] if words[:2] == ["sleep", SECONDS] else []
    return found


def left(how: str) -> Image:
    """Open a journal, append a record, and return what is in the directory."""
    with AdapterSubject.running(command(how)) as subject:
        disk = subject.new_disk()
        journal = subject.open(disk, Options())
        journal.append(b"record")
        journal.close()
        return disk.image


# In its directory


@pytest.mark.parametrize("how", ["fifo", "device", "link", "loop"])
def test_what_is_no_file_is_left_out(how: str) -> None:
    """A pipe is not waited for, a device not read, a link not followed."""
    image = left(how)
    assert any(content for content in image.files.values())
    assert not {"pipe", "zero", "passwd", "loop"} & {path.split("/")[2] for path in image.files}
    assert image.directories == {"/journal"}


@pytest.mark.parametrize("how", ["sparse", "deep"])
def test_what_no_image_can_hold_is_a_diagnosis(how: str) -> None:
    """It is said which file or what, before any memory is spent."""
    with pytest.raises(LeavesTooMuch, match=r"1,099,511,627,776 bytes|64 deep"):
        left(how)


def test_what_lies_outside_is_named_in_its_printable_form() -> None:
    """An escape in the name does not reach the terminal."""
    with pytest.raises(WritesOutside) as caught:
        left("outside")
    assert "\\x1b[31moutside" in caught.value.explain()


def test_a_name_that_is_not_utf_8_is_read(tmp_path: Path) -> None:
    """It is a name like any other."""
    misbehave("bytes", tmp_path)
    assert len(read_tree(tmp_path).files) == 1


@pytest.mark.parametrize("how", ["fifo", "loop", "sparse", "deep", "closed", "bytes"])
def test_everything_can_be_removed(how: str, tmp_path: Path) -> None:
    """Also what is deeper than any stack, and what its owner has closed."""
    mine, outside = tmp_path / "mine", Path.cwd()
    mine.mkdir()
    misbehave(how, mine)
    os.chdir(outside)
    remove(mine)
    assert not mine.exists()


def test_what_cannot_be_removed_fails_nobody(tmp_path: Path) -> None:
    """Somebody else's remains, deep ones, links and pipes in place of them: the run goes on."""
    for how in ("deep", "fifo"):
        root = tmp_path / f"tornproof-{how}"
        root.mkdir()
        (root / scratch.OWNER).touch()
        misbehave(how, root)
    os.chdir(Path(__file__).parent)
    (tmp_path / "tornproof-link").symlink_to("/etc")
    os.mkfifo(tmp_path / "tornproof-pipe")
    (tmp_path / "tornproof-owner-is-a-pipe").mkdir()
    os.mkfifo(tmp_path / "tornproof-owner-is-a-pipe" / scratch.OWNER)

    scratch.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {
        "tornproof-link",
        "tornproof-pipe",
        "tornproof-owner-is-a-pipe",
    }


def test_a_directory_of_somebody_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns it cleans it up."""
    root = tmp_path / "tornproof-other"
    root.mkdir()
    (root / scratch.OWNER).touch()
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    scratch.sweep(tmp_path)
    assert root.exists()


# Running


@pytest.mark.parametrize("how", ["setsid", "fork"])
def test_a_process_that_outlives_its_adapter_is_named_and_ended(how: str) -> None:
    """The adapter has ended as it should, and what it started has not (ADP-5)."""
    with AdapterSubject.running(command(how)) as subject:
        session = subject.start_session()
        session.call("hello", protocol=1)
        disk = subject.new_disk()
        session.call("journal.open", dir=str(disk.directory))
        with pytest.raises(Diagnosis) as caught:
            session.close()
    assert "a process that it started still runs" in str(caught.value)
    assert sleeping() == []


@pytest.mark.parametrize("how", ["setsid", "nohup"])
def test_nothing_of_a_run_survives_it(how: str, tmp_path: Path) -> None:
    """Neither as a process, also of a clean environment, nor in memory."""
    options = ["check", "--budget", "60", "--reproducers", str(tmp_path), "conversation"]
    run = [str(TORNPROOF), *options, "--", *command(how)]
    with subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert process.wait() in (0, 1, 3, 4)
    owners = scratch.roomy_place().glob(f"{scratch.PREFIX}*/{scratch.OWNER}")
    assert not [path for path in owners if path.read_text().startswith(f"process {process.pid},")]
    assert sleeping() == []


# Words


def test_the_words_of_an_adapter_are_printable_everywhere(tmp_path: Path) -> None:
    """Its name reaches no terminal and no page as it is."""
    outputs = {name: tmp_path / name for name in ("html", "junit", "markdown", "events", "badge")}
    options = [word for name, path in outputs.items() for word in (f"--{name}", str(path))]
    ended = subprocess.run(
        [TORNPROOF, "check", "--budget", "60", *options, "conversation", "--", *command("escapes")],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    texts = {name: path.read_text() for name, path in outputs.items()}
    texts["output"] = ended.stdout.decode() + ended.stderr.decode()
    assert "\\x1b]0;owned" in texts["output"]
    for name, text in texts.items():
        strange = {each for each in text if not each.isprintable()} - {"\n", "\t"}
        assert not strange, name


@pytest.mark.parametrize("how", ["setsid", "fork"])
def test_nothing_runs_on_when_the_suite_is_killed(how: str, tmp_path: Path) -> None:
    """The kernel tells a shell, which ends what has the mark of the run."""
    options = ["--reproducers", str(tmp_path), "scenarios"]
    run = [str(TORNPROOF), "check", *options, "--", *command(how)]
    with subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not sleeping():
            assert process.poll() is None
        process.kill()
    gone = time.monotonic() + 60  # a time that is not reached unless they stay
    while sleeping() and time.monotonic() < gone:
        time.sleep(0.01)
    assert sleeping() == []
