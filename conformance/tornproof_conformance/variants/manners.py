"""
Variants that store records like the plain log and behave differently towards callers.
"""

import os
import time

from tornproof_conformance.variants.log import Log, Record


class RefusesASecondClose(Log):
    """Closing a log that is closed is an error."""

    permitted_by = ("JRN-14", "ADP-6")

    def close(self) -> None:
        self.check_open()
        super().close()


class StartsSlowly(Log):
    """The process takes two seconds to start, as a runtime with a virtual machine does."""

    permitted_by = ("ADP-1",)

    start_seconds = 2.0


class HeapThatGrows(Log):
    """It keeps garbage of its own in memory for some time, as a collected heap does."""

    permitted_by = ("REC-9",)

    garbage: list[bytes] = []  # noqa: RUF012 - shared by all logs of the process, on purpose

    def scan(self) -> list[Record]:
        self.garbage.append(os.urandom(1 << 16))
        if len(self.garbage) > 64:
            self.garbage.clear()
        return super().scan()


class MessagesWithPathsAndAddresses(Log):
    """Its error messages hold paths, addresses and times, which differ from run to run."""

    permitted_by = ("ADP-1", "ADP-3")

    def explain(self, error: Exception) -> str:
        """Say what went wrong, as an object's default text would."""
        return f"{error} in {self.path} of {object()!r} at {time.time_ns()}"


class OtherCodes(Log):
    """After the end of its log it calls every error `io`."""

    permitted_by = ("ADP-7",)

    def check_open(self) -> None:
        if self.closed:
            raise OSError(5, "the log is not open")


class PoisonedInOtherWords(Log):
    """After a sync that failed it answers `io` to every append, until it is opened again."""

    permitted_by = ("JRN-7", "ADP-7")

    def check(self) -> None:
        self.check_open()
        if self.poisoned:
            raise OSError(5, "an earlier sync failed")


class ForgetsItsBuffers(Log):
    """It reads the file from the beginning in pieces of 61 bytes, whatever is asked for."""

    permitted_by = ("REC-9", "JRN-15")

    def read(self, file: int, size: int, at: int) -> bytes:
        data = bytearray()
        while piece := os.pread(file, min(61, size - len(data)), at + len(data)):
            data += piece
        return bytes(data)
