"""
Run a script in a guest, on a disk that we serve: QEMU without KVM, and without root.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from tornproof_kernels.disk_server import DiskServer, FileDisk, ImageDisk, LogEvent
from tornproof_kernels.guest_image import Kernel, NotPrepared, compile_guest, initramfs

MIB = 1 << 20


@frozen
class Filesystem:
    """How a filesystem is made and mounted."""

    name: str
    mkfs: tuple[str, ...]
    size: int
    """Bytes of a partition: little, since thousands of images are made of it."""

    modules: tuple[str, ...] = ()
    after_crash: str = "-"
    """Options of a mount that recovers."""


FILESYSTEMS: Mapping[str, Filesystem] = {
    each.name: each
    for each in (
        Filesystem(
            "ext4",
            (
                *("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-N", "256", "-J", "size=4"),
                *("-E", "lazy_itable_init=0,lazy_journal_init=1,nodiscard"),
            ),
            16 * MIB,
            ("ext4",),
        ),
        Filesystem(
            "xfs",
            ("mkfs.xfs", "-q", "-f", "-K", "--unsupported", "-l", "size=6m"),
            64 * MIB,
            ("xfs",),
            "nouuid",
        ),
        Filesystem(
            "btrfs", ("mkfs.btrfs", "-q", "-f", "-K", "-m", "single"), 128 * MIB, ("btrfs",)
        ),
        Filesystem("f2fs", ("mkfs.f2fs", "-q", "-f"), 64 * MIB, ("crc32_generic", "f2fs")),
    )
}


@frozen
class Run:
    """What became of a script."""

    log: list[LogEvent]
    console: str
    seconds: float
    waited: int
    """How often the kernel waited for an answer that was held back."""

    @property
    def problems(self) -> list[str]:
        """What did not go as the script says."""
        lines = [line.strip() for line in self.console.splitlines()]
        found = [line for line in lines if line.startswith("FAILED") or "panic" in line]
        if "GUEST ends" not in lines:
            found.append(f"the guest did not end; its console ended with {self.console[-500:]!r}")
        return found


def make_filesystem(filesystem: Filesystem, extra: Sequence[str], work: Path) -> Path:
    """Make an empty filesystem in a file, unless it is there.  Raises `NotPrepared`."""
    words = "-".join((filesystem.name, *extra)).replace("/", "").replace(" ", "")
    path = work / f"empty-{words}"
    if not path.exists():
        with path.open("wb") as file:
            file.truncate(filesystem.size)
        try:
            subprocess.run([*filesystem.mkfs, *extra, str(path)], check=True, capture_output=True)
        except FileNotFoundError:
            path.unlink()
            raise NotPrepared(f"no {filesystem.mkfs[0]}; see `make kernels`") from None
        except subprocess.CalledProcessError as error:
            path.unlink()
            raise NotPrepared(f"{' '.join(error.cmd)}: {error.stderr.decode()}") from None
    return path


def copy_sparse(source: Path, target: Path, offset: int) -> None:
    """Copy a file's data into another, and none of its holes."""
    with source.open("rb") as file, target.open("r+b") as out:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break  # a hole up to the end
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            file.seek(at)
            out.seek(offset + at)
            out.write(file.read(end - at))
            at = end


def run(
    kernel: Kernel,
    filesystem: Filesystem,
    script: str,
    disk: FileDisk | ImageDisk,
    work: Path,
    *,
    timeout: float,
) -> Run:
    """Boot, play a script, power off.  Raises `NotPrepared` without QEMU."""
    socket, ramdisk = work / f"nbd-{os.getpid()}.sock", work / f"initramfs-{os.getpid()}"
    socket.unlink(missing_ok=True)
    guest = compile_guest(work)
    ramdisk.write_bytes(initramfs(kernel, guest, filesystem.modules, script))
    command = [
        *("qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-m", "512"),
        *("-cpu", "max", "-nodefaults", "-no-user-config", "-nographic", "-serial", "stdio"),
        *("-no-reboot", "-kernel", str(kernel.image), "-initrd", str(ramdisk)),
        *_drive("disk", socket),
        *_drive("marks", socket),
        *("-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check"),
    ]
    began = time.monotonic()
    try:
        server, console = asyncio.run(_play(command, disk, socket, timeout))
    except FileNotFoundError:
        raise NotPrepared("no qemu-system-x86_64; see `make kernels`") from None
    finally:
        ramdisk.unlink(missing_ok=True)
        socket.unlink(missing_ok=True)
        disk.close()
    return Run(server.log, console, time.monotonic() - began, server.waited)


def _drive(name: str, socket: Path) -> tuple[str, ...]:
    file = f"file.driver=nbd,file.server.type=unix,file.server.path={socket},file.export={name}"
    return (
        "-drive",
        f"driver=raw,{file},if=none,id={name},cache=writeback,discard=ignore",
        "-device",
        f"virtio-blk-pci,drive={name},request-merging=off,num-queues=1",
    )


async def _play(
    command: Sequence[str], disk: FileDisk | ImageDisk, socket: Path, timeout: float
) -> tuple[DiskServer, str]:
    server = DiskServer(disk)
    listening = await server.listen(socket)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), timeout)
        console = out.decode(errors="replace")
    except TimeoutError:
        process.kill()
        await process.wait()
        console = f"FAILED the guest ran for more than {timeout:.0f} s"
    listening.close()
    return server, console
