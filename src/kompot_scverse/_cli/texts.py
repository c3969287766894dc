"""What options do, from docstrings, in the words of a command line."""

import re
from collections.abc import Callable

from docstring_parser import DocstringStyle, parse_from_object

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


def texts_of(described: Callable | type) -> dict[str, str]:
    """What the docstring says about each parameter of a function, or stands below each field of a dataclass."""
    found = parse_from_object(described, DocstringStyle.NUMPYDOC).params
    return {name: _here(name, one.description or "") for one in found for name in re.split(r",\s*", one.arg_name)}


def _here(name: str, text: str) -> str:
    plain = re.sub(r":\w+:`~?([^`]*)`", r"\1", " ".join(text.split())).replace("`", "")
    for python, here in PHRASES.items():
        plain = re.sub(python, here, plain)
    plain = re.sub(r"(?<=\. )l(?=eft out|eave it out)", "L", plain)
    return HERE.get(name, plain)
