"""What it takes to compute the features of a basis again, as numbers and names."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from .basis import Basis
from .covariance import NAMED
from .features import CellFeatures
from .frame import Frame
from .kernel import Kernel
from .mellon import kernel_function, load_mellon


@dataclass(frozen=True)
class FeatureRecipe:
    """From a representation to features."""

    components: np.ndarray
    """Columns of the representation that are used."""
    frame: Frame
    pivots: np.ndarray
    """In the frame: rank × dimensions."""
    kernel: str
    """Name of a covariance of mellon."""
    ls: float
    constant: bool
    scale: float

    @classmethod
    def of(
        cls, features: CellFeatures, frame: Frame, components: np.ndarray, kernel: str, ls: float
    ) -> "FeatureRecipe":
        """The recipe of the features of an analysis."""
        pivots = features.bases[0].pivots
        return cls(components, frame, pivots, kernel, ls, features.constant, features.scale)

    def inward(self, x: np.ndarray) -> np.ndarray:
        """Points of a representation, with all its columns, in the frame."""
        return self.frame.inward(x[:, self.components])

    def features(self, points: np.ndarray) -> CellFeatures:
        """Features of points in the frame."""
        kernel = Kernel(kernel_function(self.kernel, self.ls), self.frame)
        basis = Basis(self.pivots, np.linalg.cholesky(kernel(self.pivots, self.pivots)), kernel, np.nan)
        return CellFeatures((basis,), points, self.constant, self.scale)

    def to_dict(self) -> dict[str, Any]:
        """As a record in JSON; numbers are exact."""
        return {
            "components": self.components.tolist(),
            "center": _text(self.frame.center),
            "exponent": self.frame.exponent,
            "pivots": _text(self.pivots),
            "kernel": self.kernel,
            "ls": self.ls,
            "constant": self.constant,
            "scale": self.scale,
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "FeatureRecipe":
        """Read from a record."""
        components = np.array(record["components"], dtype=np.intp)
        pivots = _numbers(record["pivots"]).reshape(-1, len(components))
        frame = Frame(_numbers(record["center"]), int(record["exponent"]))
        return cls(components, frame, pivots, record["kernel"], record["ls"], record["constant"], record["scale"])


def kernel_name(kernel: Any) -> str:
    """
    Name of a covariance that its length scale determines.

    Raises
    ------
    ValueError
        If it is one of the caller's own.
    """
    name: Any = "Matern52" if kernel is None else kernel
    if isinstance(name, str) and name in NAMED:
        return name
    known = load_mellon().cov
    if isinstance(name, type):
        name = next((own for own in known.__all__ if getattr(known, own) is name), "")
    if not isinstance(name, str) or name not in known.__all__:
        raise ValueError(
            "`StorageSettings(basis=None)` computes the features again from the name of the kernel and its length scale; "
            "leave it out with a kernel of your own."
        )
    return name


def _text(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode()


def _numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64)
