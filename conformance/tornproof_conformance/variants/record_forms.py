"""
Variants that keep their records in other bytes, files or places.
"""

import json
import os
import sqlite3
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from tornproof_conformance.variants.log import (
    Log,
    Poisoned,
    Record,
    frame,
    sync_directory,
    write_all,
)


class CountsRecords(Log):
    """Offsets are the numbers of records, 0, 1, 2, and not positions in a file."""

    permitted_by = ("JRN-1",)

    def recover(self) -> None:
        super().recover()
        self.count = sum(1 for _ in self.frames(self.file))

    def append(self, payload: bytes, *, durable: bool) -> int:
        super().append(payload, durable=durable)
        self.count += 1
        return self.count - 1

    def scan(self) -> list[Record]:
        return [(number, payload) for number, (_, payload) in enumerate(super().scan())]


class SparseOffsets(Log):
    """Offsets are sixteen times the position: they grow, and not by the bytes of a record."""

    permitted_by = ("JRN-1",)

    def append(self, payload: bytes, *, durable: bool) -> int:
        return super().append(payload, durable=durable) << 4

    def scan(self) -> list[Record]:
        return [(at << 4, payload) for at, payload in super().scan()]


class Preallocated(Log):
    """One file of zeros, made once and written in place through O_DSYNC."""

    permitted_by = ("JRN-3", "REC-1")

    reserved = 1 << 16

    def recover(self) -> None:
        mode = os.O_CREAT | os.O_RDWR | os.O_DSYNC
        self.file = os.open(self.path, mode, 0o644)
        if os.fstat(self.file).st_size < self.reserved:
            os.posix_fallocate(self.file, 0, self.reserved)
        self.end = self.whole()
        self.discarded = self.written(self.end)
        if self.discarded:
            os.pwrite(self.file, bytes(self.discarded), self.end)
        self.write_again(self.path)
        os.fsync(self.file)
        sync_directory(self.directory)

    def write(self, payload: bytes) -> None:
        data = frame(payload)
        if os.pwrite(self.file, data, self.end) < len(data):
            raise OSError(28, "a short write")
        self.end += len(data)


class TwoFiles(Log):
    """Records go to two files in turn, each with the number of the record in it."""

    permitted_by = ("JRN-2", "JRN-4")

    def recover(self) -> None:
        self.files = [
            os.open(f"{self.path}.{side}", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o644)
            for side in "ab"
        ]
        self.file = self.files[0]
        ends, self.end = [0, 0], 0
        for at, payload in self.in_turn():
            ends[self.end % 2] = at + 8 + len(payload)
            self.end += 1
        for side, file, end in zip("ab", self.files, ends, strict=True):
            self.discarded += os.fstat(file).st_size - end
            os.ftruncate(file, end)
            self.write_again(f"{self.path}.{side}")
            os.fsync(file)
        sync_directory(self.directory)

    def in_turn(self) -> Iterator[Record]:
        """Yield the frames of both files in turn, up to the first that is missing."""
        sides = [self.frames(file) for file in self.files]
        for side in cycle(sides):
            if (record := next(side, None)) is None:
                return
            yield record

    def write(self, payload: bytes) -> None:
        self.file = self.files[self.end % 2]
        write_all(self.file, frame(payload))
        self.end += 1

    def flush(self) -> None:
        for file in self.files:
            os.fsync(file)

    def scan(self) -> list[Record]:
        self.check_open()
        return [
            (number, payload)
            for number, (_, payload) in enumerate(islice(self.in_turn(), self.end))
        ]

    def release(self) -> None:
        for file in self.files:
            os.close(file)
        os.close(self.lock)


