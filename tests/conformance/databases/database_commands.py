"""Run commands on a database with a chain and dead letters."""

import sqlite3
from contextlib import closing
from pathlib import Path

import click
from click.testing import CliRunner, Result
from tornproof.drainer import Bash, Event, Refuse
from tornproof_conformance.cli import Tornproof
from tornproof_conformance.commands import chain, dlq


@click.group(cls=Tornproof)
def main() -> None:
    """The two commands, as they are mounted."""


main.add_command(chain.command)
main.add_command(dlq.command)


def run(*arguments: object, answer: str | None = None) -> Result:
    """Run a command as an operator would; a traceback is a failure of every test."""
    result = CliRunner().invoke(main, [str(each) for each in arguments], input=answer)
    assert isinstance(result.exception, SystemExit | type(None)), result.exception
    assert "Traceback" not in result.output
    return result


def edit(path: Path, statement: str, *parameters: object) -> None:
    """Write to the database as somebody else might."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, parameters)


def rows(path: Path, table: str) -> int:
    """Count the rows of a table."""
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)


def event(number: int) -> Event:
    """Make an event with an id of its own."""
    decision = Refuse("R1", "because")
    return Event("agent", Bash(f"rm {number}"), decision, number, event_id=f"e{number}")
