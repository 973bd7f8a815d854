"""
Read a database without changing it, and without making a file beside it (AUD-17).

SQLite reads a write-ahead log with the help of a shared-memory file, `-shm`, and
makes one where there is none; it makes an empty log too.  Evidence, on a read-only disk or
under checksums, must not change when it is read.  The files beside the database decide how
it is opened:

- neither a log with something in it nor a `-shm`, and the header says that there
  may be one: closed in good order, so it is opened as *immutable*, which takes no
  other file;
- a `-shm`: in use, or left so by a process that died; it is opened with what is
  there;
- a log and no `-shm`: copied from under a writer; a private copy of the two is
  opened, elsewhere;
- no write-ahead log by the header, or a rollback journal: SQLite makes no file to
  read it, and refuses where it would have to undo something.

An immutable database is read without locks.  A writer that opens it in the
meantime can change it under the reader, who may then find damage that is none:
look again.

SQLite follows a link and waits for a pipe under these names, so they are looked at
first (REC-13).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tornproof.directory import open_regular, require_regular

_HEADER_BYTES = 20
_WRITE_AHEAD = 2
"""
The version for reading of a database with a write-ahead log, in byte 19 of its header.

SQLite looks at that one alone before it opens the log, and the shared memory with it.
"""


def read_header(path: str, size: int) -> bytes:
    """Return a database's first bytes.  Raises `OSError`, `Irregular` for a pipe or device."""
    with open_regular(str(Path(path).resolve())) as file:
        return file.read(size) or b""


@contextmanager
def at(path: str) -> Iterator[str]:
    """
    Yield a URI under which SQLite opens a database for writing, making it if there is none.

    Raises `Irregular` where a link or a pipe has the name of one of its files.
    """
    file = Path(path).resolve()
    for suffix in ("wal", "shm", "journal"):
        _size(file.with_name(f"{file.name}-{suffix}"))
    yield _uri(file, "mode=rwc")


@contextmanager
def unchanged(path: str) -> Iterator[str]:
    """
    Yield a URI under which SQLite reads a database and changes nothing.

    Connect, and read something, within the context: SQLite opens the log when it
    first reads, and a private copy is removed afterwards.
    """
    file = Path(path).resolve()
    log, memory, journal = (
        file.with_name(f"{file.name}-{suffix}") for suffix in ("wal", "shm", "journal")
    )
    sizes = {each: _size(each) for each in (file, log, memory, journal)}
    logs = read_header(path, _HEADER_BYTES)[19:20] == bytes([_WRITE_AHEAD])
    if sizes[memory] is not None or sizes[journal] or not logs:
        yield _uri(file, "mode=ro")
    elif not sizes[log]:
        yield _uri(file, "mode=ro&immutable=1")
    else:
        with TemporaryDirectory(prefix="tornproof-") as directory:
            copy = Path(directory) / "copy"
            shutil.copyfile(file, copy)
            shutil.copyfile(log, copy.with_name("copy-wal"))
            yield _uri(copy, "mode=ro")


def _size(file: Path) -> int | None:
    """Return a file's size, none if there is none; raises `Irregular` for a link or a pipe."""
    try:
        status = os.lstat(file)
    except FileNotFoundError:
        return None
    require_regular(status)
    return status.st_size


def _uri(file: Path, query: str) -> str:
    return f"{file.as_uri()}?{query}"
