"""
Try the commands where their verdict is known, before anything is crashed.

A check that fails although nothing was lost, or passes although every file is empty, would make
every verdict worthless.  It is refused.
"""

from tornproof.errors import TornproofError
from tornproof_models.contract.workload import Answer, States, state_of
from tornproof_models.crash.crash_points import spaces
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS
from tornproof_models.disk.image_builder import Choice
from tornproof_models.disk.images import ImageSpace
from tornproof_models.disk.trace import Printed

from tornproof_conformance.workload.asking import misplaced
from tornproof_conformance.workload.workload_subject import WorkloadSubject

KILL = CRASH_MODELS[CLAIMED[0]]
"""The crash model in which nothing that was written is lost."""

BY_HAND = "; run it by hand after the workload"


class CheckRefused(TornproofError):
    """A command does not say what it must where the verdict is known."""


def require_controls(subject: WorkloadSubject) -> None:
    """
    Require that every command passes when nothing is lost, and that checks look at the files.

    Raises `CheckRefused`.  Where the commands pass at one place and not in several namespaces,
    such as those that change their user, the subject goes on with one; where they do not pass on
    a machine that has started again, and has no other user, it goes on without.
    """
    point, space = _end(subject)
    failed = _first_failure(subject, space, point)
    if failed and subject.places.jobs > 1:
        subject.places.become_one()
        failed = _first_failure(subject, space, point)
    if failed:
        raise CheckRefused(
            f"`{failed.command}` fails although nothing was lost: {failed.ending}: "
            f"{failed.last_line}{misplaced(failed.command) or BY_HAND}"
        )
    if subject.places.try_restart() and _first_failure(subject, space, point, reboots=True):
        subject.places.forgo_restarts()
    _require_sight(subject, space, point)


def _end(subject: WorkloadSubject) -> tuple[int, ImageSpace]:
    *_, end = spaces(subject.recorded.trace, KILL, sector_bytes=subject.given.sector_bytes)
    return end


def _first_failure(
    subject: WorkloadSubject, space: ImageSpace, point: int, *, reboots: bool = False
) -> Answer | None:
    answers = subject.ask(space, space.all_kept, point, reboots=reboots).result()
    return next((each for each in answers if not each.passes), None)


def _require_sight(subject: WorkloadSubject, space: ImageSpace, point: int) -> None:
    """Require that somebody notices when every file that was written is empty."""
    answers = subject.ask(space, space.all_kept, point, emptied=True).result()
    if all(each.passes for each in answers) and subject.given.questions.state is None:
        commands = " and ".join(f"`{each.command}`" for each in answers)
        raise CheckRefused(
            f"{commands} passes although every file that the workload wrote is empty: a check "
            "must look at the files, and exit with another code than 0 if they are wrong"
        )


def learn_states(subject: WorkloadSubject, *, only_lines: bool) -> None:
    """
    Learn the states that are there without a crash, by asking at every point.

    With `only_lines`, right are the states at the beginning, at each printed line and at the end;
    else also those between two operations, which a kill may leave.
    """
    point, end = _end(subject)
    again = [_state(subject, end, end.all_kept, point) for _ in range(2)]
    if again[0] != again[1]:
        raise CheckRefused(
            f"`{subject.given.questions.state}` says something else each time, of the same files: "
            "let it leave out times, numbers of processes and the like"
        )
    latest: dict[str, int] = {}
    events, sector_bytes = subject.recorded.trace.events, subject.given.sector_bytes
    for point, space in spaces(subject.recorded.trace, KILL, sector_bytes=sector_bytes):
        is_line = point < len(events) and isinstance(events[point], Printed)
        if not only_lines or is_line or point in (0, len(events)):
            printed = len(subject.recorded.lines_before(point)) + is_line
            latest[_state(subject, space, space.all_kept, point)] = printed
    if len(latest) < 2:
        raise CheckRefused(
            f"`{subject.given.questions.state}` says the same before the workload and after it: "
            "it must print what the files hold"
        )
    subject.states = States(latest)


def _state(subject: WorkloadSubject, space: ImageSpace, choice: Choice, point: int) -> str:
    *_, answer = subject.ask(space, choice, point).result()
    return state_of(answer)
