"""
The guest's disk: an NBD server that remembers what was asked of it, and when it answered.

Unlike the logs of dm-log-writes and of QEMU's `blklogwrites`, it keeps the arrival of a request
and its answer apart, because a flush covers what had been *answered* when it arrived.  Orders
from the guest make schedules reproducible and failures possible:

    hold, release    keep back the answers to writes of the program's own data
    refuse, accept   answer such writes with EIO, and forget them
    next             show the next crash image (`ImageDisk`)

Exports two disks: `disk`, which is logged, and `marks`, whose writes are text.

Source: the NBD protocol, https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md.
"""

import asyncio
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

BLOCK = 4096
MARKS_BYTES = 1 << 20
HELD_SECONDS = 2.0
"""How long an answer is held back when the kernel waits for it: then it does wait for data."""

_OPTION_MAGIC = 0x49484156454F5054
_REPLY_MAGIC = 0x3E889045565A9
_ANSWER_MAGIC = 0x67446698
_HAS_FLAGS, _SEND_FLUSH = 1, 4
_EXPORT_NAME, _ABORT, _INFO, _GO = 1, 2, 6, 7
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_EIO = 5

Blocks: TypeAlias = Mapping[int, bytes]
"""An image: its blocks of 4096 bytes by number; one that is not there is zeros."""


class Wrote(NamedTuple):
    """A write arrived."""

    number: int
    offset: int
    data: bytes


class Answered(NamedTuple):
    """A write was answered: a flush that arrives later covers it."""

    number: int


class FlushArrived(NamedTuple):
    """A flush was asked for and answered."""


class Marked(NamedTuple):
    """The guest said something."""

    text: str


LogEvent: TypeAlias = Wrote | Answered | FlushArrived | Marked


def is_program_data(data: bytes) -> bool:
    """Tell the data of a litmus program, which is runs of letters, from a filesystem's own."""
    first = data[0]
    return 65 <= first <= 122 and data[:512].rstrip(b"\0").count(data[:1]) >= 64


