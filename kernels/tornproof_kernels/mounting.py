"""
Let a real kernel recover crash images: one guest mounts one after another.

The only way for filesystems that are not read in process, and the judge of the one that is.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import define, field
from tornproof_models.disk.trace import Image

from tornproof_kernels.disk_server import Blocks, ImageDisk
from tornproof_kernels.guest_image import Kernel
from tornproof_kernels.machine import Filesystem, run


@define
class Seen:
    """What a guest saw in one image."""

    files: dict[str, bytes] = field(factory=dict)
    directories: set[str] = field(factory=set)
    modes: dict[str, int] = field(factory=dict)
    trouble: str = ""

    @property
    def image(self) -> Image:
        """The tree."""
        return Image(self.files, frozenset(self.directories))


def mount_images(
    kernel: Kernel, filesystem: Filesystem, images: Sequence[Blocks], work: Path
) -> list[Seen | None]:
    """Mount images; return what was seen of each, or nothing where the guest came to no end."""
    if not images:
        return []
    script = f"images {len(images)} {filesystem.name} {filesystem.after_crash}\n"
    disk = ImageDisk(iter(images), filesystem.size)
    done = run(kernel, filesystem, script, disk, work, timeout=300 + 5 * len(images))
    seen = dict(parse_console(done.console))
    return [seen.get(number) for number in range(len(images))]


def parse_console(console: str) -> Iterator[tuple[int, Seen]]:
    """Read what a guest has printed of images, by number."""
    number, seen = -1, Seen()
    for line in map(str.strip, console.splitlines()):
        word, _, rest = line.partition(" ")
        match word:
            case "IMAGE":
                number, seen = int(rest), Seen()
            case "END":
                yield number, seen
            case "D":
                seen.directories.add(rest)
            case "F":
                path, mode, size, runs = rest.split(" ", 3)
                seen.files[path], trouble = _content(runs)
                seen.modes[path] = int(mode, 8)
                if trouble or len(seen.files[path]) != int(size):
                    seen.trouble += f"{path}: {len(seen.files[path])} of {size} bytes {trouble} "
            case "FAILED":
                seen.trouble += line + " "


def _content(runs: str) -> tuple[bytes, str]:
    content, trouble = b"", ""
    for part in runs.rstrip(".").split(","):
        if part.startswith("!"):
            trouble = f"errno {part[1:]}"
        elif part:
            byte, count = part.split("*")
            content += bytes([int(byte, 16)]) * int(count)
    return content, trouble
