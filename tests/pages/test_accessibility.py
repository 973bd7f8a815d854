"""
Pages in a real browser: nothing that axe calls serious, and nothing wider than a phone.

They need Chromium, so they are run by `make pages` and not by `make test`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, sync_playwright
from tornproof_conformance.cli import main
from tornproof_conformance.report.page import render_page

from tests.conformance.report_runs import FAILING, PASSING, record_of

REPORTS = {"passing": PASSING, "failing": FAILING}

SERIOUS = ("serious", "critical")

PHONE, WIDE = 390, 1200
"""Columns of pixels."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page in either colour scheme."""
    context = browser.new_context(color_scheme=request.param, bypass_csp=True)
    yield context.new_page()
    context.close()


def serious(page: Page, *rules: str) -> list[str]:
    """Let axe look at a page, by all rules or by some; return what is serious, with the element."""
    options = {"runOnly": list(rules)} if rules else None
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_reports_are_accessible(page: Page, tmp_path: Path, name: str, width: int) -> None:
    """With everything unfolded, axe finds nothing serious, and nothing is cut off."""
    path = tmp_path / "report.html"
    path.write_text(render_page(record_of(REPORTS[name])), encoding="utf-8")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path.as_uri())
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_picture_of_barriers_is_accessible(page: Page, tmp_path: Path) -> None:
    """On a phone its table scrolls by itself, and its shades can be read."""
    path = tmp_path / "heat.html"
    program = ["--program", "append:5", "--html", str(path)]
    CliRunner().invoke(main, ["barriers", "--miniature", "acknowledged-before-fsync", *program])
    page.set_viewport_size({"width": PHONE, "height": 900})
    page.goto(path.as_uri())
    assert page.locator(".shade-5").count() > 0
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_a_link_to_a_folded_finding_unfolds_it(page: Page, tmp_path: Path) -> None:
    """A cell of the strip leads to the finding, and opens it."""
    path = tmp_path / "report.html"
    path.write_text(render_page(record_of(FAILING)), encoding="utf-8")
    page.goto(path.as_uri())
    last = page.locator("details.violation").last
    assert last.get_attribute("open") is None
    page.locator(f".strip a[href='#{last.get_attribute('id')}']").click()
    page.wait_for_timeout(100)
    assert last.get_attribute("open") is not None
