"""
Variants that recover in another way.
"""

import os

from tornproof_conformance.variants.log import Log, Record, sync_directory, write_all


class CopiesAndRenames(Log):
    """Recovery copies what is whole to a new file, and renames it over the old one."""

    permitted_by = ("REC-2", "REC-10")

    def recover(self) -> None:
        super().recover()
        if self.discarded or os.path.exists(f"{self.path}.new"):
            self.replace()

    def replace(self) -> None:
        """Put a copy in the place of the file."""
        new = f"{self.path}.new"
        if os.path.exists(new):
            os.unlink(new)
        copy = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o644)
        for _, data in self.blocks():
            write_all(copy, data)
        os.fsync(copy)
        os.rename(new, self.path)
        sync_directory(self.directory)
        os.close(self.file)
        self.file = copy


class RewritesEverything(CopiesAndRenames):
    """Every opening writes the whole log anew."""

    permitted_by = ("REC-3", "REC-8")

    def recover(self) -> None:
        Log.recover(self)
        self.replace()


class RecoversOnFirstUse(Log):
    """Opening reads nothing; the first scan, append or sync recovers."""

    permitted_by = ("REC-1", "REC-2")

    recovered = False

    def recover(self) -> None:
        self.file = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o644)
        os.fsync(self.file)
        sync_directory(self.directory)
        self.end = 0

    def use(self) -> None:
        """Recover, once."""
        if not self.recovered:
            self.end = self.whole()
            os.ftruncate(self.file, self.end)
            self.write_again(self.path)
            os.fsync(self.file)
            self.recovered = True

    def append(self, payload: bytes, *, durable: bool) -> int:
        self.use()
        return super().append(payload, durable=durable)

    def scan(self) -> list[Record]:
        self.check_open()
        self.use()
        return super().scan()


class CutsWithZeros(Log):
    """Recovery does not cut a torn tail: it writes zeros over it, and appends in their place."""

    permitted_by = ("REC-1", "REC-2")

    def recover(self) -> None:
        self.file = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o644)
        self.end = self.whole()
        self.discarded = self.written(self.end)
        if self.discarded:
            os.pwrite(self.file, bytes(self.discarded), self.end)
        self.write_again(self.path)
        os.fsync(self.file)
        sync_directory(self.directory)

    def write(self, payload: bytes) -> None:
        os.lseek(self.file, self.end, os.SEEK_SET)
        super().write(payload)


class FilesBesideTheLog(Log):
    """It keeps files of its own beside the log: an index and a file with its version."""

    permitted_by = ("REC-10", "ADP-4")

    def recover(self) -> None:
        super().recover()
        for name, content in (("VERSION", b"1\n"), ("log.index", str(self.end).encode())):
            with open(f"{self.directory}/{name}", "wb") as file:
                file.write(content)
        os.makedirs(f"{self.directory}/tmp", exist_ok=True)