class FilePerRecord(Log):
    """Every record is a file of its own, which gets its name when it is complete."""

    permitted_by = ("JRN-4", "JRN-5")

    def recover(self) -> None:
        self.file = os.open(self.directory, os.O_RDONLY)
        for name in os.listdir(self.directory):
            if name.endswith(".new"):
                self.discarded += os.stat(f"{self.directory}/{name}").st_size
                os.unlink(f"{self.directory}/{name}")
        names = sorted(name for name in os.listdir(self.directory) if name.endswith(".record"))
        self.end = 0
        for number, name in enumerate(names):
            if int(name.split(".")[0]) != number:
                break
            self.end += 1
        for name in names[self.end :]:
            os.unlink(f"{self.directory}/{name}")
        os.fsync(self.file)

    def write(self, payload: bytes) -> None:
        name = f"{self.directory}/{self.end:08}"
        file = os.open(f"{name}.new", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644)
        try:
            write_all(file, payload)
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(f"{name}.new", f"{name}.record")
        self.end += 1

    def scan(self) -> list[Record]:
        self.check_open()
        paths = [Path(self.directory, f"{number:08}.record") for number in range(self.end)]
        return [(number, path.read_bytes()) for number, path in enumerate(paths)]


class JsonLines(Log):
    """A line of JSON with a checksum for each record."""

    permitted_by = ("JRN-5",)

    def line(self, payload: bytes) -> bytes:
        """Return the line of a record."""
        text = b64encode(payload).decode()
        return json.dumps({"crc": zlib.crc32(payload), "payload": text}).encode() + b"\n"

    def frames(self, file: int) -> Iterator[Record]:
        """Yield offset and payload of every whole line, up to the first that is damaged."""
        del file
        at = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                try:
                    payload = b64decode(json.loads(line)["payload"], validate=True)
                except (ValueError, KeyError, TypeError):
                    return
                if self.line(payload) != line:
                    return
                yield at, payload
                at += len(line)

    def whole(self) -> int:
        return sum(len(self.line(payload)) for _, payload in self.frames(self.file))

    def write(self, payload: bytes) -> None:
        data = self.line(payload)
        write_all(self.file, data)
        self.end += len(data)


class Padded(Log):
    """A timestamp and random padding stand in the bytes: no two runs write the same."""

    permitted_by = ("ADP-3", "JRN-5")

    def wrap(self, payload: bytes) -> bytes:
        """Put a timestamp and padding around a payload."""
        padding = os.urandom(len(payload) % 13)
        head = time.time_ns().to_bytes(8, "little") + len(padding).to_bytes(1, "little")
        return head + padding + payload

    def write(self, payload: bytes) -> None:
        super().write(self.wrap(payload))

    def scan(self) -> list[Record]:
        return [(at, each[9 + each[8] :]) for at, each in super().scan()]


class InSqlite(Log):
    """The log is a table of SQLite, with a synchronous commit for each append."""

    permitted_by = ("JRN-3", "ADP-4")

    def recover(self) -> None:
        self.file = os.open(self.directory, os.O_RDONLY)
        self.database = sqlite3.connect(f"{self.directory}/log.db", isolation_level=None)
        self.database.execute("PRAGMA synchronous = EXTRA")
        self.database.execute("PRAGMA locking_mode = EXCLUSIVE")
        create = "CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, payload BLOB NOT NULL)"
        self.database.execute(create)
        (last,) = self.database.execute("SELECT coalesce(max(id), 0) FROM log").fetchone()
        self.end = last + 1

    def write(self, payload: bytes) -> None:
        try:
            self.database.execute("INSERT INTO log VALUES (?, ?)", (self.end, payload))
        except sqlite3.Error as error:
            raise OSError(5, str(error)) from None
        self.end += 1

    def flush(self) -> None:
        pass  # a commit has synced it

    def scan(self) -> list[Record]:
        self.check_open()
        if self.poisoned:
            raise Poisoned
        return list(self.database.execute("SELECT id, payload FROM log ORDER BY id"))

    def release(self) -> None:
        self.database.close()
        os.close(self.file)
        os.close(self.lock)
