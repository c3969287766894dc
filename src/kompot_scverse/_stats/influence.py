"""How much a result rests on one sample or donor: the tests again without each of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .gene_testing import GeneTestSettings, gene_test
from .linear_model import SampleDesign
from .neighborhoods import NeighborhoodMoments


@dataclass(frozen=True)
class SampleParts:
    """Sums over the cells of every sample, from which the moments of any samples can be put together."""

    mass: NDArray[np.float64]
    """Weight sums: samples x m."""
    gram: NDArray[np.float64]
    """WᵀW: samples x m x m."""
    sums: NDArray[np.floating]
    """Wᵀy: samples x m x genes."""
    squares: NDArray[np.floating]
    """Wᵀy²: samples x m x genes."""

    def of(self, use: NDArray[np.bool_] | slice = slice(None)) -> NeighborhoodMoments:
        """The moments of some samples; by default of all."""
        return NeighborhoodMoments(self.mass[use], self.gram[use], self.sums[use], self.squares[use].sum(axis=0))


@dataclass(frozen=True)
class LeftOut:
    """Tests without each unit: units x genes; NaN where nothing can be tested."""

    effect: NDArray[np.float64]
    """Tested contrast at the node that explains a gene's change best with all samples."""
    z: NDArray[np.float64]
    """Its moderated z."""
    pvalue: NDArray[np.float64]
    """Combined over the nodes."""
    qvalue: NDArray[np.float64]
    """Over the genes."""


def genes_without(
    parts: SampleParts,
    nodes: NDArray[np.bool_],
    design: SampleDesign,
    units: NDArray[np.intp],
    places: NDArray[np.intp],
    settings: GeneTestSettings,
    reference: NDArray[np.bool_] | None = None,
) -> LeftOut:
    """Test all genes without each unit in turn, by the whole of :func:`gene_test`.

    Weights, priors and normalisation are estimated again; only the node in which a gene's effect is reported is that of the
    test with all samples.

    Parameters
    ----------
    parts
        Sums over the cells of each sample.
    nodes
        Groups of neighbourhoods, nodes x m.
    design
        Design of all samples, with one contrast.
    units
        What is left out: number of the unit of each sample. One sample, or one donor with all of theirs.
    places
        Node of each gene.
    settings, reference
        As of the test with all samples.
    """
    genes = np.arange(len(places))
    found = np.full((4, int(units.max()) + 1, len(genes)), np.nan)
    for unit in range(found.shape[1]):
        use = units != unit
        rest = design.restricted(use)
        # what the others cannot test is missing
        if rest.estimable and rest.residual_df >= 1:
            test = gene_test(parts.of(use), nodes, rest, settings, reference)
            found[:, unit] = test.effect[places, genes], test.z[places, genes], test.pvalue, test.qvalue
    return LeftOut(*found)


def rests_on(
    left_out: NDArray[np.float64], called: NDArray[np.bool_], threshold: float | NDArray[np.float64]
) -> NDArray[np.intp]:
    """Number of the only unit without which a call is lost; -1 if there is none, or more than one.

    Parameters
    ----------
    left_out
        p or q without each unit: units x genes.
    called
        Whether each gene is called with all samples.
    threshold
        Largest p or q of a call, one for all or per gene.
    """
    # what cannot be tested without a unit is lost, too
    lost = ~(left_out <= threshold)
    return np.where(called & (lost.sum(axis=0) == 1), lost.argmax(axis=0), -1)
