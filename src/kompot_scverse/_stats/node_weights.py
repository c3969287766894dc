"""How much each group of neighbourhoods counts where tests are combined over them."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["node_probabilities", "node_weights", "weights_from_others"]

EFFECT_SD = 6.0
"""Standard deviation of the expected z of a gene that changes. From 2.5 to 8 the average precision on
Kang's controls is within 2 %, and the number of small p falls slightly."""
PSEUDO_GENES, PSEUDO_SHARE = 10, 0.015
"""Genes that are added, spread evenly over the nodes: no node has weight zero, and a single gene hardly moves any. Of many
genes a share more, since those of one cell type move together where donors differ."""
ITERATIONS = 30
FEW_GENES = 100
"""With fewer genes each one's weights are learnt without it from the start; with more, its own share is taken out at the end."""
LARGEST_LOG_RATIO = 50.0
"""Keeps the likelihood ratios finite; above it a gene is as good as sure."""


def node_weights(z: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Share of the genes whose change each node explains best, learnt from all genes.

    Where hardly any gene changes, the nodes count alike; where many change in one cell type, its node is what the tests of
    all genes rest on, and the price for having looked elsewhere too is small (hypothesis weights learnt from the
    data: Ignatiadis et al. 2016). A node that merely overlaps the changed cells has small p too, which is why they are not
    simply counted: a gene is unchanged, :math:`z_{gk} \sim N(0, 1)`, or belongs to one node k with
    :math:`z_{gk} \sim N(0, 1 + \tau^2)`; with the likelihood ratios
    :math:`B_{gk} = (1 + \tau^2)^{-1/2} \exp(\tfrac12 z_{gk}^2 \tau^2 / (1 + \tau^2))` the shares are those of the mixture
    :math:`\prod_g (\pi_0 + \sum_k \pi_k B_{gk})` by expectation-maximisation.

    Parameters
    ----------
    z
        Moderated z, nodes x genes; NaN where not tested.

    Returns
    -------
    Positive weights, one per node.
    """
    return _shares(_ratios(z), np.ones((1, z.shape[1])))[0]


def weights_from_others(z: NDArray[np.float64], reference: NDArray[np.bool_]) -> NDArray[np.float64]:
    r"""Weights of the nodes for every gene, learnt from the other genes of a reference.

    A gene that helps to choose the weights prefers the nodes where it looks changed by chance: with 10 unchanged genes 10 to
    13 % had a combined p below 0.05 so, and 5 % with weights learnt from the others.

    Parameters
    ----------
    z
        Moderated z, nodes x genes; NaN where not tested.
    reference
        Genes to learn from.

    Returns
    -------
    Positive weights, nodes x genes.
    """
    ratio, n = _ratios(z[:, reference]), int(reference.sum())
    share = _shares(ratio, np.ones((1, n)))[0]
    weights = np.repeat(share[:, None], z.shape[1], axis=1)
    if n < FEW_GENES:
        weights[:, reference] = _shares(ratio, 1 - np.eye(n)).T
    else:
        own = share[:, None] * ratio / (1 - share.sum() + share @ ratio)
        n_extra = PSEUDO_GENES + PSEUDO_SHARE * n
        weights[:, reference] = np.maximum(share[:, None] * (n + n_extra) - own, n_extra / len(z)) / (n - 1 + n_extra)
    return weights


def node_probabilities(z: NDArray[np.float64], reference: NDArray[np.bool_]) -> NDArray[np.float64]:
    r"""Probability of every gene that it changes and that each node explains its change best, nodes x genes.

    The posterior :math:`\pi_k B_{gk} / (\pi_0 + \sum_l \pi_l B_{gl})` of the mixture of :func:`node_weights`; what is left to one
    is the probability that the gene does not change. NaN for genes that are tested in no node.

    Parameters
    ----------
    z
        Moderated z, nodes x genes; NaN where not tested.
    reference
        Genes that the shares of the nodes are learnt from.
    """
    share = _shares(_ratios(z[:, reference]), np.ones((1, int(reference.sum()))))[0]
    explained = share[:, None] * _ratios(z)
    found = explained / (1 - share.sum() + explained.sum(axis=0))
    found[:, np.isnan(z).all(axis=0)] = np.nan
    return found


def _ratios(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Likelihood ratios of a change in each node, nodes x genes; 0 where not tested."""
    spread = EFFECT_SD**2 / (1 + EFFECT_SD**2)
    tested = np.isfinite(z)
    log_ratio = np.minimum(0.5 * spread * np.where(tested, z, 0) ** 2, LARGEST_LOG_RATIO)
    return np.where(tested, np.exp(log_ratio) / np.sqrt(1 + EFFECT_SD**2), 0)


def _shares(ratio: NDArray[np.float64], use: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of the nodes by expectation-maximisation, for several choices of the genes at a time: choices x nodes.

    Parameters
    ----------
    ratio
        Likelihood ratios, nodes x genes.
    use
        1 for the genes of each choice, else 0: choices x genes.
    """
    n_nodes = len(ratio)
    n_genes = use.sum(axis=1, keepdims=True)
    extra = PSEUDO_GENES + PSEUDO_SHARE * n_genes
    share = np.full((len(use), n_nodes), 0.1 / n_nodes)
    for _ in range(ITERATIONS):
        likelihood = 1 - share.sum(axis=1, keepdims=True) + share @ ratio
        explained = share * ((use / likelihood) @ ratio.T)
        share = (explained + extra / n_nodes) / (n_genes + extra)
    return share
