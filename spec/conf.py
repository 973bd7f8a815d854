"""Build the specification, the guides and the reference's docstrings into one site."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "Tornproof"
author = "The Tornproof developers"
project_copyright = author
version = release = installed_version("tornproof")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "bar_chart",
    "crash_model_table",
    "holes",
    "module_pages",
    "parameter_lists",
    "plain_docstrings",
    "requirement_marks",
    "shared_sidebar",
    "state_machine",
    "survey_results",
]
exclude_patterns = ["_*", "litmus", "vectors", "schema"]
default_role = "code"  # docstrings write code between single backticks

# Chapters are Markdown
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "ignore-module-all": True}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
add_module_names = False

# two classes may have one name; an annotation that names it bare then links to either
suppress_warnings = ["ref.python"]

# Links: `make links` asks for each; what stands after `#` is often made by a script
linkcheck_anchors = False
linkcheck_timeout = 20
linkcheck_retries = 2

# Site
html_theme = "furo"
html_title = "Tornproof"
html_static_path = ["_static"]
html_css_files = ["tornproof.css"]
html_show_sphinx = False
html_copy_source = False
pygments_style = "default"
pygments_dark_style = "github-dark"
