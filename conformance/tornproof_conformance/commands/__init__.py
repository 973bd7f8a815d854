"""
The commands of the command line, one module each, and the table of them.

Some commands need everything that the suite has, and some next to nothing: who looks
into a journal should not wait for what judges one.  So the module of a command is
imported when the command is asked for, and the table says what a list of all commands
has to say.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

import click
from attrs import frozen


@frozen
class Listed:
    """A command that has not been imported."""

    place: str
    """Its module in this package; and after a colon its name there, if that is not `command`."""

    summary: str
    """What the first paragraph of its help says."""


TABLE: Mapping[str, Listed] = {
    "audit": Listed(
        "audit", "Query the audit index in PATH: the latest entries, those of an agent, or one."
    ),
    "barriers": Listed(
        "barriers", "Remove each fsync of a program in turn, and report which ones are needed."
    ),
    "campaign": Listed(
        "campaign", "Explore all programs of up to N operations, in resumable shards."
    ),
    "certify": Listed(
        "certificates:certify",
        "Explore all crashes of a program, and write the result as a certificate.",
    ),
    "chain": Listed(
        "chain", "Verify a chain of signed events, print its head, or migrate an old chain."
    ),
    "check": Listed(
        "check", "Judge an implementation: run the checks and print a verdict for each requirement."
    ),
    "crash": Listed("crash", "Crash a workload everywhere, and run a check on what is left."),
    "diff": Listed("diff", "Compare two runs by their files of events, BEFORE and AFTER."),
    "dlq": Listed("dlq", "List dead letters, and replay them."),
    "explain": Listed(
        "explain",
        "Explain a requirement such as REC-2, a claim, a crash model, a check or a miniature.",
    ),
    "explore": Listed(
        "explore", "Count the images that a crash may leave of a trace, in each crash model."
    ),
    "fuzz": Listed("fuzz", "Search for violations with random programs until the time is up."),
    "init": Listed(
        "init",
        "Write an adapter to fill in, its settings and a workflow into DIRECTORY (default: here).",
    ),
    "inspect": Listed(
        "inspect", "Show the journal in DIRECTORY and any damage, without changing it."
    ),
    "list": Listed(
        "listing",
        "List requirements, checks, scenarios, claims, crash models, miniatures or variants.",
    ),
    "matrix": Listed("matrix", "Show the runs of several files of EVENTS side by side."),
    "record": Listed("record", "Run a command and record its file operations as a trace."),
    "recover": Listed(
        "recover", "Recover the journal in DIRECTORY: remove a torn tail, make the rest durable."
    ),
    "replay": Listed(
        "replay", "Run a reproducer again and print FAILED, FIXED, NOT REACHED or ERROR."
    ),
    "report": Listed(
        "report", "Report on a run from its file of EVENTS, in the terminal and as files."
    ),
    "survey": Listed("survey", "List the surveyed software, or test entries by NAME."),
    "trend": Listed(
        "trend",
        "Draw requirements held and work done over several files of EVENTS, the oldest first.",
    ),
    "vectors": Listed("vectors", "Lint or extend the frozen test vectors."),
    "verify-certificate": Listed(
        "certificates:verify_certificate",
        "Check the certificate in FILE with code that is independent of the writer's.",
    ),
}
"""Every command by name."""


@cache
def load(name: str) -> click.Command:
    """Import a command.  Raises `KeyError` if there is none of this name."""
    module, _, attribute = TABLE[name].place.partition(":")
    imported = import_module(f"{__name__}.{module}")
    command: click.Command = getattr(imported, attribute or "command")
    return command


class Commands(Mapping[str, click.Command]):
    """Every command by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        return load(name)

    def __contains__(self, name: object) -> bool:
        return name in TABLE

    def __iter__(self) -> Iterator[str]:
        return iter(TABLE)

    def __len__(self) -> int:
        return len(TABLE)
