"""
Get what the laboratory needs: name the programs that are missing, unpack a kernel.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tornproof_kernels.guest_image import Kernel, NotPrepared, compile_guest

PROGRAMS: Mapping[str, str] = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "mkfs.btrfs": "btrfs-progs",
    "cc": "gcc",
    "dpkg": "dpkg",
}
"""What is run, and the Debian package that has it."""


def missing_programs() -> dict[str, str]:
    """Return the programs that are not there, each with its package."""
    return {name: package for name, package in PROGRAMS.items() if shutil.which(name) is None}


def fetch_kernel(release: str, work: Path) -> Kernel:
    """Download a Debian kernel package and unpack it.  Raises `NotPrepared`."""
    target = work / "kernels" / release
    kernel = Kernel(release, target)
    if not kernel.image.exists():
        package = f"linux-image-{release}"
        with tempfile.TemporaryDirectory(dir=work_folder(work)) as where:
            _run(["apt-get", "download", package], Path(where))
            found = list(Path(where).glob("*.deb"))
            if len(found) != 1:
                raise NotPrepared(f"apt-get download {package} left {len(found)} packages")
            target.parent.mkdir(exist_ok=True)
            _run(["dpkg", "-x", found[0].name, str(target.absolute())], Path(where))
    compile_guest(work)
    return kernel


def work_folder(work: Path) -> Path:
    """Make the folder for unpacked kernels and scratch files."""
    work.mkdir(parents=True, exist_ok=True)
    return work


def _run(command: list[str], where: Path) -> None:
    try:
        subprocess.run(command, cwd=where, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise NotPrepared(f"no {command[0]}: unpack a kernel by hand, see README.md") from None
    except subprocess.CalledProcessError as error:
        raise NotPrepared(f"{' '.join(command)}: {error.stderr.strip()}") from None
