"""
What a guest boots from: the kernel of a Debian package, and an initramfs of our own.

The package is only unpacked (`dpkg -x`), never installed.  The initramfs holds `guest.c`, static,
as /init, the modules that the filesystem needs, and the script.
"""

import gzip
import lzma
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

SOURCE = Path(__file__).parents[1] / "guest.c"
CORE = ("virtio", "virtio_ring", "virtio_pci", "virtio_blk", "crc32c_generic")
"""Modules that every guest needs; one that is built into the kernel is left out."""


class NotPrepared(Exception):
    """Something that the laboratory needs is not there; the message says how to get it."""


@frozen
class Kernel:
    """An unpacked kernel package."""

    release: str
    directory: Path

    @property
    def image(self) -> Path:
        """The file to boot."""
        return self.directory / "boot" / f"vmlinuz-{self.release}"

    def modules(self, wanted: Sequence[str]) -> dict[str, bytes]:
        """Find modules and what they depend on, in the order in which they load."""
        found: dict[str, bytes] = {}

        def add(name: str) -> None:
            data = None if name in found else self._module(name)
            if data is None:
                return  # loaded already, or built in
            depends = re.search(rb"\0?depends=([^\0]*)\0", data)
            for needed in depends.group(1).decode().split(",") if depends else ():
                if needed:
                    add(needed)
            found[name] = data

        for name in wanted:
            add(name)
        return found

    def _module(self, name: str) -> bytes | None:
        base = self.directory / "lib" / "modules" / self.release
        for spelling in (name, name.replace("_", "-"), name.replace("-", "_")):
            for path in base.rglob(f"{spelling}.ko*"):
                data = path.read_bytes()
                return lzma.decompress(data) if path.suffix == ".xz" else data
        return None


def find_kernel(release: str, work: Path) -> Kernel:
    """Return an unpacked kernel by its release.  Raises `NotPrepared`."""
    kernel = Kernel(release, work / "kernels" / release)
    if not kernel.image.exists():
        there = sorted(path.name for path in (work / "kernels").glob("*"))
        raise NotPrepared(
            f"no kernel {release} in {work}/kernels (there are: {', '.join(there) or 'none'}); "
            f"`make kernels KERNEL={release}` fetches and unpacks it"
        )
    return kernel


def compile_guest(work: Path) -> Path:
    """Compile `guest.c` unless that has been done.  Raises `NotPrepared`."""
    program = work / "guest"
    if program.exists() and program.stat().st_mtime > SOURCE.stat().st_mtime:
        return program
    half_done = work / f"guest-{os.getpid()}"
    command = ["cc", "-O2", "-Wall", "-Werror", "-static", "-o", str(half_done), str(SOURCE)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise NotPrepared("no C compiler `cc`; apt-get install gcc libc6-dev") from None
    except subprocess.CalledProcessError as error:
        raise NotPrepared(f"{SOURCE} does not compile: {error.stderr}") from None
    half_done.rename(program)
    return program


def cpio(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """Pack files, as (mode, content) by path, in cpio's format `newc`."""
    out = bytearray()

    def entry(number: int, name: str, mode: int, data: bytes) -> None:
        numbers = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        out.extend(b"070701" + b"".join(b"%08X" % each for each in numbers))
        out.extend(name.encode() + b"\0")
        out.extend(bytes(-len(out) % 4))
        out.extend(data)
        out.extend(bytes(-len(out) % 4))

    directories = sorted({str(above) for path in files for above in Path(path).parents} - {"."})
    for number, directory in enumerate(directories, start=1):
        entry(number, directory, 0o40755, b"")
    for number, (path, (mode, data)) in enumerate(files.items(), start=1 + len(directories)):
        entry(number, path, 0o100000 | mode, data)
    entry(0, "TRAILER!!!", 0, b"")
    return bytes(out)


def initramfs(kernel: Kernel, guest: Path, modules: Sequence[str], script: str) -> bytes:
    """Return the initramfs that plays a script."""
    found = kernel.modules([*CORE, *modules])
    files = {"init": (0o755, guest.read_bytes()), "script": (0o644, script.encode())}
    files |= {f"modules/{name}.ko": (0o644, data) for name, data in found.items()}
    order = "".join(f"/modules/{name}.ko\n" for name in found)
    files["modules/order"] = (0o644, order.encode())
    return gzip.compress(cpio(files), 1)
