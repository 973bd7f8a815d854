"""
A PostgreSQL server of the tests' own, in a scratch directory.

It keeps PostgreSQL's defaults, syncs included, and listens on a free port of the loopback
interface.  PostgreSQL refuses to run as root; there, the user `postgres` or `nobody` runs it.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from attrs import define, field
from tornproof_conformance.lifetime import orphans

USER = "tornproof"
START_SECONDS = 60.0
"""Long, because a server that was killed reads its log first, beside other tests."""


def binaries() -> Path | None:
    """Return the directory of `initdb` and `postgres`, or none."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found is not None and (Path(found).parent / "postgres").exists():
        return Path(found).parent
    return debian[-1].parent if debian else None


def other_user() -> str | None:
    """Return the user who is to run the server: none unless the tests run as root."""
    if os.geteuid():
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@define
class Cluster:
    """A server that can be killed and started again."""

    directory: Path
    programs: Path
    port: int = field(factory=lambda: _free_port())
    _server: "subprocess.Popen[bytes] | None" = None
    _databases: int = 0

    @classmethod
    def make(cls, directory: Path, programs: Path) -> "Cluster":
        """Make the files of a server, and start it."""
        cluster = cls(directory, programs)
        if user := other_user():
            shutil.chown(directory, user)
        cluster._run("initdb", "-D", cluster._data, "-U", USER, "-A", "trust", "-E", "UTF8")
        cluster.start()
        return cluster

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._server is None or self._server.poll() is not None:
                self._server = self._spawn()  # again, if the memory of the one before is in use
            try:
                psycopg.connect(self.address("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"the server did not start: {(self.directory / 'log').read_text()}")

    def kill(self) -> None:
        """Kill the server and all its processes with SIGKILL."""
        assert self._server is not None
        os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()
        orphans.forget(self._server.pid)

    def create_database(self) -> str:
        """Make an empty database, and return its name."""
        self._databases += 1
        name = f"audit{self._databases}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def address(self, database: str, port: int | None = None) -> str:
        """Return the address of a database, at another port if one is given, without TLS."""
        place = f"127.0.0.1:{port or self.port}/{database}"
        return f"postgresql://{USER}@{place}?sslmode=disable&gssencmode=disable"

    @property
    def _data(self) -> str:
        return str(self.directory / "data")

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with (self.directory / "log").open("ab") as log:
            server = subprocess.Popen(
                [
                    *(str(self.programs / "postgres"), "-D", self._data, "-k", ""),
                    *("-p", str(self.port), "-c", "listen_addresses=127.0.0.1"),
                    *("-c", "dynamic_shared_memory_type=mmap"),  # else a kill leaves it behind
                ],
                stdout=log,
                stderr=log,
                cwd="/",
                user=other_user(),
                start_new_session=True,
            )
        orphans.know(server.pid)  # else a command that runs in this process ends it
        return server

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            user=other_user(),
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}")


@contextmanager
def running(programs: Path) -> Iterator[Cluster]:
    """Run a server in a directory that whoever runs it can reach, and kill it at the end."""
    with TemporaryDirectory(prefix="tornproof-postgresql-") as directory:
        Path(directory).chmod(0o755)
        cluster = Cluster.make(Path(directory), programs)
        try:
            yield cluster
        finally:
            cluster.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
