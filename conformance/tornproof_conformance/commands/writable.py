"""
Files and directories that a command will write, tried before anything runs.

A run may take minutes, and nobody should learn at its end that there is no place for the report.
Nothing is left of the trial, so that a command that refuses has made nothing.
"""

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import click
from tornproof.errors import Invalid
from tornproof_models.documents.words import shown


class Writable(click.Path):
    """A path that can be written: of a file, or of a directory."""

    def __init__(self, *, directory: bool = False) -> None:
        super().__init__(file_okay=not directory, dir_okay=directory, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path.  Raises `Invalid` if it cannot be written."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        option = param.opts[-1] if param else "the path"
        try:
            _try(path)
        except OSError as error:
            raise Invalid(
                f"cannot write {shown(path)}: {error.strerror}; give another path with {option}"
            ) from None
        return path


def _try(path: Path) -> None:
    """Open what is there, or make a directory where it would be; raise `OSError`."""
    if path.exists() and not path.is_dir():
        if stat.S_ISREG(path.stat().st_mode):
            os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
        elif not os.access(path, os.W_OK):  # to open a pipe is to wait for its reader
            raise PermissionError(0, "Permission denied")
        return
    while not os.path.lexists(path):
        path = path.parent
    with tempfile.TemporaryDirectory(prefix=".tornproof-", dir=path):
        pass
