"""
Keep a crash of a workload as a directory.

The image of a workload may be a whole database, so it is kept as files that anybody can look at,
beside a reproducer of the usual form without the image in it.
"""

from pathlib import Path

from attrs import evolve
from tornproof_models.crash.subject import Subject

from tornproof_conformance.adapter.left_behind import remove
from tornproof_conformance.cases import reproducer
from tornproof_conformance.cases.case import Problem, WorkloadCase
from tornproof_conformance.cases.workload_cases import space_of
from tornproof_conformance.workload.laid_out import laid_out
from tornproof_conformance.workload.workload_subject import KEPT, WorkloadSubject

IMAGE, PRINTED, DOCUMENT = "image", "printed", "reproducer.json"
"""What is in the directory of a finding."""


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
    lines = subject.recorded.lines_before(case.point)
    (place / PRINTED).write_bytes(b"".join(line + b"\n" for line in lines))
    image = laid_out(
        space_of(subject, case), case.choice, subject.recorded, subject.places.scratch / KEPT
    )
    image.write(str(place / IMAGE))
    return place
