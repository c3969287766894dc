"""The name of everything that is written: built here and nowhere else."""

from dataclasses import dataclass

__all__ = ["Keys", "slug"]

SAMPLE_VAR = "_sample_var"
"""Suffix of the fields that the variance between replicates changes."""


def slug(label: object) -> str:
    """A label as it appears in keys; a slash would open a group in the file."""
    return str(label).replace("/", "_")


@dataclass(frozen=True)
class Keys:
    """Names of the fields of one contrast."""

    key_added: str
    reference: object
    group: object
    sample_var: bool = False

    @property
    def contrast(self) -> str:
        """Prefix of what belongs to the contrast."""
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
