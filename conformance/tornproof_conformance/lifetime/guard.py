"""
Handle errors that no command expects.

A verdict and a fault of whoever judges must not look alike: exit code 1 says that something
does not conform, so a fault of the suite gets a code of its own, one line, and a file with
the traceback.  Nowhere else is a traceback shown.
"""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import click
from tornproof_models.documents.words import printable, printable_lines

from tornproof_conformance.lifetime.orphans import end_orphans
from tornproof_conformance.lifetime.signals import interruptible
from tornproof_conformance.stream.exit_codes import FAULT, INCONCLUSIVE

OPTIMIZED = 2
"""From this level of `python -O` on there are no docstrings, which say what checks look at."""


def run_guarded(command: Callable[[], Any]) -> int:
    """
    Run a command and return its exit code, whatever happens.

    Interrupted, by a signal or because nobody reads its output any more, it is inconclusive.
    """
    with interruptible(), leaving_nobody():
        try:
            _prepare_output()
            _require_surroundings()
            result = command()
            _flush()
        except (KeyboardInterrupt, click.Abort):
            return _end("tornproof: interrupted: there is no verdict", INCONCLUSIVE)
        except click.ClickException as error:
            words = StringIO()
            error.show(words)
            return _end(words.getvalue().removesuffix("\n"), error.exit_code)
        except BrokenPipeError:
            return _end("", INCONCLUSIVE)
        except SystemExit as ended:
            return _exit_code(ended)
        except MemoryError:
            return _end(
                "tornproof: the memory of this machine is used up: there is no verdict", FAULT
            )
        except OSError as error:
            return _end(f"tornproof: {_what_failed(error)}: there is no verdict", FAULT)
        except BaseException as error:
            return _end(f"tornproof: {_report(error)}", FAULT)
        return result if isinstance(result, int) else 0


@contextmanager
def leaving_nobody() -> Iterator[None]:
    """End whoever is left of what was started, at the end of a command."""
    try:
        yield
    finally:
        end_orphans(unmarked=True)


def _exit_code(ended: SystemExit) -> int:
    """Return the code with which a command ends, once all that it said is out."""
    try:
        _flush()
    except BrokenPipeError:
        return _end("", INCONCLUSIVE)
    except OSError as error:
        return _end(f"tornproof: {_what_failed(error)}: there is no verdict", FAULT)
    return ended.code if isinstance(ended.code, int) else 0


def _prepare_output() -> None:
    """Write what the terminal's encoding does not have as escapes, and never fail for it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # something else stands in, or it is closed
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _require_surroundings() -> None:
    try:
        Path.cwd()
    except OSError:
        raise click.UsageError("the working directory is gone: change into another") from None
    if sys.flags.optimize >= OPTIMIZED:
        raise click.UsageError(
            "Python runs without docstrings (-OO or PYTHONOPTIMIZE=2), which say what checks "
            "look at: unset it"
        )


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def _end(message: str, code: int) -> int:
    """Say why there is no more, if anybody can be told, and return the exit code."""
    _let_go_of(sys.stdout)
    with suppress(OSError, ValueError):
        if message:
            click.echo(printable_lines(message), err=True)
    return code


def _let_go_of(stream: Any) -> None:
    """Throw away what could not be written: at its end Python would try again, and fail."""
    try:
        stream.flush()
    except (OSError, ValueError, AttributeError):
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _what_failed(error: OSError) -> str:
    """Say what the machine could not do: mostly, write what there is to say."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        return printable(f"{os.fsdecode(error.filename)}: {reason}")
    if error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EBADF):
        return printable(f"cannot write the output: {reason}")
    return printable(reason)


def _report(error: BaseException) -> str:
    """Write the traceback to a file, and say in a line what happened and what to do."""
    what = printable(f"{type(error).__name__}: {error}"[:200])
    try:
        descriptor, path = tempfile.mkstemp(prefix="tornproof-fault-", suffix=".log")
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as log:  # noqa: PTH123
            log.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {sys.argv!r}\n")
            traceback.print_exception(error, file=log)
        kept = f"the traceback is in {path}"
    except OSError:
        kept = "the traceback could not be kept"
    return f"a fault of the suite itself ({what}), no verdict; {kept}: report it with the command"
