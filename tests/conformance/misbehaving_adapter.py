"""
The reference's adapter, which also does something that no log has to do.

    python misbehaving_adapter.py HOW [SECONDS]

What it does happens when a journal is opened, after a right answer was made.  A process that
it leaves sleeps for so many seconds, by which its test knows it.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

import log
from tornproof_conformance.kit import Adapter

SLEEP = ["sleep", *sys.argv[2:3]]


def misbehave(how: str, directory: Path) -> None:
    """Do what was asked for, in the directory of a journal."""
    match how:
        case "fifo":
            os.mkfifo(directory / "pipe")
        case "device":
            (directory / "zero").symlink_to("/dev/zero")
        case "link":
            (directory / "passwd").symlink_to("/etc/passwd")
        case "loop":
            (directory / "loop").symlink_to(directory)
        case "sparse":
            with (directory / "sparse").open("wb") as file:
                file.truncate(1 << 40)
        case "deep":
            os.chdir(directory)
            for _ in range(1500):
                Path("d").mkdir()
                os.chdir("d")
        case "closed":
            (directory / "closed").mkdir(mode=0)
        case "bytes":
            Path(os.fsdecode(os.fsencode(directory) + b"/\xff\xfe")).write_bytes(b"")
        case "outside":
            (directory.parent / "\x1b[31moutside").write_bytes(b"")
        case "setsid":
            subprocess.Popen(SLEEP, start_new_session=True)
        case "fork":
            subprocess.Popen(SLEEP)
        case "nohup":
            subprocess.Popen(["env", "-i", *SLEEP], start_new_session=True)


class Misbehaving(Adapter):
    """An adapter that does something besides."""

    def answer(self, op: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer, and misbehave."""
        answer = super().answer(op, arguments)
        if op == "journal.open":
            misbehave(sys.argv[1], Path(arguments["dir"]))
        return answer


if __name__ == "__main__":
    name = "\x1b]0;owned\x07\u202egnp.exe" if sys.argv[1] == "escapes" else "misbehaving"
    adapter = Misbehaving(name, log.CLAIMS)
    log.plug_in(adapter)
    adapter.serve()
