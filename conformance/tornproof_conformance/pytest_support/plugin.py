"""
Connect tests with the requirements that they test.

    @requirement("REC-1", "REC-7")
    def test_cuts_a_torn_tail() -> None: ...

An id that no chapter states fails the collection of the module that names it.
`pytest --requirements` ends with a table: for each requirement, how many tests
passed and how many failed.

`pytest --tornproof-adapter "COMMAND"` collects, besides whatever else it is told
to, a test for each thing that an adapter is judged by; `-m tornproof` selects them.

pytest loads this plugin before it measures coverage, so nothing of ours is
imported until the first test asks for it.
"""

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

MARKER = "requirement"


def requirement(*identifiers: str) -> pytest.MarkDecorator:
    """
    Mark a test, or a class or parameter of tests, with the requirements it looks at.

    Raises `UnknownRequirement` for an id that no chapter states.
    """
    from tornproof_conformance.specification import requirements

    for identifier in identifiers:
        requirements.requirement(identifier)
    return pytest.mark.requirement(*identifiers)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--requirements` and what it takes to judge an adapter."""
    group = parser.getgroup("tornproof")
    group.addoption(
        "--requirements",
        action="store_true",
        help="end with a table of requirements and the tests that look at them",
    )
    group.addoption(
        "--tornproof-adapter",
        metavar="COMMAND",
        help="collect a test for each thing that this adapter is judged by",
    )
    group.addoption(
        "--tornproof-budget",
        metavar="SECONDS",
        type=int,
        default=60,
        help="about how long all of them together may take (default: 60)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line(
        "markers", f"{MARKER}(*identifiers): the test looks at these requirements of spec/*.md"
    )
    config.addinivalue_line("markers", "tornproof: the test judges an adapter")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests of `--tornproof-adapter`, before others select among them."""
    command = config.getoption("tornproof_adapter")
    if not command:
        return
    from tornproof_conformance.pytest_support.adapter_tests import collect_adapter

    collected = collect_adapter(session, command, config.getoption("tornproof_budget"))
    for item in collected:
        session.ihook.pytest_itemcollected(item=item)
    items.extend(collected)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Put the ids into the report, which also carries them between processes and into JUnit."""
    for mark in item.iter_markers(MARKER):
        item.user_properties.extend((MARKER, identifier) for identifier in mark.args)


def pytest_terminal_summary(terminalreporter: "TerminalReporter", config: pytest.Config) -> None:
    """Print the table of `--requirements`."""
    if not config.getoption("requirements"):
        return
    from tornproof_conformance.specification.requirements import requirements

    passed = _count(terminalreporter.stats.get("passed", []))
    failed = _count(
        [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]
    )
    terminalreporter.section("requirements")
    terminalreporter.write_line("id       passed  failed  sentence")
    width = max(20, config.get_terminal_writer().fullwidth - 26)
    for stated in requirements().values():
        right, wrong = passed[stated.id], failed[stated.id]
        colour = "red" if wrong else "green" if right else "yellow"
        sentence = _shortened(stated.sentence, width)
        terminalreporter.write_line(
            f"{stated.id:8} {right:6}  {wrong:6}  {sentence}", **{colour: True}
        )


def _count(reports: list[pytest.TestReport]) -> Counter[str]:
    """Count the tests of each id, each test once."""
    tests = {
        (report.nodeid, identifier)
        for report in reports
        for name, identifier in getattr(report, "user_properties", ())
        if name == MARKER
    }
    return Counter(str(identifier) for _, identifier in tests)


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
