"""
Every chapter of the site in a real browser, and some pages of modules: `make pages-site`.

It takes some minutes, so `make pages` leaves it out.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.pages.test_accessibility import PHONE, WIDE, browser, serious

__all__ = ["browser"]

SITE = Path(__file__).parents[2] / "build" / "site"

CODE = 25
"""Of the pages of modules, which come from one template, one in so many is looked at."""

PAGES = [*sorted(SITE.glob("*.html")), *sorted(SITE.glob("reference/*.html"))[::CODE]]


def test_the_site_was_built() -> None:
    """`make docs` comes before `make pages`."""
    assert len(PAGES) > 30, "build the site first: make docs"


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_the_site_is_accessible(browser: Browser, path: Path) -> None:
    """Nothing serious, in either colour scheme; and no page is wider than a phone."""
    context = browser.new_context(bypass_csp=True, viewport={"width": WIDE, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    found = serious(page)
    page.emulate_media(color_scheme="dark")
    found += serious(page, "color-contrast")
    page.set_viewport_size({"width": PHONE, "height": 900})
    if (width := page.evaluate("document.documentElement.scrollWidth")) > PHONE:
        found.append(f"{width} columns on a phone of {PHONE}")
    context.close()
    assert found == []
