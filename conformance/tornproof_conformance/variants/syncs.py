"""
Variants that sync more often, in another way, or less often than the reference.
"""

import os
import threading

from tornproof_conformance.variants.log import (
    Log,
    Poisoned,
    Record,
    frame,
    sync_directory,
    write_all,
)


class SyncsBeforeItShows(Log):
    """A scan syncs first, so that nothing is shown that a crash could take back."""

    permitted_by = ("REC-8", "JRN-15")

    def scan(self) -> list[Record]:
        self.check_open()
        if not self.poisoned:
            self.sync()
        return super().scan()


class RefusesReadsAfterAFailedSync(Log):
    """After a failed sync nothing is read until the log is opened again."""

    permitted_by = ("JRN-7", "JRN-15")

    def scan(self) -> list[Record]:
        self.check()
        return super().scan()


class SyncsEverything(Log):
    """Every append is durable when it returns, whether that is asked for or not."""

    permitted_by = ("JRN-10",)

    def append(self, payload: bytes, *, durable: bool) -> int:
        del durable
        return super().append(payload, durable=True)


class OpensWithOSync(Log):
    """The file is opened with O_SYNC, and never synced by a call."""

    permitted_by = ("JRN-3", "JRN-10")

    flags = os.O_SYNC

    def flush(self) -> None:
        pass


class UsesFdatasync(Log):
    """Appends are synced by fdatasync, which covers the size that they change."""

    permitted_by = ("JRN-3", "JRN-10")

    def flush(self) -> None:
        os.fdatasync(self.file)


class WritesInTwoPieces(Log):
    """A frame is written in two calls: its header, then its payload."""

    permitted_by = ("JRN-8", "REC-1")

    def write(self, payload: bytes) -> None:
        data = frame(payload)
        write_all(self.file, data[:8])
        if payload:
            write_all(self.file, data[8:])
        self.end += len(data)


class SyncsTheDirectoryEachTime(Log):
    """Every sync covers the file and its directory."""

    permitted_by = ("JRN-10",)

    def flush(self) -> None:
        os.fsync(self.file)
        sync_directory(self.directory)


class GroupsEverything(Log):
    """A thread writes and syncs for everybody: a request waits for the sync that covers it."""

    permitted_by = ("JRN-2", "JRN-10")

    def recover(self) -> None:
        super().recover()
        self.queue: list[tuple[bytes, threading.Event]] = []
        self.waiting = threading.Condition()
        self.stopped = False
        self.failed = False
        self.worker = threading.Thread(target=self.work, daemon=True)
        self.worker.start()

    def work(self) -> None:
        """Write what has gathered, sync it, and tell those who wait."""
        while True:
            with self.waiting:
                self.waiting.wait_for(lambda: self.queue or self.stopped)
                if not self.queue:
                    return
                batch, self.queue = self.queue, []
            try:
                write_all(self.file, b"".join(data for data, _ in batch))
                os.fsync(self.file)
            except OSError:
                self.failed = True
            for _, done in batch:
                done.set()

    def append(self, payload: bytes, *, durable: bool) -> int:
        del durable
        self.check()
        offset, data, done = self.end, frame(payload), threading.Event()
        with self.waiting:
            self.queue.append((data, done))
            self.waiting.notify()
        done.wait()
        if self.failed:
            self.poisoned = True
            raise OSError(5, "the batch could not be written or synced")
        self.end += len(data)
        return offset

    def release(self) -> None:
        with self.waiting:
            self.stopped = True
            self.waiting.notify()
        self.worker.join()
        super().release()


class EndsOnAFailedSync(Log):
    """The process ends when a sync fails, and is started again by whoever watches it."""

    permitted_by = ("JRN-7", "ADP-5")

    def flush(self) -> None:
        try:
            os.fsync(self.file)
        except OSError:
            os._exit(70)  # EX_SOFTWARE of sysexits.h


class ClosesItselfAfterAFailedSync(Log):
    """A failed write or sync closes the log; the next request is told that it is closed."""

    permitted_by = ("JRN-7", "ADP-6")

    def append(self, payload: bytes, *, durable: bool) -> int:
        try:
            return super().append(payload, durable=durable)
        except OSError:
            self.closed = True
            self.release()
            raise

    def sync(self) -> None:
        try:
            super().sync()
        except OSError:
            if not self.closed:
                self.closed = True
                self.release()
            raise


class ReopensForEachAppend(Log):
    """The file is opened for each append, written, synced and closed."""

    permitted_by = ("JRN-9", "JRN-10")

    def write(self, payload: bytes) -> None:
        data = frame(payload)
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            write_all(file, data)
        finally:
            os.close(file)
        self.end += len(data)


class PoisonsForGood(Log):
    """After an error even the close of the log is refused, once."""

    permitted_by = ("JRN-7", "JRN-14")

    complained = False

    def close(self) -> None:
        if self.poisoned and not self.complained:
            self.complained = True
            raise Poisoned
        super().close()
