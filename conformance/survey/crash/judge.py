"""
Judge the workloads of this directory, and compare with what is expected of them.

    python judge.py [--budget SECONDS] [--save] [NAME...]

Each entry is a directory with an executable `workload`, a `check`, perhaps a `setup`, and
`expected.toml`: the exit code, and for each known finding the mildest crash model and a part of
what the check says.  A program that is not installed is passed over.  `--save` writes
`expected.toml` anew from what was found; read it before you keep it.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
EXPECTED = "expected.toml"
NEEDS = {
    "git": "git",
    "nano": "nano",
    "npm": "npm",
    "postgresql": "psql",
    "redis": "redis-server",
    "sqlite": "sqlite3",
    "vim": "vim",
    "dpkg": "dpkg-deb",
    "etcd": "etcd",
    "nats": "nats-server",
    "store-berkeley-db": "db5.3_load",
    "store-gdbm": "gdbmtool",
    "store-kyotocabinet": "kchashmgr",
    "store-tdb": "tdbtool",
    "store-tokyocabinet": "tchmgr",
}
"""Which program an entry needs, by its name or the first word of that."""

MODULES = {"duckdb": "duckdb"}
"""Which module of Python an entry needs."""

CHANGING = re.compile(r"[0-9a-f]{7,}|[0-9\"'\\]|[^ -~]")
"""What differs from run to run, and what a string of TOML does not hold as it is."""


def lacking(name: str) -> str:
    """Name what an entry needs and is not installed; nothing if all is there."""
    program = NEEDS.get(name) or NEEDS.get(name.partition("-")[0])
    if program and not shutil.which(program):
        return program
    module = MODULES.get(name)
    if (
        module
        and subprocess.run(
            ["python3", "-c", f"import {module}"], stderr=subprocess.DEVNULL
        ).returncode
    ):
        return f"the module {module} of python3"
    return ""


def judge(entry: Path, budget: int) -> tuple[int, list[dict[str, Any]], str]:
    """Run one entry; return its exit code, its findings, and what was covered."""
    with tempfile.TemporaryDirectory() as scratch:
        events = Path(scratch, "events")
        command = [sys.executable, "-m", "tornproof_conformance.cli", "crash"]
        for name in ("setup", "check"):
            command += [f"--{name}", f"./{name}"] if (entry / name).exists() else []
        command += ["--budget", str(budget), "--events", str(events)]
        command += ["--reproducers", str(Path(scratch, "found")), "--", "./workload"]
        done = subprocess.run(command, cwd=entry, stdout=subprocess.DEVNULL)
        lines = events.read_text(encoding="utf-8").splitlines() if events.exists() else []
    told = [json.loads(line) for line in lines]
    found = {}
    for event in told:
        if event["event"] == "ViolationFound":
            found[event["symptom"]] = event
    ends = [event for event in told if event["event"] == "CheckFinished"]
    covered = [f"{each['covered']}; {each['done']} of {each['planned']} needed" for each in ends]
    return done.returncode, list(found.values()), "".join(covered)


def says(event: dict[str, Any]) -> str:
    """Return what the check says in a finding, up to the first number, digest or quotation."""
    message = str(event["message"]).partition(": ")[2].partition(": ")[2]
    return CHANGING.split(message)[0].strip()[:60]


def differences(entry: Path, code: int, found: list[dict[str, Any]]) -> list[str]:
    """Name what is expected and was not found."""
    expected = tomllib.loads((entry / EXPECTED).read_text(encoding="utf-8"))
    missing = [] if code == expected["exit"] else [f"exit {code}, not {expected['exit']}"]
    for each in expected.get("finding", []):
        if not any(
            each["says"] in event["message"] and each["crash_model"] == event["crash_model"]
            for event in found
        ):
            missing.append(f"not found in {each['crash_model']}: {each['says']}")
    return missing


def save(entry: Path, code: int, found: list[dict[str, Any]]) -> None:
    """Write what was found as what is expected; what POSIX alone allows, only if that is all."""
    pairs = sorted({(event["crash_model"], says(event)) for event in found})
    pairs = [pair for pair in pairs if pair[0] != "adversarial"] or pairs
    text = f"exit = {code}\n"
    for crash_model, words in pairs:
        text += f'\n[[finding]]\ncrash_model = "{crash_model}"\nsays = "{words}"\n'
    (entry / EXPECTED).write_text(text, encoding="utf-8")


def main() -> int:
    """Judge the entries that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    worst = 0
    every = sorted(path.parent.name for path in HERE.glob("*/workload"))
    for name in given.names or every:
        if missing := lacking(name):
            print(f"{name}: passed over, {missing} is not installed")
            continue
        began = time.monotonic()
        code, found, covered = judge(HERE / name, given.budget)
        if given.save:
            save(HERE / name, code, found)
        differs = differences(HERE / name, code, found)
        worst = max(worst, len(differs) > 0)
        verdict = "; ".join(differs) or "as expected"
        print(f"{name}: exit {code}, {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
        for event in found:
            print(f"    {event['crash_model']}: {event['message']}")
        print(f"    {covered}", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
