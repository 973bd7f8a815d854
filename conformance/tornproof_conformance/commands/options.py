"""
Options that several commands share.
"""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias

import click
from tornproof_models.disk.crash_models import CLAIMED, CRASH_MODELS

from tornproof_conformance.adapter.speaking.session import TIMEOUT
from tornproof_conformance.commands.completing import complete_miniatures
from tornproof_conformance.commands.one_of import OneOf
from tornproof_conformance.commands.writable import Writable

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def subject_option(purpose: str) -> Decorator:
    """Give a command the name of a miniature, as `name`; without it the reference is judged."""
    return click.option(
        "--miniature",
        "name",
        default="reference",
        show_default=True,
        shell_complete=complete_miniatures,
        help=f"What to {purpose}: the reference, or a miniature (an implementation with a bug).",
    )


def durability_option(help_text: str) -> Decorator:
    """Give a command the durability with which a program's journal is opened."""
    return click.option(
        "--durability",
        default="immediate",
        show_default=True,
        type=OneOf(["immediate", "eventual"]),
        help=help_text,
    )


def segment_bytes_option(default: int, help_text: str) -> Decorator:
    """Give a command the size of a segment in a program's journal."""
    return click.option(
        "--segment-bytes",
        default=default,
        show_default=True,
        type=click.IntRange(1),
        help=help_text,
    )


def _from_mild_to_harsh(
    _context: click.Context, _parameter: click.Parameter, names: tuple[str, ...]
) -> tuple[str, ...]:
    """Order the crash models that were named, each once; without any take the default set."""
    return tuple(name for name in CRASH_MODELS if name in names) or CLAIMED


crash_model_option = click.option(
    "--crash-model",
    "crash_models",
    multiple=True,
    metavar="NAME",
    type=OneOf(CRASH_MODELS),
    callback=_from_mild_to_harsh,
    help=f"Crash in this crash model instead of {', '.join(CLAIMED)}; may be given more than "
    "once.  `tornproof explain` describes each by name.",
)

budget_option = click.option(
    "--budget",
    "seconds",
    default=60,
    show_default=True,
    type=click.IntRange(1),
    help="Seconds for the whole run.",
)

seed_option = click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Seed of the random programs for an adapter.",
)


def jobs_option(help_text: str) -> Decorator:
    """Give a command a number of jobs: as many as there are processors, if nobody says else."""
    return click.option(
        "--jobs",
        default=os.cpu_count() or 1,
        show_default="the number of processors",
        type=click.IntRange(1),
        help=help_text,
    )


timeout_option = click.option(
    "--timeout",
    default=TIMEOUT,
    show_default=True,
    type=click.FloatRange(0.01),
    help="Seconds within which an adapter must reply.",
)

reproducers_option = click.option(
    "--reproducers",
    default=Path(".tornproof"),
    show_default=True,
    type=Writable(directory=True),
    help="Where to save reproducers, for `tornproof replay`.",
)

verbosity_options = (
    click.option(
        "-q",
        "--quiet",
        "verbosity",
        flag_value=-1,
        type=int,
        help="Print findings and the result alone.",
    ),
    click.option(
        "-v",
        "--verbose",
        "verbosity",
        flag_value=1,
        type=int,
        help="Tell each violation step by step, and print every verdict.",
    ),
)


def verbosity_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `-q` and `-v`, as `verbosity`: -1, 0 or 1."""

    @wraps(command)
    def with_verbosity(**options: Any) -> Any:
        return command(**{**options, "verbosity": options["verbosity"] or 0})

    for option in verbosity_options:
        with_verbosity = option(with_verbosity)
    return with_verbosity


events_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the events, one JSON object a line."
)
