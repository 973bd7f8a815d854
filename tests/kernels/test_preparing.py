"""A kernel is fetched into a folder that is named from where one stands, and may not be there."""

import os
from pathlib import Path

import pytest
from tornproof_kernels import preparing

APT_GET = "#!/bin/sh\ntouch linux-image-6.1.0_amd64.deb\n"
DPKG = '#!/bin/sh\n[ -f "$2" ] && mkdir "$3" "$3/boot" && touch "$3/boot/vmlinuz-6.1.0"\n'
"""As apt-get and dpkg do: into the current folder, and into one whose parent is there."""


def test_a_kernel_is_unpacked_below_a_relative_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make kernels` works in a new clone."""
    for name, script in (("apt-get", APT_GET), ("dpkg", DPKG)):
        (tmp_path / name).write_text(script, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(preparing, "compile_guest", lambda _: None)
    monkeypatch.chdir(tmp_path)

    kernel = preparing.fetch_kernel("6.1.0", Path("build/kernels"))

    assert kernel.image.exists()
