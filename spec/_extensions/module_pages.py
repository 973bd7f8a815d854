"""
One page for each module, written from what is there.

The pages appear under `spec/reference/`, which git ignores, when the site is
built.  Each holds the module's docstring, which opens like a chapter, then its
classes and functions in the order of the source; a package's page ends with
its modules and their opening sentences.
"""

import ast
import builtins
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]

ROOMS = {
    "reference/tornproof": "Reference",
    "models/tornproof_models": "Models",
    "conformance/tornproof_conformance": "Conformance",
}


def write_pages(app: Sphinx) -> None:
    """Bring `reference/` up to date, touching only what changed."""
    directory = Path(app.srcdir) / "reference"
    directory.mkdir(exist_ok=True)
    pages = {f"{name}.rst": text for room in ROOMS for name, text in _pages(ROOT / room)}
    for path in directory.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _pages(package: Path) -> Iterator[tuple[str, str]]:
    """Yield a name and a page for a package and everything below it."""
    name = ".".join(package.relative_to(package.parents[_depth(package)]).parts)
    modules = sorted(path for path in package.glob("*.py") if not path.stem.startswith("_"))
    packages = sorted(path.parent for path in package.glob("*/__init__.py"))
    sources = modules + [path / "__init__.py" for path in packages]
    below = [f"{name}.{path.stem}" for path in (*modules, *packages)]
    listed = "".join(
        f"- :doc:`{each}`: {_opening(source)}\n"
        for each, source in zip(below, sources, strict=True)
    )
    hidden = "".join(f"   {each.rpartition('.')[2]} <{each}>\n" for each in below)
    yield (
        name,
        f"{_page(name)}\n.. rubric:: Modules\n\n{listed}\n.. toctree::\n   :hidden:\n\n{hidden}",
    )
    for each in modules:
        yield f"{name}.{each.stem}", _page(f"{name}.{each.stem}")
    for each in packages:
        yield from _pages(each)


def _opening(source: Path) -> str:
    """Return the first sentence of a module's docstring, without its stop."""
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).rstrip(".")


def _depth(package: Path) -> int:
    """Count how deep a package lies below its room, from 0."""
    return len(package.relative_to(ROOT).parts) - 2


def _page(module: str) -> str:
    return f"{module}\n{'=' * len(module)}\n\n.. automodule:: {module}\n"


def show_enumerations(
    _app: Sphinx, _kind: str, _name: str, member: object, skip: bool, _options: object
) -> bool:
    """List the members of an enumeration even where they need no words."""
    return skip and not isinstance(member, Enum)


def leave_builtins_alone(_app: Sphinx, doctree: nodes.document) -> None:
    """Do not link `bytes` in a signature to some attribute that is called so."""
    for reference in list(doctree.findall(pending_xref)):
        subject = reference.get("reftarget", "")
        if hasattr(builtins, subject):
            reference.replace_self(nodes.Text(subject))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-skip-member", show_enumerations)
    app.connect("doctree-read", leave_builtins_alone)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
