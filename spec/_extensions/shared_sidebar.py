"""
One sidebar for all pages of modules, and headings in every sidebar that say their level.

The theme makes the whole navigation anew for each page, which takes more than a second where
there are hundreds.  The pages of modules share one, in which no page is marked as the current.
"""

from functools import cache, partial
from typing import Any

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

FOLDER = "reference/"
NO_PAGE = f"{FOLDER}-"
"""A name beside the pages of modules, so that links from it fit all of them."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Come before and after the theme, which is connected with the default priority of 500."""
    app.connect("html-page-context", _share, priority=400)
    app.connect("html-page-context", _level_headings, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _share(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    del template, doctree
    if page.startswith(FOLDER) and "toctree" in context:
        assert isinstance(app.builder, StandaloneHTMLBuilder)
        context["toctree"] = partial(_sidebar, app.builder)


def _level_headings(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object
) -> None:
    """Give the captions of groups a level, which a heading must have for a screen reader."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace(
        'role="heading"', 'role="heading" aria-level="2"'
    )


@cache
def _sidebar(builder: StandaloneHTMLBuilder, **options: Any) -> str:
    return builder._get_local_toctree(NO_PAGE, **options)
