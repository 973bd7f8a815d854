"""A journal in one file: the length, a checksum and the bytes of each record."""

import os
import struct
import zlib

from kit import serve, sync_directory

HEAD = struct.Struct("<II")


def checksum(payload):
    """The length is covered too, so that no run of zeros is a record."""
    return zlib.crc32(payload, len(payload)) ^ 0xFFFFFFFF


class Journal:
    def __init__(self, directory):
        path = os.path.join(directory, "log")
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.end = 0
        for offset, payload in self.scan():
            self.end = offset + HEAD.size + len(payload)
        os.ftruncate(self.file, self.end)
        os.fsync(self.file)
        sync_directory(directory)

    def append(self, payload, durable):
        frame, at = HEAD.pack(len(payload), checksum(payload)) + payload, self.end
        while frame:
            written = os.pwrite(self.file, frame, at)
            frame, at = frame[written:], at + written
        if durable:
            os.fsync(self.file)
        offset, self.end = self.end, at
        return offset

    def scan(self):
        at = 0
        while len(head := os.pread(self.file, HEAD.size, at)) == HEAD.size:
            size, crc = HEAD.unpack(head)
            payload = os.pread(self.file, size, at + HEAD.size)
            if len(payload) != size or checksum(payload) != crc:
                return
            yield at, payload
            at += HEAD.size + size

    def close(self):
        try:
            os.fsync(self.file)
        finally:
            os.close(self.file)


serve("one file", "1", Journal)
