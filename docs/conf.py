"""Sphinx configuration; `uv run --group doc sphinx-build -W -b html docs docs/_build/html` builds the pages."""

import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import array_types  # noqa: E402

info = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
project = info["name"]
author = "The kompot-scverse developers"
copyright = f"2026, {author}"
version = release = info["version"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    # formulas without a network
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "_ecosystem", "generated/array_types.md", "**.ipynb_checkpoints"]
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
templates_path = ["_templates"]
# a name in single backticks is code, in docstrings as in Markdown
default_role = "literal"

# a link within these pages that leads nowhere is a warning, and with -W an error; others need a network
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!kompot_scverse\b).*")]
if os.environ.get("READTHEDOCS"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "anndata": ("https://anndata.scverse.org/en/stable", None),
        "mudata": ("https://mudata.readthedocs.io/stable", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
    }

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
# types beside what is documented; a return value is described in words
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 90
napoleon_google_docstring = False
napoleon_numpy_docstring = True
# free text, as what is written into the data needs more than a type
napoleon_custom_sections = ["Returns"]

# the notebooks are executed by `tutorials/execute.py` and shown as they are
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_title = "kompot-scverse"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_extra_path = ["llms.txt"]
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "repository_url": info["urls"]["Source"],
    "use_repository_button": True,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def _copy_tutorials() -> None:
    """Sphinx reads only what lies below its folder."""
    target = HERE / "tutorials"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for notebook in sorted((HERE.parent / "tutorials").glob("*.ipynb")):
        shutil.copy(notebook, target)


_copy_tutorials()
array_types.write()


def _prepare_docstring(app, what, name, obj, options, lines) -> None:
    """In docstrings |z| is an absolute value, never a substitution; within backticks and formulas bars stay."""
    for number, line in enumerate(lines):
        parts = re.split(r"(`[^`]*`)", line)
        parts[::2] = [re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts[::2]]
        lines[number] = "".join(parts)
    if what == "attribute":
        # napoleon would take what comes before a colon in the first line for the type
        lines.insert(0, "")


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _prepare_docstring, priority=400)
