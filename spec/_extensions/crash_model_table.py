"""
Show what each crash model was held against, from the litmus vectors.

    ```{crash-models}
    ```

The vectors are read, and each state in them is put to its crash model, while the page is built.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from tornproof_kernels.measured import (
    crash_model_of,
    litmus_programs,
    load_campaigns,
    load_vectors,
    total,
)
from tornproof_kernels.predictions import compare, tightness
from tornproof_kernels.vectors import Vector
from tornproof_models.disk.crash_models import CRASH_MODELS

FOLDER = Path(__file__).resolve().parents[1] / "litmus"
HEAD = (
    "| crash model | Linux | programs | states | outside | seen of allowed | the same after a "
    "failed fsync |\n"
    "|---|---|--:|--:|--:|--:|--:|\n"
)


class CrashModels(SphinxDirective):
    """The directive `crash-models`."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        vectors, campaigns = load_vectors(FOLDER), load_campaigns(FOLDER)
        for path in FOLDER.glob("*.json"):
            self.env.note_dependency(str(path))
        rows = []
        for name in CRASH_MODELS:
            found = total(name, vectors.values(), campaigns)
            own = [
                each
                for each in vectors.values()
                if crash_model_of(each.filesystem, each.options, each.mkfs) == name
            ]
            if not own:
                continue
            outside = found.outside + sum(len(compare(name, v.programs).outside) for v in own)
            rows.append(
                f"| `{name}` | {', '.join(found.kernels)} | {found.programs:,} | "
                f"{found.states:,} | {outside} | {_tightness(name, own)} |\n"
            )
        return self.parse_text_to_nodes(HEAD + "".join(rows))


def _tightness(crash_model: str, own: Sequence[Vector]) -> str:
    """Say how many of the allowed states were seen, in two cells."""
    programs = litmus_programs(crash_model, own)
    cells = []
    for failed in (False, True):
        chosen = [each for each in programs if each.litmus.has_failed_sync is failed]
        seen, allowed = tightness(crash_model, chosen)
        cells.append(f"{seen} of {allowed:,}" if chosen else "")
    return " | ".join(cells)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("crash-models", CrashModels)
    return {"parallel_read_safe": True}
