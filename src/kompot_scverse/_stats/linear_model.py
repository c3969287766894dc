"""Linear models of sample means: one small design matrix and one covariance for many genes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SampleDesign:
    """Design matrix, samples x coefficients, and the contrast of the coefficients to test."""

    matrix: NDArray[np.float64]
    contrast: NDArray[np.float64]
    """Coefficients of one contrast, or of several that are tested together: coefficients, or coefficients x contrasts."""
    block: NDArray[np.intp] | None = None
    """Number of the block of each sample, whose samples are correlated; None where all are independent."""

    @property
    def residual_df(self) -> int:
        """Samples beyond the rank of the design."""
        return len(self.matrix) - int(np.linalg.matrix_rank(self.matrix))

    def restricted(self, use: NDArray[np.bool_]) -> "SampleDesign":
        """The design of some of the samples."""
        return SampleDesign(self.matrix[use], self.contrast, None if self.block is None else self.block[use])

    def coefficients(self, use: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Coefficients of all samples' means in the contrast by ordinary least squares, 0 for samples not in `use`.

        `self` is the design of the samples in `use`. Of several contrasts the result is an orthonormal basis of theirs:
        samples x contrasts.
        """
        own = np.linalg.pinv(self.matrix).T @ self.contrast
        if own.ndim == 2:
            own = np.linalg.qr(own)[0]
        out = np.zeros((len(use), *own.shape[1:]))
        out[use] = own
        return out

    @property
    def estimable(self) -> bool:
        """Whether the samples determine the contrast: it lies in the row space of the matrix."""
        projected = np.linalg.pinv(self.matrix) @ self.matrix @ self.contrast
        return bool(np.allclose(projected, self.contrast, atol=1e-8))


@dataclass(frozen=True)
class LinearFit:
    """Generalised least squares of many genes."""

    effect: NDArray[np.float64]
    """Estimated contrast cᵀβ, per gene; of several: contrasts x genes."""
    scale: float | NDArray[np.float64]
    """Its standard deviation for residual variance 1: √(cᵀ(XᵀV⁻¹X)⁻¹c), one for all or per gene; of several: contrasts x 1 or x genes."""
    variance: NDArray[np.float64]
    """Residual variance s², per gene."""
    df: int
    """Residual degrees of freedom."""
    log_determinant: float | NDArray[np.float64] = 0.0
    """log |V| + log |XᵀV⁻¹X|, the determinants of the restricted likelihood; one for all or per gene."""
    squared: NDArray[np.float64] | None = None
    """Of several contrasts d, per gene: dᵀM⁻¹d with their covariance M for residual variance 1."""
    n_contrasts: int = 1
    """Degrees of freedom of what is tested: the rank of M."""

    def subset(self, genes: NDArray[np.intp]) -> "LinearFit":
        """The fit of some of the genes."""

        def of_genes(values: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
            array = np.asarray(values)
            return array[..., genes] if array.shape[-1:] == self.variance.shape else values

        return replace(
            self,
            effect=self.effect[..., genes],
            variance=self.variance[genes],
            scale=of_genes(self.scale),
            log_determinant=of_genes(self.log_determinant),
            squared=None if self.squared is None else self.squared[genes],
        )


def fit_linear(y: NDArray[np.floating], covariance: NDArray[np.float64], design: SampleDesign) -> LinearFit:
    """Fit every gene with the same covariance between samples.

    Parameters
    ----------
    y
        Sample means, samples x genes.
    covariance
        Covariance V of the samples up to the gene's variance, samples x samples; diagonal 1/weight for WLS.
    design
        Need not be of full rank as long as the contrast is estimable.
    """
    root = np.linalg.cholesky(covariance)
    u, singular, vt = np.linalg.svd(np.linalg.solve(root, design.matrix))
    singular = singular[singular > singular[0] * 1e-10]
    rank = len(singular)
    direction = ((vt[:rank] @ design.contrast).T / singular).T
    # coordinates of independent samples: first those within the model, then those of the residuals
    turn = np.linalg.solve(root.T, u).T
    residual = turn[rank:] @ y
    df = len(y) - rank
    fit = LinearFit(
        effect=(direction.T @ turn[:rank]) @ y,
        scale=float(np.linalg.norm(direction)),
        variance=np.einsum("sg,sg->g", residual, residual) / max(df, 1),
        df=df,
        log_determinant=2 * float(np.log(np.diag(root)).sum() + np.log(singular).sum()),
    )
    if direction.ndim == 1:
        return fit
    # the coordinates within the span of the contrasts: their squared length does not depend on how they are written
    basis, lengths, _ = np.linalg.svd(direction / np.linalg.norm(direction, axis=0), full_matrices=False)
    basis = basis[:, lengths > lengths[0] * 1e-8]
    return replace(
        fit,
        scale=np.linalg.norm(direction, axis=0)[:, None],
        squared=np.square((basis.T @ turn[:rank]) @ y).sum(axis=0),
        n_contrasts=basis.shape[1],
    )


def tempered_covariance(covariance: NDArray[np.float64], between: float) -> NDArray[np.float64]:
    r"""Sampling covariance of the samples' means plus variance between samples: :math:`V + \omega \operatorname{med}(V_{ss}) I`.

    Parameters
    ----------
    covariance
        Sampling covariance V, samples x samples.
    between
        Variance between samples :math:`\omega` in units of the typical sampling variance.
    """
    return covariance + between * np.median(np.diag(covariance)) * np.eye(len(covariance))
