"""
`tornproof recover`: run the reference's recovery on a real journal.
"""

import click
from attrs import asdict
from tornproof.errors import Corrupt
from tornproof.filesystem import OsFilesystem
from tornproof.journal import RecoveryReport, SalvageReport, salvage
from tornproof.journal import recover as recover_journal
from tornproof.journal.recovery import require_directory
from tornproof.journal.segments import segment_bases, segment_name, temporary_names
from tornproof.journal.watermark import WATERMARK_NAME

from tornproof_conformance.report.printable import say, to_json


@click.command("recover")
@click.argument("directory", type=click.Path())
@click.option(
    "--dry-run", is_flag=True, help="Print what recovery would do, without changing anything."
)
@click.option(
    "--salvage-to",
    metavar="NEW",
    type=click.Path(),
    help="Copy all readable records to a new journal, without changing DIRECTORY.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def command(directory: str, dry_run: bool, salvage_to: str | None, as_json: bool) -> None:
    """
    Recover the journal in DIRECTORY: remove a torn tail, make the rest durable.

    Damage to acknowledged records is an error that changes nothing.  Exit codes: 0
    recovered, or all of it salvaged; 1 damaged, or salvaged with holes; 2 it cannot be
    read or written.
    """
    if dry_run and salvage_to is not None:
        raise click.UsageError("--dry-run and --salvage-to exclude each other")
    if salvage_to is not None:
        salvaged = salvage(directory, salvage_to)
        _show(salvaged, describe_salvage(salvaged), as_json=as_json)
        raise SystemExit(1 if salvaged.holes else 0)
    if not is_journal(directory):
        words = f"{directory} holds no segments: an empty journal, or none; nothing was done"
        say("null" if as_json else words)
        return
    try:
        report = recover_journal(directory, dry_run=dry_run)
    except Corrupt as error:
        say(f"tornproof: {error}", error=True)
        hint = f"`tornproof recover {directory} --salvage-to NEW` copies what can be read"
        say(hint, error=True)
        raise SystemExit(1) from None
    _show(report, describe_report(report, dry_run=dry_run), as_json=as_json)


def _show(report: RecoveryReport | SalvageReport, lines: list[str], *, as_json: bool) -> None:
    text = to_json(asdict(report), indent=2) if as_json else "\n".join(lines)
    say(text)


def is_journal(directory: str) -> bool:
    """Tell whether there is anything that recovery could be about, before it takes the lock."""
    names = require_directory(OsFilesystem(), directory)
    return bool(segment_bases(names) or temporary_names(names) or WATERMARK_NAME in names)


def describe_report(report: RecoveryReport, *, dry_run: bool) -> list[str]:
    """Say in a few lines what was, or would be, kept, cut and removed."""
    kept = "would keep" if dry_run else "kept"
    lines = [
        f"{kept} {count(report.records, 'record')} in {count(len(report.segments), 'segment')}: "
        f"offsets {report.first} to {report.end}"
    ]
    if report.cut:
        cut = "would cut" if dry_run else "cut"
        last = segment_name(report.segments[-1].base)
        lines.append(
            f"{cut} {report.cut.bytes} bytes at offset {report.cut.offset} ({last}): "
            f"{report.cut.damage.value}"
        )
    for name in report.temporary:
        lines.append(f"{'would remove' if dry_run else 'removed'} {name}, an unfinished file")
    if not report.cut and not report.temporary:
        lines.append("nothing to cut")
    return lines


def describe_salvage(report: SalvageReport) -> list[str]:
    """Say what was saved, and list the holes."""
    lines = [f"copied {count(report.records, 'record')} to {report.target}"]
    for hole in report.holes:
        lines.append(
            f"hole: offsets {hole.start} to {hole.end} ({hole.end - hole.start} bytes): "
            f"{hole.reason}"
        )
    for old, new in report.moved:
        lines.append(f"from old offset {old} on, records begin at new offset {new}")
    if not report.holes:
        lines.append("no holes: nothing was missing or damaged")
    return lines


def count(number: int, noun: str) -> str:
    """Say a number of things in the singular or plural."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
