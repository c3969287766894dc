"""The name of everything that is written: built here and nowhere else."""

import re
from dataclasses import dataclass

SAMPLE_VAR = "_sample_var"
"""Suffix of the fields that the variance between replicates changes."""
DIRECTIONS = ("down", "neutral", "up")
"""Categories of the direction of a cell, in the order of their codes."""

UNSAFE = re.compile(r"[/\\\x00\ud800-\udfff]")
"""What opens a group in a file, or cannot be written."""
NO_PART = re.compile(r"[^\w.+-]+")
"""What the name of an effect has that would be awkward in a key: brackets, colons, blanks."""
LONGEST = 255
"""Bytes of a name that a file system takes, which that of a zarr array becomes."""
RESERVED = ("", ".", "..", "_index", "zarr.json")
"""Names that files keep for themselves."""


def slug(label: object) -> str:
    """A label as it appears in keys; slashes (also backward, in zarr) would open a group in the file."""
    return UNSAFE.sub("_", str(label))


def effect_key(name: str) -> str:
    """The name of an effect as it appears in keys: letters, digits, dots, signs and underscores."""
    return NO_PART.sub("_", name).strip("_") or "_"


def column_name(label: object, index_name: object = None) -> str:
    """A label as the column of a table in varm, whose index is named as var's is."""
    name = slug(label)
    return f"{name}_" if name in (*RESERVED, index_name) else name


def is_safe(name: object) -> bool:
    """Whether a file can hold something under this name."""
    return isinstance(name, str) and slug(name) == name and name not in RESERVED


def check_key(key: object) -> None:
    """
    Raise if a name that the user chose cannot be written to a file.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If it is empty, reserved, or has a slash.
    """
    if not isinstance(key, str):
        raise TypeError(f"`key_added` must be text, not {key!r}.")
    if not is_safe(key):
        instead = f" Pass {slug(key)!r} instead." if is_safe(slug(key)) else ""
        raise ValueError(
            f"`key_added={key!r}` cannot be part of the names in a file: it must be neither empty nor reserved, and have no "
            f"slash, backslash or NUL.{instead}"
        )


@dataclass(frozen=True)
class Keys:
    """Names of the fields of one contrast."""

    key_added: str
    reference: object
    """None for an effect of a design, whose key is the group."""
    group: object
    sample_var: bool = False

    @property
    def contrast(self) -> str:
        """Prefix of what belongs to the contrast."""
        if self.reference is None:
            return f"{self.key_added}_{slug(self.group)}"
        return f"{self.key_added}_{slug(self.reference)}_to_{slug(self.group)}"

    def field(self, statistic: str, *, varies: bool = False) -> str:
        """Field of the contrast; `varies` if the variance between replicates changes it."""
        return f"{self.contrast}_{statistic}{SAMPLE_VAR if varies and self.sample_var else ''}"

    def of(self, condition: object, statistic: str, *, varies: bool = False) -> str:
        """Field of one condition."""
        return f"{self.key_added}_{slug(condition)}_{statistic}{SAMPLE_VAR if varies and self.sample_var else ''}"

    @property
    def basis(self) -> str:
        """The features Φ in obsm."""
        return f"{self.key_added}_basis"

    @property
    def neighborhoods(self) -> str:
        """The weights of the cells in the soft neighbourhoods in obsm."""
        return f"{self.key_added}_neighborhoods"
