"""
Scenarios about links, pipes and devices in the place of a journal's files.

A simulated disk has no links, so they are played in a real directory.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from tornproof_models.contract.journal import Violation
from tornproof_models.crash.subject import DIRECTORY, Options, Subject
from tornproof_models.disk.filesystem import ModelFilesystem

from tornproof_conformance.scenarios.scenario import SEGMENTS, error_code, scenario
from tornproof_conformance.subjects.real_directory import RealDirectory
from tornproof_conformance.vectors.frames import make_frame

FIRST = "0" * 16 + ".wal"

STRANGE: tuple[tuple[str, Callable[[Path, Path], object]], ...] = (
    ("a symbolic link", Path.symlink_to),
    ("a second name of a file", Path.hardlink_to),
    ("a link to nothing", lambda place, victim: place.symlink_to(victim.with_name("nothing"))),
    ("a directory", lambda place, _: place.mkdir()),
)


@scenario("REC-13", claim=SEGMENTS, simulated=True)
def only_its_own_files_are_opened(subject: Subject) -> Iterator[Violation]:
    """If the last segment is a link, the file that it points to is not cut and not created."""
    torn = make_frame(b"whole") + make_frame(b"torn")[:-1]
    for words, put in STRANGE:
        with tempfile.TemporaryDirectory(prefix="tornproof-") as place:
            root = Path(place)
            (root / DIRECTORY.lstrip("/")).mkdir()
            victim = root / "victim"
            victim.write_bytes(torn)
            put(root / DIRECTORY.lstrip("/") / FIRST, victim)
            before = sorted(root.iterdir())
            disk = cast("ModelFilesystem", RealDirectory(root))
            if (told := error_code(subject.open, disk, Options())).startswith("success"):
                yield Violation("REC-13", f"{words} in the place of a segment: it opens")
            elif not told.islower():
                yield Violation("REC-13", f"{words} in the place of a segment gives {told}")
            if victim.read_bytes() != torn or sorted(root.iterdir()) != before:
                yield Violation("REC-13", f"{words} in the place of a segment: the file is changed")
