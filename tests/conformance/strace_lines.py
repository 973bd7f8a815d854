"""Lines of strace 6.1, and the events that they mean; `/d` is the directory that is recorded."""

from tornproof_conformance.recorder.observations import Item
from tornproof_conformance.recorder.recording import Recording
from tornproof_conformance.recorder.strace import HANDLERS
from tornproof_conformance.recorder.tree import Tree
from tornproof_models.disk.trace import ROOT, Create, Image


def hexadecimal(text: str) -> str:
    """Write a string as `strace -xx` does."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def opened(number: int, name: str, *, process: int = 7, flags: str = "O_RDWR|O_CREAT") -> str:
    """The line in which a file of the directory is opened."""
    working, path = hexadecimal("/d"), hexadecimal(f"/d/{name}")
    asked = hexadecimal(name)
    return f'{process} openat(AT_FDCWD<{working}>, "{asked}", {flags}, 0644) = {number}<{path}>'


def written(number: int, name: str, text: str) -> str:
    """The call in which a string is written, without a process and a result."""
    return f'write({number}<{hexadecimal(f"/d/{name}")}>, "{hexadecimal(text)}", {len(text)}'


def synced(number: int, name: str) -> str:
    """The call in which a file is synced, without a process and a result."""
    return f"fsync({number}<{hexadecimal(f'/d/{name}')}>"


def recording_of(*lines: str, image: Image | None = None) -> Recording:
    """Feed lines to a recording of `/d`."""
    recording = Recording.begin(Tree.of("/d", image or Image()), HANDLERS, "/d")
    recording.feed("\n".join(lines) + "\n")
    return recording


def items(*lines: str, image: Image | None = None) -> list[Item]:
    """Return what lines come to."""
    return recording_of(*lines, image=image).items


A = Create(ROOT, "a", 1)
