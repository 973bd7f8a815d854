"""
`tornproof certify` and `tornproof verify-certificate`: a verdict that others can check.
"""

import json
from pathlib import Path
from typing import Any

import click
from tornproof.errors import Invalid
from tornproof_models.certificates.certificate import certify as certify_trace
from tornproof_models.certificates.certificate import (
    encode_certificate,
    without_records,
    write_outcome,
)
from tornproof_models.certificates.checker.check_certificate import Recovery, check_certificate
from tornproof_models.crash.access_log import WatchedFilesystem
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CLAIMED
from tornproof_models.disk.trace import Event, Image
from tornproof_models.disk.trace_file import load_trace

from tornproof_conformance.cases.programs import SYNTAX, parse_program
from tornproof_conformance.commands.options import (
    durability_option,
    segment_bytes_option,
    subject_option,
)
from tornproof_conformance.stream.exit_codes import CONFORMS, DOES_NOT_CONFORM
from tornproof_conformance.subjects.reference import find_subject


@click.command("certify")
@subject_option("judge")
@click.option(
    "--program",
    default="append:5 append:600 reopen append:5",
    show_default=True,
    help=f"What to run; its steps: {SYNTAX}.",
)
@click.option(
    "--trace",
    "trace_path",
    type=click.Path(path_type=Path),
    help="Crash this trace, a file, instead of running a program.",
)
@click.option(
    "--crash_model",
    default="adversarial",
    show_default=True,
    type=click.Choice(CLAIMED),
    help="What a crash may do.",
)
@durability_option("When an append is promised to last.")
@segment_bytes_option(4096, "The size of a segment.")
@click.option(
    "--crashes",
    default=2,
    show_default=True,
    type=click.IntRange(1, 2),
    help="How many in a row: the second strikes the recovery from the first.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the certificate.",
)
def certify(
    name: str,
    program: str,
    trace_path: Path | None,
    crash_model: str,
    durability: str,
    segment_bytes: int,
    crashes: int,
    output: Path,
) -> None:
    """
    Crash a program everywhere, and write down what that rests on.

    The certificate holds the trace, the number of images at each crash point, the parts
    into which they fall, and what recovery does with each; and the same again for each
    distinct recovery. Exit code 1 means that a promise is broken; the certificate then
    says where.
    """
    subject, options = find_subject(name), Options(segment_bytes, durability)
    if trace_path is not None:
        trace = load_trace(trace_path)
    else:
        trace = run(parse_program(program), subject, options).filesystem.trace
    document, findings = certify_trace(subject, options, trace, crash_model, crashes=crashes)
    try:
        output.write_bytes(encode_certificate(document))
    except OSError as error:
        raise Invalid(f"cannot write {output}: {error.strerror}") from None
    points = len(document["crash_points"])
    points += sum(len(each.get("crash_points", ())) for each in document["endings"])
    click.echo(
        f"{output}: {int(document['images']):,} images at {points:,} crash points in "
        f"{crash_model}, {'two crashes' if crashes == 2 else 'one crash'} deep, decided in "
        f"{document['parts']:,} parts by {document['ran']:,} recoveries"
    )
    for finding in findings:
        click.echo(f"✗ {finding.violation.requirement} {finding.violation.message}")
    raise SystemExit(DOES_NOT_CONFORM if findings else CONFORMS)


@click.command("verify-certificate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--recover",
    "again",
    is_flag=True,
    help="Recover two images of each part again, and compare what comes back.",
)
def verify_certificate(file: Path, again: bool) -> None:
    """Check the certificate in FILE by code that shares nothing with what wrote it."""
    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{file} is not a certificate, or cut short: {error}") from None
    try:
        checked = check_certificate(document, _recovery(document) if again else None)
    except Invalid as error:
        raise Invalid(f"{file}: {error}") from None
    if checked.refutation:
        click.echo(f"REFUTED {checked.refutation}")
        raise SystemExit(DOES_NOT_CONFORM)
    recovered = f"; {checked.recovered:,} images recovered again" if again else ""
    click.echo(
        f"VALID {checked.images:,} images at {checked.crash_points:,} crash points, in "
        f"{checked.parts:,} parts{recovered}"
    )


def _recovery(document: Any) -> Recovery:
    """Return how the certificate's target recovers an image.  Raises `Invalid`."""
    try:
        subject, options = find_subject(document["target"]), Options(**document["options"])
    except (KeyError, TypeError) as error:
        raise Invalid(f"no target, or no options: {error}") from None

    def recovery(image: Image) -> tuple[dict[str, Any], list[Event]]:
        disk = WatchedFilesystem(image, document["sector_bytes"])
        recovered = recover(subject, options, disk)
        return write_outcome(recovered.outcome), list(without_records(disk.events))

    return recovery
