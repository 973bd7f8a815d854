"""
Prove what can be proved: `python -m tests.prove`.

CrossHair runs the contracts of `tests/proofs` on symbols instead of numbers and
asks a solver for arguments that break them.  It ends in one of three ways.  A
contract is *confirmed* if every path through the code has been looked at and the
solver has shown that none breaks it; it is *not refuted* if time ran out, or if
the code does something that cannot be done with symbols, such as a checksum in
C, before anything was found; and it is *refuted* by an example.

`--write` puts the outcome into `spec/proofs.md`.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from attrs import frozen
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / "tests" / "proofs"
PAGE = ROOT / "spec" / "proofs.md"
SECONDS = 5
"""
Of computing, for each contract at most: 5.

What is confirmed is confirmed in less, and what is not would not be in a minute either;
all contracts together stay below three.  It is computing that is counted, so who else is
busy changes nothing in a verdict.
"""

CONFIRMED, NOT_REFUTED, REFUTED = "confirmed", "not refuted", "refuted"
_VERDICTS = {"Confirmed over all paths.": CONFIRMED, "Not confirmed.": NOT_REFUTED}
_LINE = re.compile(r"(?P<path>.+):(?P<line>\d+): (?:info|error): (?P<message>.*)")


@frozen
class Contract:
    """A function of `tests/proofs` that states something and asserts it."""

    name: str
    sentence: str
    path: Path
    first: int
    last: int
    """Its lines in the file, both inclusive."""


def contracts() -> list[Contract]:
    """Find the contracts: the functions that return nothing."""
    return [each for path in sorted(CONTRACTS.glob("*.py")) for each in _contracts_in(path)]


def _contracts_in(path: Path) -> Iterator[Contract]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Constant):
            sentence = (ast.get_docstring(node) or "").partition("\n")[0]
            last = node.end_lineno or node.lineno
            yield Contract(node.name, sentence, path, node.lineno, last)


def prove(stated: list[Contract]) -> dict[Contract, str]:
    """
    Let CrossHair try to refute every contract; return what came of each.

    A contract of which CrossHair says nothing counts as refuted: nothing that
    meets its assumptions was found.
    """
    command = [sys.executable, "-m", "crosshair", "check", "--report_all"]
    command += ["--analysis_kind=asserts", f"--per_condition_timeout={SECONDS}", str(CONTRACTS)]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if outcome.returncode not in (0, 1):
        raise click.ClickException(outcome.stderr or outcome.stdout)
    verdicts = dict.fromkeys(stated, f"{REFUTED}: no arguments meet its assumptions")
    for line in outcome.stdout.splitlines():
        if match := _LINE.fullmatch(line):
            path, number, message = Path(match["path"]), int(match["line"]), match["message"]
            for contract in stated:
                if contract.path == path and contract.first <= number <= contract.last:
                    verdicts[contract] = _VERDICTS.get(message, f"{REFUTED}: {message}")
    return verdicts


def rows(verdicts: Mapping[Contract, str]) -> str:
    """Return the outcome as the rows of a Markdown table."""
    return "".join(
        f"| `{contract.path.stem}` | {contract.sentence} | {verdict} |\n"
        for contract, verdict in verdicts.items()
    )


def write(verdicts: Mapping[Contract, str]) -> None:
    """Replace the rows of the page's table."""
    text = PAGE.read_text(encoding="utf-8")
    head, rule, rest = text.partition("|---|---|---|\n")
    after = re.sub(r"\A(?:\|.*\n)*", "", rest)
    PAGE.write_text(head + rule + rows(verdicts) + after, encoding="utf-8")


@click.command()
@click.option("--write", "into_page", is_flag=True, help="put the outcome into spec/proofs.md")
def main(*, into_page: bool) -> None:
    """Try to refute every contract, and print what came of it."""
    verdicts = prove(contracts())
    table = Table("contract", "sentence", "verdict")
    for contract, verdict in verdicts.items():
        table.add_row(contract.path.stem, contract.sentence, verdict)
    console = Console()
    console.print(table)
    counts = [
        f"{sum(verdict.startswith(kind) for verdict in verdicts.values())} {kind}"
        for kind in (CONFIRMED, NOT_REFUTED, REFUTED)
    ]
    console.print(", ".join(counts))
    if into_page:
        write(verdicts)
    if any(verdict.startswith(REFUTED) for verdict in verdicts.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