class FileDisk:
    """A disk in one sparse file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b", buffering=0)
        self.size = path.stat().st_size

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes."""
        self._file.seek(offset)
        return self._file.read(length) or bytes(length)

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes."""
        self._file.seek(offset)
        self._file.write(data)

    def show_next(self) -> None:
        """Do nothing: there is one disk."""

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class ImageDisk:
    """A disk that holds one crash image after another."""

    def __init__(self, images: Iterator[Blocks], size: int) -> None:
        self._images, self.size = images, size
        self._blocks: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the image that is shown."""
        first, last = offset // BLOCK, -(-(offset + length) // BLOCK)
        whole = b"".join(self._blocks.get(n, bytes(BLOCK)) for n in range(first, last))
        return whole[offset - first * BLOCK :][:length]

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes: recovery writes too."""
        put(self._blocks, offset, data)

    def show_next(self) -> None:
        """Forget what is shown, and show the next image."""
        self._blocks = dict(next(self._images))

    def close(self) -> None:
        """Let go of nothing: the images are in memory."""


def put(blocks: dict[int, bytes], offset: int, data: bytes) -> None:
    """Write bytes into an image."""
    at = 0
    while at < len(data):
        number, within = divmod(offset + at, BLOCK)
        size = min(BLOCK - within, len(data) - at)
        if size == BLOCK:
            blocks[number] = data[at : at + size]
        else:
            old = blocks.get(number, bytes(BLOCK))
            blocks[number] = old[:within] + data[at : at + size] + old[within + size :]
        at += size


class DiskServer:
    """Serves one guest, and keeps the log."""

    def __init__(self, disk: FileDisk | ImageDisk) -> None:
        self.disk = disk
        self.log: list[LogEvent] = []
        self.waited = 0
        """How often the kernel waited for data that was held, until we gave in."""

        self._numbers = 0
        self._holding = False
        self._refusing = False
        self._released = asyncio.Event()
        self._later: set[asyncio.Task[None]] = set()

    async def listen(self, socket: Path) -> asyncio.Server:
        """Listen on a Unix socket."""
        return await asyncio.start_unix_server(self._connected, socket, limit=1 << 26)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"NBDMAGIC" + struct.pack(">QH", _OPTION_MAGIC, 3))
            flags = struct.unpack(">I", await reader.readexactly(4))[0]
            name = await self._negotiate(reader, writer, no_zeroes=bool(flags & 2))
            if name is not None:
                await self._transmit(reader, writer, name)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the guest is gone
        finally:
            writer.close()

    def _size(self, name: str) -> int:
        return self.disk.size if name == "disk" else MARKS_BYTES

    async def _negotiate(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, no_zeroes: bool
    ) -> str | None:
        """Return which disk the client has chosen."""
        flags = _HAS_FLAGS | _SEND_FLUSH
        while True:
            _, option, length = struct.unpack(">QII", await reader.readexactly(16))
            data = await reader.readexactly(length)

            def reply(kind: int, payload: bytes = b"", option: int = option) -> None:
                head = struct.pack(">QIII", _REPLY_MAGIC, option, kind, len(payload))
                writer.write(head + payload)

            if option == _EXPORT_NAME:
                name = data.decode()
                writer.write(struct.pack(">QH", self._size(name), flags))
                writer.write(b"" if no_zeroes else bytes(124))
                return name
            if option in (_INFO, _GO):
                name_length = struct.unpack(">I", data[:4])[0]
                name = data[4 : 4 + name_length].decode()
                reply(3, struct.pack(">HQH", 0, self._size(name), flags))
                reply(3, struct.pack(">HIII", 3, 512, BLOCK, 1 << 25))
                reply(1)
                if option == _GO:
                    return name
            elif option == _ABORT:
                reply(1)
                return None
            else:
                reply((1 << 31) | 1)  # unsupported
            await writer.drain()

    async def _transmit(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str
    ) -> None:
        while True:
            header = await reader.readexactly(28)
            _, _, kind, cookie, offset, length = struct.unpack(">IHHQQI", header)
            data = await reader.readexactly(length) if kind == _WRITE else b""
            if kind == _DISCONNECT:
                return
            if name == "marks":
                if kind == _WRITE:
                    self._mark(data.rstrip(b"\0").decode())
                answer(writer, cookie, bytes(length) if kind == _READ else b"")
            elif kind == _READ:
                answer(writer, cookie, self.disk.read(offset, length))
            elif kind == _FLUSH:
                self.log.append(FlushArrived())
                answer(writer, cookie)
            elif kind == _WRITE:
                self._write(writer, cookie, offset, data)
            else:
                raise ConnectionError(f"request {kind} of NBD, which was not offered")

    def _write(self, writer: asyncio.StreamWriter, cookie: int, offset: int, data: bytes) -> None:
        if self._refusing and is_program_data(data):
            answer(writer, cookie, error=_EIO)
            return
        self._numbers += 1
        number = self._numbers
        self.disk.write(offset, data)
        self.log.append(Wrote(number, offset, data))
        if self._holding and is_program_data(data):
            task = asyncio.get_running_loop().create_task(self._held(number, writer, cookie))
            self._later.add(task)
            task.add_done_callback(self._later.discard)
        else:
            self.log.append(Answered(number))
            answer(writer, cookie)

    async def _held(self, number: int, writer: asyncio.StreamWriter, cookie: int) -> None:
        try:
            await asyncio.wait_for(self._released.wait(), HELD_SECONDS)
        except TimeoutError:
            self.waited += 1
        self.log.append(Answered(number))
        answer(writer, cookie)
        await writer.drain()

    def _mark(self, text: str) -> None:
        self.log.append(Marked(text))
        match text:
            case "hold":
                self._holding, self._released = True, asyncio.Event()
            case "release" | "end":
                self._holding = False
                self._released.set()
            case "refuse":
                self._refusing = True
            case "accept":
                self._refusing = False
            case "next":
                self.disk.show_next()
                self.log.clear()


def answer(
    writer: asyncio.StreamWriter, cookie: int, payload: bytes = b"", *, error: int = 0
) -> None:
    """Answer a request."""
    writer.write(struct.pack(">IIQ", _ANSWER_MAGIC, error, cookie) + payload)
