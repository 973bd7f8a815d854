"""
The command line.

Each command is a few lines: read the arguments, call the library, show what
comes back.  Mistakes of the user end with one line and exit code 2; the exit
codes of a verdict are those of the adapter protocol.
"""

import sys
from collections.abc import MutableMapping
from functools import partial
from typing import Any, cast

import click
from tornproof.errors import TornproofError

from tornproof_conformance.adapter.speaking.diagnosis import Diagnosis
from tornproof_conformance.commands import TABLE, Commands
from tornproof_conformance.lifetime.guard import run_guarded
from tornproof_conformance.report.printable import say
from tornproof_conformance.stream.exit_codes import (
    BROKEN_ADAPTER,
    DOES_NOT_CONFORM,
    INCONCLUSIVE,
    USAGE,
)

EXIT_CODES = {"corrupt": DOES_NOT_CONFORM, "untraceable": INCONCLUSIVE}
"""Those of errors that are no mistake of the user."""


class Tornproof(click.Group):
    """Turns typed errors into one line and exit code 2, and faults into one and 5."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **settings: Any) -> Any:
        """Run the command line, to its end with an exit code unless somebody else sees to it."""
        run = partial(super().main, *arguments, standalone_mode=False, **settings)
        if not standalone_mode:
            return run()
        sys.exit(run_guarded(run))

    def invoke(self, context: click.Context) -> Any:
        """Run a command; a refusal is no traceback."""
        try:
            return super().invoke(context)
        except Diagnosis as broken:
            say(f"tornproof: {broken.explain()}", error=True)
            context.exit(BROKEN_ADAPTER)
        except TornproofError as error:
            say(f"tornproof: {error}", error=True)
            context.exit(EXIT_CODES.get(error.code, USAGE))
        except BrokenPipeError:  # nobody reads the output any more, and click would say 1
            raise SystemExit(INCONCLUSIVE) from None


class CommandLine(Tornproof):
    """Every command of the suite, of which a run imports one."""

    def __init__(self, **settings: Any) -> None:
        # nothing is ever added to them
        commands = cast("MutableMapping[str, click.Command]", Commands())
        super().__init__(commands=commands, **settings)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands by what the table says of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.summary) for name, listed in TABLE.items()])


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tornproof")
def main() -> None:
    """
    Judge software that must not lose what it acknowledged.

    Exit codes: 0 conforms, 1 does not, 2 usage, 3 the adapter is broken,
    4 inconclusive, 5 a fault of the suite itself.
    """


if __name__ == "__main__":
    sys.exit(main())
