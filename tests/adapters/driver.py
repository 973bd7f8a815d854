"""
A client of the adapter protocol in its plainest form.

It knows nothing of the suite's own runner, so the adapters are tested here
without it.
"""

import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from attrs import frozen

ADAPTERS = Path(__file__).resolve().parents[2] / "conformance" / "adapters"


@frozen
class Language:
    """An adapter: where it is, what builds it, and what comes out."""

    name: str
    tool: str
    output: str
    libraries: tuple[str, ...] = ()
    """What finds or fetches its libraries, if it has any."""

    shares_flock: bool = True
    """Whether it locks as the others do; Java has record locks, which `flock` does not see."""

    def build(self) -> Path:
        """Build the adapter and return it; skip the test that asked if nothing can build it."""
        untested = f"so the {self.name} adapter is not tested"
        directory = ADAPTERS / self.name
        if shutil.which(self.tool) is None:
            pytest.skip(f"{self.tool} is not installed, {untested}")
        if self.libraries:
            found = subprocess.run(
                self.libraries, cwd=directory, capture_output=True, text=True, check=False
            )
            if found.returncode:
                pytest.skip(f"{' '.join(self.libraries)} fails, {untested}: {found.stderr.strip()}")
        if (directory / "Makefile").exists():
            subprocess.run(["make", "--silent", "-C", directory], check=True)
        return directory / self.output


LANGUAGES = (
    Language("c", "cc", "build/adapter", ("make", "--silent", "libraries")),
    Language("go", "go", "build/adapter", ("go", "mod", "download")),
    Language("java", "javac", "build/adapter", shares_flock=False),
    Language("rust", "cargo", "build/release/adapter", ("cargo", "fetch", "--quiet", "--locked")),
)

NODE = Language("node", "node", "adapter.mjs")
"""A journal of one file, in a format of its own: it is judged, and shares no directories."""


class Refused(Exception):
    """The adapter answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]
        self.definite: bool = error["definite"]


class Adapter:
    """A running adapter; use it in a `with` statement."""

    def __init__(self, *command: str | Path) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            restore_signals=False,  # as Python has it, a file at its limit is an error, not a death
        )
        self._requests = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def request(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the whole reply, with its id checked."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._requests += 1
        request = {"id": self._requests, "op": operation, "args": arguments}
        self.process.stdin.write(json.dumps(request) + "\n")
        reply: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert reply.pop("id") == self._requests
        return reply

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return what it answered; raises `Refused` for an error."""
        reply = self.request(operation, **arguments)
        if "error" in reply:
            raise Refused(reply["error"])
        answer: dict[str, Any] = reply["ok"]
        return answer

    def open(self, directory: Path, **options: int) -> dict[str, Any]:
        """Open a journal."""
        return self("journal.open", dir=str(directory), **options)

    def append(self, payload: bytes, *, durable: bool = True) -> int:
        """Append a record and return its offset."""
        answer = self("journal.append", payload=b64encode(payload).decode(), durable=durable)
        return int(answer["offset"])

    def scan(self, **arguments: int | str) -> list[tuple[int, bytes]]:
        """Return all records from one on."""
        records = self("journal.scan", **arguments)["records"]
        return [(int(record["offset"]), b64decode(record["payload"])) for record in records]

    def code(self, operation: str, **arguments: Any) -> str:
        """Return the code of the error that a request must meet, or `ok`."""
        reply = self.request(operation, **arguments)
        return str(reply["error"]["code"]) if "error" in reply else "ok"


def files_in(directory: Path) -> dict[str, bytes]:
    """Read the segments of a journal, by name."""
    return {path.name: path.read_bytes() for path in sorted(directory.glob("*.wal"))}
