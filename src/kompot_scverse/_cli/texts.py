"""What options do, from docstrings, in the words of a command line."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from itertools import pairwise

HERE = {
    "genes": "Gene, or the true/false var column that marks them; left out, all. The others keep the results of an "
    "earlier run with the same cells, basis and settings. In a MuData, write the modality in front (prot:CD3) if needed.",
    "mask_obs": "The true/false obs column that marks the cells to use; left out, all.",
    "layer": "Layer of the log-normalised expression; left out, X. If the modalities of a MuData have different layers, "
    "name them in --config.",
    "rng": "Seed of what is drawn at random.",
    "layers": "Write the smoothed expression and fold change of all cells and genes into the output: computed while "
    "writing (lazy), or before, in memory or on disk. Left out, the file holds what kp.tl.restore_layers builds them from.",
    "directory": "Folder for --layers disk and --sample-covariance disk; left out, a temporary one.",
    "keep": "Keep the files of --layers disk at the end.",
    "kernel": "A covariance of mellon, such as Matern32; left out, Matern52.",
}
"""Arguments that take other things in Python."""

PHRASES = {
    r", or a kompot_scverse\.Design\b[^.]*": "; --design takes a formula over the samples instead",
    r"None for\b": "leave it out for",
    r"None estimates it\b": "left out, it is estimated",
    r"None chooses it\b": "left out, it is chosen",
    r"None (to|if)\b": r"leave it out \1",
    r"None (\w+s)\b": r"left out, it \1",
    "None:": "left out:",
}
"""There is no None on a command line."""


def argument_texts(function: Callable) -> dict[str, str]:
    """What the docstring says about each parameter."""
    section = re.search(r"\nParameters\n-+\n(.*?)\n\n[A-Z]\w+\n-+\n", inspect.getdoc(function) or "", re.DOTALL)
    texts: dict[str, str] = {}
    for names, text in re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?|\n)*)", section.group(1) if section else "", re.MULTILINE):
        for name in re.split(r",\s*", names.split(" : ")[0]):
            texts[name] = _here(name, text)
    return texts


def field_texts(kind: type) -> dict[str, str]:
    """What stands below each field of a dataclass."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    texts: dict[str, str] = {}
    for field, text in pairwise(definition.body):  # type: ignore[attr-defined]
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = field.target.id  # type: ignore[union-attr]
            texts[name] = _here(name, str(text.value.value))
    return texts


def _here(name: str, text: str) -> str:
    plain = re.sub(r":\w+:`~?([^`]*)`", r"\1", " ".join(text.split())).replace("`", "")
    for python, here in PHRASES.items():
        plain = re.sub(python, here, plain)
    plain = re.sub(r"(?<=\. )l(?=eft out|eave it out)", "L", plain)
    return HERE.get(name, plain)
