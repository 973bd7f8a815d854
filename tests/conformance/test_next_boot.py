"""A machine that has lost power and started again, as what recovers on it sees it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.process import LineProcess
from tornproof_conformance.adapter.waiting import without_waiting
from tornproof_conformance.checks.power_cuts import Mark, PowerCuts, Recording, cut_again
from tornproof_conformance.lifetime.next_boot import EVERYTHING, NextBoot
from tornproof_conformance.power.recorded_subject import RecordedSubject
from tornproof_conformance.workload.places import Places, Questions
from tornproof_models.contract.violations import Violation
from tornproof_models.crash.subject import Options
from tornproof_models.disk.trace import Image, Trace

from tests.recorders import needs_recorder

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MEMORY = Path("/dev/shm")

TELLS = f"""
import base64, json, sys
for line in sys.stdin:
    asked = json.loads(line)
    payload = base64.b64encode(open({str(BOOT_ID)!r}, "rb").read()).decode()
    ok = {{
        "hello": {{
            "protocol": 1, "implementation": {{"name": "boots"}}, "claims": ["journal/core"]
        }},
        "journal.scan": {{"records": [{{"offset": 0, "payload": payload}}], "end": "clean"}},
        "journal.append": {{"offset": 1}},
    }}.get(asked["op"], {{}})
    print(json.dumps({{"id": asked["id"], "ok": ok}}), flush=True)
"""


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[NextBoot]:
    """Return a machine that is ended with the test."""
    boot = NextBoot(tmp_path)
    boot.start(())
    if boot.visible:
        pytest.skip(f"no namespaces: {boot.visible}")
    yield boot
    boot.stop()


def said(boot: NextBoot, script: str) -> str:
    """Return what a script prints on a machine."""
    command = boot.command(["/bin/sh", "-c", script])
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_boot_is_another_one(boot: NextBoot, tmp_path: Path) -> None:
    """Its id is new, and another for each start."""
    again = NextBoot(tmp_path)
    ids = {said(each, f"cat {BOOT_ID}") for each in (boot, again)}
    again.stop()

    assert len({*ids, BOOT_ID.read_text().strip()}) == 3


def test_no_process_of_before_is_seen(boot: NextBoot) -> None:
    """Neither by a signal nor in `/proc`."""
    here = os.getpid()

    assert said(boot, f"kill -0 {here} 2>&1 || echo gone").endswith("gone")
    assert said(boot, f"test -e /proc/{here} || echo gone") == "gone"


def test_memory_is_empty_but_for_what_is_kept(boot: NextBoot, tmp_path: Path) -> None:
    """A file in memory is gone; what is kept is the same directory."""
    (tmp_path / "kept").touch()
    shared = MEMORY / f"tornproof-test-{os.getpid()}"
    shared.touch()
    try:
        assert said(boot, f"test -e {shared} || echo gone") == "gone"
    finally:
        shared.unlink()
    said(boot, f"mv {tmp_path}/kept {tmp_path}/moved")
    assert (tmp_path / "moved").exists()


def test_there_is_no_system_v_memory(boot: NextBoot) -> None:
    """The list of segments has its heading."""
    assert len(said(boot, "cat /proc/sysvipc/shm").splitlines()) == 1


def test_a_command_runs_where_it_is_told_and_ends_as_it_ends(
    boot: NextBoot, tmp_path: Path
) -> None:
    """Its directory, its exit code and its signal are those of the command."""
    codes = [
        subprocess.run(boot.command(["/bin/sh", "-c", script], tmp_path), check=False).returncode
        for script in (f'test "$PWD" = {tmp_path}', "exit 7", "kill -9 $$")
    ]

    assert codes == [0, 7, -9]


def test_what_it_leaves_running_is_found(boot: NextBoot, tmp_path: Path) -> None:
    """A process in a session of its own ends with the one that started it."""
    number = tmp_path / "number"
    script = f"setsid sh -c 'exec sleep 60' & echo > {number}"
    process = LineProcess.start(boot.command(["/bin/sh", "-c", script]))
    process.wait(10)
    process.kill()

    assert not said(boot, "ps -e -o comm= | grep sleep || true")
    process.release()


def test_nothing_of_it_outlives_its_end(tmp_path: Path) -> None:
    """Whatever runs on it ends when it is stopped."""
    boot = NextBoot(tmp_path)
    running = subprocess.Popen(boot.command(["sleep", "60"]))
    boot.stop()

    assert running.wait(10) != 0


def test_without_namespaces_it_says_what_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command is what it was."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    boot = NextBoot(tmp_path)

    assert boot.command(["true"]) == ["true"]
    assert boot.visible == (*EVERYTHING, "(nsenter is not installed)")


@needs_recorder
@pytest.mark.usefixtures("boot")
def test_an_adapter_recovers_on_a_machine_that_has_started_again(tmp_path: Path) -> None:
    """Recorded recoveries find another boot than others; where it was killed, it is the same."""
    adapter = tmp_path / "adapter.py"
    adapter.write_text(TELLS)
    image, options = Image(), Options()
    with (
        AdapterSubject.running([sys.executable, str(adapter)]) as plain,
        RecordedSubject.of(plain) as subject,
    ):
        rebooted, killed = (
            subject.recover_images([image], options, reboots=reboots)[0]
            for reboots in (True, False)
        )
        recorded = subject.session_for(subject.new_disk(image)).call("journal.scan")["records"]

    here = BOOT_ID.read_bytes()
    assert killed is not None
    assert killed.records == ((0, here),)
    others = [(rebooted.records or ())[0][1] if rebooted else here, recorded[0]["payload"]]
    assert len({here, *others}) == 3


def test_a_check_is_asked_on_a_machine_that_has_started_again(
    boot: NextBoot, tmp_path: Path
) -> None:
    """After a kill the kernel lives on, and so does the id of the boot."""
    del boot
    places = Places(tmp_path, Questions(checks=(f"cat {BOOT_ID}",)), 60)
    with places.opened():
        killed, rebooted = (
            places.look(Empty(), (), reboots=reboots)[0].output for reboots in (False, True)
        )

    assert killed == BOOT_ID.read_text()
    assert len({killed, rebooted, ""}) == 3


class Empty:
    """An image with nothing in it."""

    def write(self, root: str) -> None:
        """Make the directory."""
        Path(root).mkdir()


@needs_recorder
@pytest.mark.usefixtures("boot")
def test_what_goes_on_from_an_image_does_so_after_a_restart(tmp_path: Path) -> None:
    """Drainers, audit indexes and job queues find another boot than this one."""
    adapter = tmp_path / "adapter.py"
    adapter.write_text(TELLS)
    seen = set[bytes]()

    def power_cuts(subject: AdapterSubject, until: float) -> PowerCuts[None]:
        def recover(image: Image, known: None) -> list[Violation]:
            del known
            session = subject.session_for(subject.new_disk(image))
            seen.add(session.call("journal.scan")["records"][0]["payload"])
            return []

        recording = Recording(Trace(Image(), ()), (Mark(0, None),), ())
        return PowerCuts(recording, without_waiting(recover), str, until)

    with AdapterSubject.running([sys.executable, str(adapter)]) as subject:
        assert list(cut_again(subject, power_cuts, ["prefix"])) == []

    assert len(seen) == 1
    assert BOOT_ID.read_bytes() not in seen
