"""
`tornproof certify` and `tornproof verify-certificate`: write and check certificates.
"""

from pathlib import Path
from typing import Any, NoReturn

import click
from tornproof.errors import Invalid
from tornproof_models.certificates.certificate import certify as certify_trace
from tornproof_models.certificates.certificate import (
    encode_certificate,
    rules_of,
    without_records,
    write_outcome,
)
from tornproof_models.certificates.checker.check_certificate import check_certificate
from tornproof_models.certificates.checker.form import require_form, require_same_rules
from tornproof_models.crash.access_log import WatchedFilesystem
from tornproof_models.crash.findings import count_words
from tornproof_models.crash.recovery import recover
from tornproof_models.crash.run import run
from tornproof_models.crash.subject import Options
from tornproof_models.disk.crash_models import CRASH_MODELS
from tornproof_models.disk.measurements import describe_measurement
from tornproof_models.disk.trace import Event, Image, Trace
from tornproof_models.disk.trace_file import load_trace
from tornproof_models.documents.files import read_json
from tornproof_models.documents.values import Members
from tornproof_models.documents.words import shown

from tornproof_conformance.cases.programs import SYNTAX, parse_program
from tornproof_conformance.commands.one_of import OneOf
from tornproof_conformance.commands.options import (
    durability_option,
    segment_bytes_option,
    subject_option,
)
from tornproof_conformance.commands.writable import Writable
from tornproof_conformance.report.printable import say
from tornproof_conformance.stream.exit_codes import CONFORMS, DOES_NOT_CONFORM
from tornproof_conformance.stream.versions import current_versions
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
    "--crash-model",
    default="adversarial",
    show_default=True,
    type=OneOf(name for name in CRASH_MODELS if name != "recycled-blocks"),
    help="What a crash may do.",
)
@durability_option("When an append is acknowledged as durable.")
@segment_bytes_option(4096, "The size of a segment.")
@click.option(
    "--crashes",
    default=2,
    show_default=True,
    type=click.IntRange(1, 2),
    help="How many crashes in a row; the second happens during the recovery from the first.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=Writable(),
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
    Explore all crashes of a program, and write the result as a certificate.

    The certificate holds the trace, the number of images at each crash point, the parts
    into which they fall, and what recovery does with each; and the same again for each
    distinct recovery. Exit code 1 means that a requirement is violated; the certificate
    says where.
    """
    subject, options = find_subject(name), Options(segment_bytes, durability)
    if trace_path is not None:
        trace, program = load_trace(trace_path), ""
    else:
        program = " ".join(program.split())
        trace = run(parse_program(program), subject, options).filesystem.trace
    document, findings, coverage = certify_trace(
        subject,
        options,
        trace,
        crash_model,
        crashes=crashes,
        program=program,
        versions=_versions(),
    )
    try:
        output.write_bytes(encode_certificate(document))
    except OSError as error:
        raise Invalid(f"cannot write {output}: {error.strerror}") from None
    points = len(document["crash_points"])
    points += sum(len(each.get("crash_points", ())) for each in document["endings"])
    say(
        f"{shown(output)}: {count_words(coverage.images)} images at {points:,} crash points in "
        f"{crash_model}, {'two crashes' if crashes == 2 else 'one crash'} deep, decided in "
        f"{coverage.parts:,} parts by {coverage.recovered:,} recoveries"
    )
    say(f"{crash_model} {describe_measurement(crash_model)}")
    for finding in findings:
        say(f"✗ {finding.violation.requirement} {finding.violation.message}")
    raise SystemExit(DOES_NOT_CONFORM if findings else CONFORMS)


@click.command("verify-certificate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--recover",
    "again",
    is_flag=True,
    help="Run the program again, and recover two images of each part; compare what is seen.",
)
def verify_certificate(file: Path, again: bool) -> None:
    """
    Check the certificate in FILE with code that is independent of the writer's.

    Exit code 0: VALID; the output says what was not checked. 1: REFUTED. 2: FILE is no
    certificate, or of another version.
    """
    document = read_json(file, "certificate")
    fields = require_form(document, shown(file))
    other = require_same_rules(fields, _versions(), rules_of(document["crash_model"]))
    if other:
        _refute(f"the rule {shown(other)} is not that of {document['crash_model']}")
    rerun = Rerun(fields) if again else None
    checked = check_certificate(
        document,
        rerun.recover if rerun else None,
        again=rerun.run() if rerun else None,
        file=shown(file),
    )
    if checked.refutation:
        _refute(checked.refutation)
    recovered = f"; {checked.recovered:,} images recovered again" if again else ""
    say(
        f"VALID {count_words(checked.images)} images at {checked.crash_points:,} crash points, in "
        f"{checked.parts:,} parts{recovered}"
    )
    crash_model = document["crash_model"]
    say(f"{crash_model} {describe_measurement(crash_model)}")
    name, program = shown(document["subject"]), document["program"]
    if rerun is None:
        say(
            f"not checked: that {name} does on the disk what the trace says, and that it recovers "
            "as the endings say; --recover checks both"
        )
    elif not program:
        say(f"not checked: that the trace is of {name}; the certificate holds no program to run")


def _refute(reason: str) -> NoReturn:
    say(f"REFUTED {reason}")
    raise SystemExit(DOES_NOT_CONFORM)


def _versions() -> dict[str, str]:
    """Return the versions on which a certificate depends."""
    versions = current_versions()
    return {"suite": versions.suite, "specification": versions.specification}


class Rerun:
    """What a certificate is about, to be run once more."""

    def __init__(self, fields: Members) -> None:
        """Raise `Invalid` if there is no such subject or program here."""
        self._subject = find_subject(fields["subject"].text())
        self._options = Options(**fields["options"].data)
        self._program = parse_program(fields["program"].text())
        self._sector_bytes = fields["sector_bytes"].integer()

    def run(self) -> Trace | None:
        """Run the program, and return what it does on the disk; nothing if there is none."""
        if not self._program:
            return None
        return run(self._program, self._subject, self._options).filesystem.trace

    def recover(self, image: Image) -> tuple[dict[str, Any], list[Event]]:
        """Recover an image."""
        disk = WatchedFilesystem(image, self._sector_bytes)
        recovered = recover(self._subject, self._options, disk)
        return write_outcome(recovered.outcome), list(without_records(disk.events))
