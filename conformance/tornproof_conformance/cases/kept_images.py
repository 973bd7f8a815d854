"""
Keep a crash of a workload as a directory.

The image of a workload may be a whole database, so it is kept as files that anybody can look at,
beside a reproducer of the usual form without the image in it.
"""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from attrs import evolve, frozen
from tornproof.errors import Invalid
from tornproof_models.contract.workload import Answer, judge_check, symptom
from tornproof_models.crash.subject import Subject
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.documents.files import read_file
from tornproof_models.documents.words import shown

from tornproof_conformance.adapter.left_behind import remove
from tornproof_conformance.adapter.scratch import PREFIX, claim
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import Problem, WorkloadCase
from tornproof_conformance.cases.reproducer import Reproducer, load
from tornproof_conformance.cases.workload_cases import crashed, space_of
from tornproof_conformance.workload.places import BOX, WORK, Places, Questions
from tornproof_conformance.workload.workload_subject import WorkloadSubject

IMAGE, PRINTED, DOCUMENT, PLACE = "image", "printed", "reproducer.json", "place"
"""What is in the directory of a finding; `place` holds the path at which the image lay."""

_PLACE = re.compile(rf"(?:/dev/shm|/tmp)/({PREFIX}[A-Za-z0-9_]+)/{BOX}/{WORK}")
"""Paths at which an image that comes from elsewhere may be laid out."""


def save(problem: Problem, subject: Subject, directory: Path) -> Path:
    """Write what repeats a problem below a directory; return the path of the file or directory."""
    if isinstance(problem.case, WorkloadCase) and isinstance(subject, WorkloadSubject):
        return _keep(problem, problem.case, subject, directory)
    return reproducer.save(problem, subject.name, directory)


def discard(path: Path) -> None:
    """Remove what `save` has written."""
    if path.is_dir():
        remove(path.absolute())
    else:
        path.unlink(missing_ok=True)


def _keep(problem: Problem, case: WorkloadCase, subject: WorkloadSubject, directory: Path) -> Path:
    saved = reproducer.reproducer_of(evolve(problem, trace=None, finding=None), subject.name)
    place = directory / f"{problem.violation.requirement}-{saved.digest}"
    remove(place.absolute())
    place.mkdir(parents=True)
    (place / DOCUMENT).write_text(saved.encode(), encoding="utf-8")
    subject = crashed(subject, case)
    lines = subject.recorded.lines_before(case.point)
    (place / PLACE).write_text(f"{subject.places.root}\n", encoding="utf-8")
    (place / PRINTED).write_bytes(b"".join(line + b"\n" for line in lines))
    subject.image(space_of(subject, case), case.choice).write(str(place / IMAGE))
    return place


@frozen
class LookedAgain:
    """What commands say of an image that was kept."""

    saved: Reproducer
    answers: tuple[Answer, ...]

    @property
    def still_fails(self) -> bool:
        """Whether a command still says what it had said."""
        case = self.saved.case
        assert isinstance(case, WorkloadCase)
        again = case.recovery is not None
        found = (judge_check(answer, recovered_again=again) for answer in self.answers)
        return any(each is not None and symptom(each) == case.symptom for each in found)


def look_again(directory: Path, questions: Questions, timeout: float) -> LookedAgain:
    """
    Run commands in an image that was kept, at the path where it lay, if that is free.

    Raises `Invalid` if the directory is not that of a finding.
    """
    saved = load(directory / DOCUMENT)
    if not isinstance(saved.case, WorkloadCase):
        raise Invalid(f"{shown(directory)} is no crash of a workload: use `tornproof replay`")
    lines = tuple(read_file(directory / PRINTED, "printed lines").splitlines())
    owner = _Owner()
    place = _free_place(directory) or claim(owner)
    place.chmod(0o755)
    try:
        reboots = CRASH_MODELS[saved.case.crash_model].floors.reboots
        places = Places(place, questions, timeout)
        with places.opened():
            answers = places.look(_Copied(directory / IMAGE), lines, reboots=reboots)
    finally:
        remove(place)
    return LookedAgain(saved, answers)


def _free_place(directory: Path) -> Path | None:
    """Make the place at which an image lay, if it is one of ours and nobody has it now."""
    found = _PLACE.fullmatch((directory / PLACE).read_text(encoding="utf-8").strip())
    if found is None:
        return None
    place = Path(found[0]).parents[1]
    try:
        place.mkdir()
    except OSError:
        return None
    return place


class _Owner:
    """Lives as long as a scratch directory is needed."""


@frozen
class _Copied:
    """An image that is copied from a directory, with modes, owners and links."""

    source: Path

    def write(self, root: str) -> None:
        """Make the directory.  Raises `OSError`."""
        shutil.copytree(self.source, root, symlinks=True)
        for path in (self.source, *self.source.rglob("*")):
            status = path.lstat()
            target = Path(root) / path.relative_to(self.source)
            with suppress(PermissionError):
                os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
