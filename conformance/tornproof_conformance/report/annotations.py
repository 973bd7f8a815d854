"""
Print violations as annotations of a GitHub workflow, so that a change shows them.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions has the form:
`%`, line ends and, within properties, `:` and `,` are written as `%25`, `%0A`, `%3A`, `%2C`.
"""

from collections.abc import Iterable, Iterator

from tornproof_conformance.report.printable import say
from tornproof_conformance.specification.requirements import Level, requirement
from tornproof_conformance.stream.run_events import Diagnosed, RunEvent, ViolationFound


def annotate(stream: Iterable[RunEvent], file: str = "") -> Iterator[RunEvent]:
    """
    Pass a run on; print an annotation for each violation when all is known, and for a diagnosis.

    It stands at `file`, or where that is empty at the reproducer.
    """
    found: dict[tuple[str, str, str], ViolationFound] = {}
    for event in stream:
        if isinstance(event, ViolationFound):
            found[event.requirement, event.phase, event.symptom] = event
        elif isinstance(event, Diagnosed):
            say(annotation("error", file, f"the adapter is broken: {event.kind}", event.message))
        yield event
    for each in found.values():
        level = "error" if requirement(each.requirement).level is Level.MUST else "warning"
        message = f"{each.sentence}\n{each.message}\nreplay: {each.reproducer}"
        say(
            annotation(
                level,
                file or each.reproducer,
                f"{each.requirement} is violated, {each.phase}",
                message,
            )
        )


def annotation(level: str, file: str, title: str, message: str) -> str:
    """Write one annotation; `file` may be empty."""
    properties = {"file": file, "title": title}
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{level} {told}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
