"""
The contract of a workload, given what commands say of its files after a crash.

Nothing is known of what the files mean.  A *check* is a command of the user's that says, by its
exit code, whether all is well; it knows what the workload had printed before the crash, and
holds the files to it.  A *state* is whatever a command prints of the files: right are the states
that were there without a crash, none of them older than what was printed.
"""

import re
from collections.abc import Iterable, Mapping

from attrs import frozen

from tornproof_models.contract.journal import Violation

JUDGES_CHECKS = frozenset({"WRK-1"})
JUDGES_STATES = frozenset({"WRK-2"})
JUDGES_RECOVERY = frozenset({"WRK-3"})
JUDGES = JUDGES_CHECKS | JUDGES_STATES | JUDGES_RECOVERY

SHOWN = 200
"""Characters of a line that a message quotes."""

SHOWN_COMMAND = 48
"""Characters of a command that a message quotes."""

PROGRAM = re.compile(r"'[^']*'|\S+")
"""The first word of a command, quoted if its path has spaces."""

_CHANGING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{7,64}\b|\d+")
"""What differs between two reports of one mistake: addresses, digests and numbers."""


def judged_by(*, checks: bool, state: bool, recover: bool) -> frozenset[str]:
    """Name the requirements that can be shown violated with the kinds of command given."""
    given = {"WRK-1": checks, "WRK-2": state, "WRK-3": recover}
    return frozenset(requirement for requirement, is_given in given.items() if is_given)


@frozen
class Answer:
    """What one command said of the files that a crash left."""

    command: str
    code: int | None
    """The exit code, negative for a signal; none if the command did not end in time."""

    output: str
    """The end of what it printed, on both streams."""

    @property
    def passes(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.code == 0

    @property
    def name(self) -> str:
        """The command without the directory of its program, on one line and cut short."""
        command = " ".join(self.command.split())
        found = PROGRAM.match(command)
        program = found[0] if found else ""
        words = program.strip("'").rpartition("/")[2] + command[len(program) :]
        return words if len(words) <= SHOWN_COMMAND else f"{words[: SHOWN_COMMAND - 1]}…"

    @property
    def last_line(self) -> str:
        """The last line that is not empty, cut short."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1][:SHOWN] if lines else "(it printed nothing)"

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.code is None:
            return "did not end in time"
        return f"signal {-self.code}" if self.code < 0 else f"exit {self.code}"


@frozen
class States:
    """The states that were there without a crash."""

    latest: Mapping[str, int]
    """For each, how many lines had been printed when it was last there."""

    def violation(self, answer: Answer, printed: int) -> Violation | None:
        """Judge a state that was found after so many lines had been printed (WRK-2)."""
        state = state_of(answer)
        if state not in self.latest:
            message = f"a state that was never there without a crash: {answer.last_line}"
        elif self.latest[state] < printed:
            message = f"a state older than the last line printed, number {printed}"
            message = f"{message}: {answer.last_line}"
        else:
            return None
        return Violation("WRK-2", message)


def state_of(answer: Answer) -> str:
    """Return what a command says of the files, its exit code included."""
    return f"{answer.ending}\n{answer.output}"


def judge_check(answer: Answer, *, recovered_again: bool = False) -> Violation | None:
    """Judge what a check says after a crash (WRK-1), or after a crash inside recovery (WRK-3)."""
    if answer.passes:
        return None
    message = f"{answer.name}: {answer.ending}: {answer.last_line}"
    if recovered_again:
        return Violation("WRK-3", f"after a crash inside the recovery, {message}")
    return Violation("WRK-1", message)


def symptom(violation: Violation) -> str:
    """Return what violations of one mistake have in common: the message without its numbers."""
    text = violation.message
    if violation.requirement == "WRK-2":
        text = text.partition(":")[0]  # the state itself differs each time
    return _CHANGING.sub("#", text)


def cause(requirement: str, lost: Iterable[str]) -> str:
    """Return what violations with the same smallest loss have in common: that, without numbers."""
    losses = sorted({_CHANGING.sub("#", each) for each in lost})
    return f"{requirement}: {'; '.join(losses)}"
