"""
A proxy on the loopback interface that cuts the connection at a message.

PostgreSQL's protocol is a sequence of messages in each direction: a letter, and a length that
counts itself but not the letter; the first of a client has no letter ("Message Flow" and
"Message Formats" in the manual's chapter on the protocol).  The proxy forwards whole messages
and counts them, so that every place where a connection can be lost is tried once: before the
server has seen a message of the client, and before the client has seen one of the server.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from threading import Lock, Thread

from attrs import define, field, frozen

_LENGTH = struct.Struct(">I")


class Side(StrEnum):
    """Who sends a message."""

    CLIENT = "client"
    SERVER = "server"


@frozen
class Cut:
    """The message, counted from 1 for each side, that is not forwarded, nor any after it."""

    side: Side
    message: int


@define(eq=False)
class Proxy:
    """Forwards connections to a server, and cuts one of them once."""

    server_port: int
    cut: Cut | None = None
    """Where the connection is to be lost; none once that has happened."""

    messages: dict[Side, int] = field(factory=lambda: dict.fromkeys(Side, 0))
    """How many messages each side has sent."""

    _listener: socket.socket = field(factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _lock: Lock = field(factory=Lock)

    def __attrs_post_init__(self) -> None:
        Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Forward one connection in both directions until either side ends it, or it is cut."""
        with client, suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self.server_port))
            with server:
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = Thread(target=self._forward, args=(Side.SERVER, server, client))
                back.start()
                self._forward(Side.CLIENT, client, server)
                back.join()

    def _forward(self, side: Side, source: socket.socket, target: socket.socket) -> None:
        """Forward whole messages of one side until it ends, or the cut is reached."""
        with suppress(OSError):
            for message in _messages(source, has_letters=side is Side.SERVER):
                if self._is_cut(side):
                    break
                target.sendall(message)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _is_cut(self, side: Side) -> bool:
        with self._lock:
            self.messages[side] += 1
            if self.cut == Cut(side, self.messages[side]):
                self.cut = None
                return True
            return False


def _messages(source: socket.socket, *, has_letters: bool) -> Iterator[bytes]:
    """Yield the messages of one side, each whole."""
    while True:
        head = _read(source, 5 if has_letters else 4)
        (length,) = _LENGTH.unpack(head[-4:])
        yield head + _read(source, length - 4)
        has_letters = True


def _read(source: socket.socket, length: int) -> bytes:
    """Read so many bytes.  Raises `ConnectionError` at the end."""
    data = b""
    while len(data) < length:
        piece = source.recv(length - len(data))
        if not piece:
            raise ConnectionError("the connection has ended")
        data += piece
    return data
