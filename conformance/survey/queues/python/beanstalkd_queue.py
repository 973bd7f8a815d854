"""beanstalkd, a server in C: put, reserve, delete, release; its protocol is lines on a socket."""

import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from queue_library import adapter, effect, patiently, server
from tornproof_conformance.kit import refusal

# protocol.txt: a job that is not deleted, released or buried within its time to run is ready
# again; only who reserved a job can delete it; -b and -f0 sync each write to the log
served = adapter(
    "beanstalkd",
    subprocess.run(
        ["beanstalkd", "-v"], check=False, capture_output=True, text=True
    ).stdout.split()[-1],
    "core at-least-once exclusive fenced leases settled fifo",
    server=server("beanstalkd"),
    lease_ms=2000,
)
opened: dict[str, Any] = {}
RESERVED = "RESERVED"


class Server:
    """A connection to the server, made anew where it was lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream: Any = None

    def ask(self, *words: object, body: str | None = None) -> list[str]:
        """Send a command; return the words of its answer, and the body last where there is one."""
        if self.stream is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(5)
            connection.connect(str(self.path))
            self.stream = connection.makefile("rwb", buffering=0)
        text = " ".join(map(str, words)) + "\r\n" + (f"{body}\r\n" if body is not None else "")
        try:
            self.stream.write(text.encode())
            answer = self.stream.readline().decode().split()
            if not answer:
                raise ConnectionError("the server has closed the connection")
            if answer[0] in (RESERVED, "FOUND"):
                answer.append(self.stream.read(int(answer[2]) + 2).decode().strip())
        except OSError:
            self.stream = None
            raise
        return list(answer)

    def expect(self, wanted: str, *words: object, body: str | None = None) -> list[str]:
        """Send a command that has one good answer; NOT_FOUND says that the job is another's."""
        answer = self.ask(*words, body=body)
        if answer[0] == "NOT_FOUND":
            raise refusal("conflict", "the job is not reserved by this connection")
        if answer[0] != wanted:
            raise ConnectionError(f"{words[0]} was answered with {answer[0]}")
        return answer


@served.operation
def queue_open(dir: str, lease_ms: int) -> None:  # noqa: A002
    """Connect."""
    opened.update(dir=Path(dir), lease=lease_ms // 1000, has={})
    opened["server"] = Server(opened["dir"] / "socket")
    patiently(lambda: opened["server"].expect("USING", "use", "default"))


@served.operation
def queue_enqueue(job: str) -> None:
    """Put, with a time to run of a lease."""
    opened["server"].expect("INSERTED", "put", 0, 0, opened["lease"], len(job), body=job)


@served.operation
def queue_take(worker: str) -> Mapping[str, Any]:
    """Reserve."""
    answer = opened["server"].ask("reserve-with-timeout", 0)
    if answer[0] != RESERVED:
        return {"job": None}
    opened["has"][worker] = answer[1], answer[3]
    return {"job": answer[3]}


@served.operation
def queue_finish(worker: str, how: str) -> None:
    """Work and delete, or release."""
    number, job = opened["has"].pop(worker)
    if how == "ok":
        effect(opened["dir"], job)
        opened["server"].expect("DELETED", "delete", number)
    else:
        opened["server"].expect("RELEASED", "release", number, 0, 0)


@served.operation
def queue_state() -> Mapping[str, Any]:
    """Name the first that waits: the server lists no others."""
    answer = opened["server"].ask("peek-ready")
    pending = [answer[3]] if answer[0] == "FOUND" else []
    return {"pending": pending, "running": [], "dead": []}


served.serve()
